"""Starting the kiosk: which addresses it takes, what the command line says without Qt, and that nothing else needs Qt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import TellerboxError
from app.kiosk.program import checked_url
from tests.app.test_cli import one_line, tellerbox
from tests.conftest import PROJECT


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("http://127.0.0.1:7860", "http://127.0.0.1:7860"), ("http://localhost:7860/", "http://localhost:7860"),
        ("https://box.branch.example", "https://box.branch.example"), ("http://[::1]:7860", "http://[::1]:7860"),
    ],
)  # fmt: skip
def test_the_address_of_a_box_is_taken(url: str, taken: str) -> None:
    assert checked_url(url, plain_http=False) == taken


@pytest.mark.parametrize(
    "url", ["", "box", "ftp://box", "http://", "http://user:secret@127.0.0.1", "http://127.0.0.1/chat", "http://127.0.0.1?x=1", "http://127.0.0.1:99999"]
)
def test_anything_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(TellerboxError, match="--url must be the address") as refused:
        checked_url(url, plain_http=True)
    assert "secret" not in str(refused.value)


def test_passwords_do_not_cross_the_network_in_clear_unless_that_is_asked_for() -> None:
    with pytest.raises(TellerboxError, match="plain http"):
        checked_url("http://box.branch.example:7860", plain_http=False)
    assert checked_url("http://box.branch.example:7860", plain_http=True) == "http://box.branch.example:7860"


def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    assert "--url must be" in one_line(tellerbox("kiosk", "--url", "nowhere", home=tmp_path))
    assert "not served" in one_line(tellerbox("kiosk", "--language", "nl", home=tmp_path))
    assert "cannot be read" in one_line(tellerbox("kiosk", "--phrases", str(tmp_path / "none.toml"), home=tmp_path))


def test_without_qt_the_command_names_the_extra(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['PySide6'] = None; sys.argv = ['tellerbox', 'kiosk']; from app.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, cwd=PROJECT, timeout=120)
    assert done.returncode == 1
    assert done.stderr.strip() == "tellerbox: the kiosk needs Qt, which is not installed: pip install 'tellerbox[kiosk]'"


def test_nothing_but_the_kiosk_imports_qt_and_the_kiosk_imports_no_part_of_the_box() -> None:
    for folder in ("app", "knowledge", "compliance", "factory"):
        for path in (PROJECT / folder).rglob("*.py"):
            assert "PySide6" not in path.read_text("utf-8").replace('startswith(("PySide6"', "") or path.parent.name == "kiosk", path
    light = "import app.kiosk.program, sys; print([name for name in ('numpy', 'fastapi', 'gradio', 'torch', 'faiss', 'app.turn') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", light], capture_output=True, text=True, cwd=PROJECT, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_the_program_starts_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.cli", "kiosk", "--full-screen", "--language", "ar", "--url", "http://127.0.0.1:1"]
    process = subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert "propagateSizeHints" in process.stderr.readline()  # Qt's offscreen platform, once there is a window
        process.terminate()
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in told
