"""However a bundle is changed, by a stranger or by who holds the box's key, the copy stays as it was or gets the truth."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance import verify
from compliance.fleet import Finding, Gathered
from compliance.ledger import Ledger
from compliance.rotation import rotate
from tests.compliance.fleet.office import Office, Row
from tests.compliance.ledgers import fill


class Scene:
    """A box's first bundle, which is gathered, and its next one, which somebody changes."""

    def __init__(self, root: Path) -> None:
        self.office = Office(root)
        self.box, self.other = self.office.box("b1"), self.office.box("b2")
        fill(self.box, 5)
        self.first = self.office.bundle(self.box)
        fill(self.box, 3, "second")
        rotate(self.box)
        self.box.erase("s2")
        fill(self.box, 4, "third")
        self.next = self.office.bundle(self.box)
        fill(self.other, 20)
        self.foreign = lines_of(self.office.bundle(self.other))
        assert self.office.gathered(self.first).finding is Finding.APPENDED
        self.held = self.office.rows()
        shutil.copytree(root / "fleet", root / "held")
        assert self.office.gathered(self.next).finding is Finding.APPENDED
        self.honest = self.office.rows()
        self._numbers = count()

    def close(self) -> None:
        for each in (self.box, self.other, self.office.ledger):
            each.close()

    def changed(self) -> Path:
        """A copy of the next bundle, to be changed."""
        return Path(shutil.copytree(self.next, self.office.root / f"changed-{next(self._numbers)}"))

    def gather(self, bundle: Path, *, known: bool) -> tuple[Gathered, list[Row], list[Row]]:
        """What came of it, and the records of the copy before and after; `known`: the first bundle was gathered."""
        shutil.rmtree(self.office.root / "fleet", ignore_errors=True)
        if known:
            shutil.copytree(self.office.root / "held", self.office.root / "fleet")
        done = self.office.gathered(bundle)
        shutil.rmtree(bundle)
        return done, self.held if known else [], self.office.rows()

    def sign(self, bundle: Path, signer: Ledger) -> None:
        """Makes the manifest again, as who holds a box's key can."""
        files = {path.name: path.read_bytes() for path in bundle.iterdir() if not path.name.startswith("manifest")}
        named = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
        manifest = json.dumps({"bundle": "tellerbox/bundle/1", "files": named})
        (bundle / verify.MANIFEST).write_text(manifest)
        note = signer.sign_bundle(verify.manifest_text(hashlib.sha256(manifest.encode()).hexdigest()))
        (bundle / verify.MANIFEST_NOTE).write_text(note)


def lines_of(bundle: Path) -> list[bytes]:
    return (bundle / verify.RECORDS).read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("scene"))
    yield made
    made.close()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_byte_that_was_flipped_anywhere_is_found(scene: Scene, data: st.DataObject) -> None:
    bundle = scene.changed()
    path = data.draw(st.sampled_from(sorted(bundle.iterdir())))
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    done, before, after = scene.gather(bundle, known=data.draw(st.booleans()))
    assert done.finding in (Finding.BROKEN, Finding.ANOTHER_BOX)
    assert after == before


def spliced(scene: Scene, lines: list[bytes], data: st.DataObject) -> list[bytes]:
    """The lines of an export with one thing changed."""
    at, to = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    how = data.draw(st.sampled_from(["flip", "drop", "duplicate", "swap", "foreign", "cut", "description", "whole"]))
    if how == "flip":
        raw = bytearray(lines[at])
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        return [*lines[:at], bytes(raw), *lines[at + 1 :]]
    if how == "drop":
        return lines[:at] + lines[at + 1 :]
    if how == "duplicate":
        return [*lines[:to], lines[at], *lines[to:]]
    if how == "swap":
        lines[at], lines[to] = lines[to], lines[at]
        return lines
    if how == "foreign":  # of another box, at its own place
        return [*lines[:at], scene.foreign[at], *lines[at + 1 :]]
    if how == "cut":
        return lines[:at]
    if how == "description":  # of another bundle of the same box
        return [lines_of(scene.first)[0], *lines[1:]]
    return scene.foreign


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_who_holds_the_boxs_key_cannot_change_what_it_signed(scene: Scene, data: st.DataObject) -> None:
    bundle = scene.changed()
    lines = spliced(scene, lines_of(bundle), data)
    (bundle / verify.RECORDS).write_bytes(b"".join(lines))
    scene.sign(bundle, scene.box)
    done, before, after = scene.gather(bundle, known=data.draw(st.booleans()))
    assert after in (before, scene.honest)
    if done.finding.wrong:
        assert after == before
    else:  # what nothing signs, such as when it was made
        assert after == scene.honest
        assert scene.office.problems() == [None]


@pytest.mark.parametrize("known", [False, True])
def test_records_of_one_box_are_never_taken_for_anothers(scene: Scene, known: bool) -> None:
    bundle = scene.changed()
    (bundle / verify.RECORDS).write_bytes(b"".join(scene.foreign))
    for name, text in ((verify.VERIFIER_KEY, scene.box.vkey), (verify.CHECKPOINT, json.loads(scene.foreign[0])["checkpoint"])):
        (bundle / name).write_text(text)
    scene.sign(bundle, scene.box)
    done, before, after = scene.gather(bundle, known=known)
    assert (done.finding, after) == (Finding.BROKEN, before)
