"""A head office under test: its own ledger, its copies in one of the stores, and the bundles that boxes send it."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import Any

from compliance.export import export_bundle
from compliance.fleet import Copies, Gathered, copies_at, gather, verify_copies
from compliance.fleet.copies import reading
from compliance.ledger import Ledger
from tests.compliance.ledgers import Store

Row = tuple[int, bytes | None, bytes | None]


class Office:
    """Boxes keep their ledgers in SQLite under `root`; the copies lie in the store."""

    def __init__(self, root: Path, store: Store | None = None) -> None:
        self.root = root
        self.place = (store.url("fleet") if store else "") or str(root / "fleet")
        self.copies: Copies = copies_at(self.place)
        self.ledger = Ledger.open(root / "office", branch="office")
        self._numbers = count()

    def box(self, name: str = "b1", *, branch: str = "") -> Ledger:
        return Ledger.open(self.root / f"box-{name}", branch=branch or name)

    def restored(self, name: str, kept: str, *, branch: str = "") -> Ledger:
        """A box as a copy of its folder `kept` was."""
        shutil.copytree(self.root / kept, self.root / f"box-{name}")
        return self.box(name, branch=branch)

    def backup(self, name: str, kept: str) -> None:
        """Keeps a closed box's folder."""
        shutil.copytree(self.root / f"box-{name}", self.root / kept)

    def bundle(self, box: Ledger, *, zipped: bool = False, **period: Any) -> Path:
        """A new bundle of a box, its texts sealed in it unless something else is asked for."""
        out = self.root / f"bundle-{next(self._numbers)}{'.zip' if zipped else ''}"
        export_bundle(box, out, **({} if "decrypt" in period else {"sealed": True}) | period)
        return out

    def gather(self, *bundles: Path, **given: Any) -> list[Gathered]:
        return list(gather(self.ledger, self.copies, bundles, **given))

    def gathered(self, bundle: Path, **given: Any) -> Gathered:
        """What came of one bundle."""
        (done,) = self.gather(bundle, **given)
        return done

    def rows(self, origin: str = "tellerbox/b1") -> list[Row]:
        """The records of a copy, as (index, header, digest); none where there is no copy."""
        found, _ = self._entries(origin)
        return found

    def sealed(self, origin: str = "tellerbox/b1") -> dict[int, bytes]:
        """The sealed texts of a copy."""
        _, found = self._entries(origin)
        return found

    def _entries(self, origin: str) -> tuple[list[Row], dict[int, bytes]]:
        database = self.copies.of(origin)
        if database.place not in {each.place for each in self.copies.all()}:
            return [], {}
        with reading(self.copies, database) as view:
            entries = list(view.entries()) if view else []
        return [each[:3] for each in entries], {each[0]: each[4] for each in entries if each[4] is not None}

    def problems(self) -> list[str | None]:
        return [each.problem for each in verify_copies(self.copies)]

    def findings(self) -> list[str]:
        """What the head office's own ledger says of the bundles, oldest first."""
        return [str(each.header.facts["finding"]) for each in self.ledger.find() if each.header.kind == "gather"]


def stored(box: Ledger) -> list[tuple[int, bytes, bytes]]:
    """The records of a box, as (index, header, sealed body)."""
    with box.snapshot() as view:
        return list(view.entries())
