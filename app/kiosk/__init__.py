"""The teller's desktop program (Qt Widgets): a client of the API. Nothing outside this package imports Qt."""
