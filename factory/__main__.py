"""Command line of the SLM's factory: `python -m factory STEP` is `python -m factory.slm STEP`.

The embedder, the names, the ranking and the language models are made by modules of their own: `python -m factory.embedder` …
"""

from __future__ import annotations

from factory.slm.__main__ import main

if __name__ == "__main__":
    main()
