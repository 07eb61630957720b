"""What travels to a GPU machine and back, and the page of tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.slm.carry import CarryError, join, pack, split
from factory.slm.page import PageError, put

ROOT = Path(__file__).resolve().parents[2]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(1, 64))
def test_parts_are_small_and_make_the_file_again(tmp_path: Path, content: bytes, size: int) -> None:
    (tmp_path / "file.gguf").write_bytes(content)
    parts = split([tmp_path / "file.gguf"], tmp_path / "parts", size)
    assert all(part.stat().st_size <= size for part in parts[:-1])
    assert [path.read_bytes() for path in join(tmp_path / "parts", tmp_path / "again")] == [content]


def test_damaged_and_missing_parts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    parts = split([tmp_path / "file"], tmp_path / "parts", 4)
    parts[1].write_bytes(b"456X")
    with pytest.raises(CarryError, match="damaged"):
        join(tmp_path / "parts", tmp_path / "again")
    parts[1].unlink()
    with pytest.raises(CarryError, match="missing"):
        join(tmp_path / "parts", tmp_path / "again")


def test_packing_takes_what_training_reads_and_no_more_than_fits(tmp_path: Path) -> None:
    for name in ("qa/en.jsonl.xz", "law/gdpr.xz"):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / name).write_bytes(b"12345")
    assert pack(tmp_path / "data", tmp_path / "out") == 5
    assert [path.name for path in (tmp_path / "out").rglob("*.xz")] == ["en.jsonl.xz"]
    with pytest.raises(CarryError, match="more than 4"):
        pack(tmp_path / "data", tmp_path / "out", most=4)


def test_the_page_keeps_what_is_outside_the_markers() -> None:
    text = "before\n<!-- a -->\nold\n<!-- /a -->\nafter"
    assert put(text, "a", "new") == "before\n<!-- a -->\nnew\n<!-- /a -->\nafter"
    assert put(put(text, "a", "new"), "a", "new") == put(text, "a", "new")
    with pytest.raises(PageError):
        put("nothing", "a", "new")


def test_the_page_has_a_place_for_every_table() -> None:
    text = (ROOT / "docs" / "models.md").read_text("utf8")
    for name in ("quantize", "prune", "distil", "onnx"):
        assert put(text, name, "x") != text
