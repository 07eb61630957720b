"""Software: which version of the box, and of the library that runs the model, gave an answer."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

UNKNOWN = "unknown"


@cache
def versions() -> dict[str, str]:
    """Versions of what decides an answer besides models and policies; "unknown" for a part that was not installed."""
    return {"tellerbox": _version("tellerbox"), "llama_cpp_python": _version("llama-cpp-python")}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return UNKNOWN
