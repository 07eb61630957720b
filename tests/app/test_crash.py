"""What a crash leaves behind: no memory on disk, no text in a traceback or a log line."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from app import cli, turn
from app.crash import WhereFormatter, where

IBAN = "ES91 2100 0418 4502 0005 1332"
ABORT = """
import ctypes, os, resource
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
{harden}
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True)
typed = "{iban}"
os.abort()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl(2) is Linux's")
def test_a_crash_writes_no_memory_to_disk(tmp_path: Path) -> None:
    code = ABORT.format(harden="from app.crash import no_core_dump; no_core_dump()", iban=IBAN)
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, text=True)
    assert ran.returncode < 0
    assert ran.stdout.split() == ["0", "0"]
    assert list(tmp_path.iterdir()) == []
    unguarded = subprocess.run(
        [sys.executable, "-c", ABORT.format(harden="", iban=IBAN)], cwd=tmp_path, capture_output=True, text=True
    )
    assert unguarded.stdout.split()[0] == "1"


def _fault() -> BaseException:
    try:
        try:
            int(IBAN)
        except ValueError as error:
            raise RuntimeError(f"cannot take {IBAN}") from error
    except RuntimeError as error:
        return error


def test_where_tells_the_place_and_never_the_value() -> None:
    told = where(_fault())
    assert "RuntimeError" in told
    assert "ValueError" in told
    assert f"{Path(__file__).name}:" in told
    assert "2100" not in told


def test_a_logged_fault_holds_no_message() -> None:
    error = _fault()
    record = logging.LogRecord("box", logging.ERROR, __file__, 1, "a turn failed", None, (type(error), error, error.__traceback__))
    line = WhereFormatter("%(message)s").format(record)
    assert line.startswith("a turn failed\nRuntimeError")
    assert "2100" not in line


@pytest.mark.parametrize("asked_for", [False, True])
def test_a_fault_in_a_turn_repeats_nothing_typed(
    asked_for: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: object, __: object, text: str, *___: object) -> None:
        raise ValueError(f"cannot take {text}")

    monkeypatch.setattr(turn, "_receive", fails)
    monkeypatch.setattr(sys, "argv", ["tellerbox", "ask", f"my IBAN is {IBAN}"])
    monkeypatch.setattr(cli, "no_core_dump", lambda: None)
    if asked_for:
        monkeypatch.setenv("TELLERBOX_TRACEBACK", "1")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert "internal fault (ValueError)" in err
    assert ("turn.py:" in err) is asked_for
    assert "2100" not in out + err
