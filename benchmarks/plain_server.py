"""llama_cpp.server with weights as they lie in the file: on a processor with AMX, llama-cpp-python crashes when it lays them out anew.

    python benchmarks/plain_server.py --model FILE …

Takes what `python -m llama_cpp.server` takes. `engine.py` starts it, and uses `lie_as_in_file` for `llama_cpp.Llama`, so that every
way of a comparison reads the same weights; where the box itself may lay them out anew, so may its peers.
"""

from __future__ import annotations

import runpy
from typing import Any

from llama_cpp import llama_cpp as library

from app.slm.resources import repacks


def lie_as_in_file() -> None:
    """Let models that are opened from here on keep their weights as they are, unless this processor may lay them out anew."""
    if repacks():
        return
    given = library.llama_model_default_params

    def parameters() -> Any:
        found = given()
        found.use_extra_bufts = False
        return found

    library.llama_model_default_params = parameters


if __name__ == "__main__":
    lie_as_in_file()
    runpy.run_module("llama_cpp.server", run_name="__main__", alter_sys=True)
