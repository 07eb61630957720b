"""Takes the screenshots of the documentation from a running box: `python -m tests.screenshots docs/screenshots`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser import ask, open_page

QUESTIONS = {
    "es": "¿Cuánto cuesta una transferencia internacional?",
    "zh": "国际汇款要多少钱？",
    "ar": "كم رسوم التحويل الدولي؟",
}


@contextmanager
def served(home: Path) -> Iterator[str]:
    """A box of its own, served on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"TELLERBOX_HOME": str(home)}, cwd=Path(__file__).parent.parent)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            if process.poll() is not None:
                raise RuntimeError("the server ended before it was ready")
            try:
                urllib.request.urlopen(url + "/healthz", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def main(out: Path) -> None:
    """One picture a language: a question, its answer, the policy open at the evidence."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as url:
        for language, question in QUESTIONS.items():
            with open_page(url, language) as (page, _, _):
                page.wait_for_timeout(1500)
                ask(page, question)
                page.locator("#log .cite").first.click()
                page.wait_for_timeout(1500)
                page.evaluate("window.scrollTo(0, 0)")
                page.screenshot(path=str(out / f"chat-{language}.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
