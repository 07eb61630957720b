"""Resident: what a server has loaded stays for its life, and the garbage collector need not look through it again.

A full collection visits every object there is: a million of Gradio's and ours, half a second in which nobody is answered
(`python benchmarks/pauses.py`).
"""

from __future__ import annotations

import gc


def settle() -> None:
    """Clear away what starting left, and put the rest out of the collector's sight: what is made from here on is collected as before."""
    gc.collect()
    gc.freeze()
