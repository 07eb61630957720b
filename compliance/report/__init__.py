"""The audit report: what happened at a branch in a period, as a PDF that a person reads."""
