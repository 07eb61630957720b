"""The copy of one box's ledger as it is read: who it is of, its tree, the bundles it was gathered from, its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from compliance.errors import ComplianceError
from compliance.fleet.schema import VERSION
from compliance.verify import KeyChain, key_chain, open_rotation


@dataclass(frozen=True, slots=True)
class Gathering:
    """A bundle that brought something: when it was gathered and made (ISO 8601, UTC; the latter as the box says), how
    many records the copy held then, and its checkpoint of `size` records, whose root the first `stop` records and the
    32-byte hashes in `rest` give; `manifest` is the SHA-256 of the bundle's manifest."""

    number: int
    gathered: str
    made: str
    records: int
    size: int
    stop: int
    rest: bytes
    note: str
    manifest: str

    @property
    def right(self) -> tuple[bytes, ...]:
        """The hashes in `rest`, one by one."""
        return tuple(self.rest[at : at + 32] for at in range(0, len(self.rest), 32))


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature on a checkpoint of `size` records, made at `time` (POSIX seconds). `vkey` is the key with which it was
    checked, empty where it was only seen."""

    size: int
    witness: str
    vkey: str
    time: int


class CopyView:
    """A copy as of one commit."""

    def __init__(self, db: Any, schema_problem: Callable[[Any], str | None]) -> None:
        self._db = db
        self._schema_problem = schema_problem
        row = db.execute("SELECT origin, vkey, version FROM box").fetchone()
        if row is None:
            raise ComplianceError("the copy is damaged: it does not say of which box it is")
        if row[2] > VERSION:
            raise ComplianceError("the copy is of a newer Tellerbox")
        self.origin: str = row[0]
        self.vkey: str = row[1]
        self.gatherings = [
            Gathering(*each)
            for each in db.execute(
                "SELECT number, gathered, made, records, size, stop, rest, note, manifest FROM gathering ORDER BY number"
            ).fetchall()
        ]

    @property
    def records(self) -> int:
        """How many records the copy holds."""
        return self.gatherings[-1].records if self.gatherings else 0

    @property
    def size(self) -> int:
        """The size of the largest checkpoint seen."""
        return max((each.size for each in self.gatherings), default=0)

    def rotations(self) -> dict[int, str]:
        """The notes of the rotations of keys, by the size after which each took place."""
        return dict(self._db.execute("SELECT size, note FROM rotation ORDER BY size").fetchall())

    def chain(self) -> KeyChain:
        """Every key the box is known to have had; raises VerifyError where they are not one unbroken chain."""
        return key_chain(self.vkey, [open_rotation(note) for note in self.rotations().values()])

    def node(self, level: int, index: int) -> bytes:
        """The stored hash of a complete subtree; raises ComplianceError where it is missing."""
        row = self._db.execute("SELECT hash FROM node WHERE level = ? AND idx = ?", (level, index)).fetchone()
        if row is None:
            raise ComplianceError(f"the copy is damaged: node {index} of level {level} of its tree is missing")
        value: bytes = row[0]
        return value

    def nodes(self, level: int, first: int, stop: int) -> list[bytes]:
        """The stored nodes [first, stop) of a level, in order: fewer where one is missing."""
        sql = "SELECT hash FROM node WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx"
        return [row[0] for row in self._db.execute(sql, (level, first, stop)).fetchall()]

    def level_counts(self) -> dict[int, int]:
        """How many nodes each level of the tree has stored."""
        return dict(self._db.execute("SELECT level, count(*) FROM node GROUP BY level").fetchall())

    def entries(self) -> Iterator[tuple[int, bytes | None, bytes | None, bytes | None, bytes | None]]:
        """Every record in order, as (index, header, digest, id of the key, sealed body), None where there is none;
        constant memory."""
        yield from self._db.execute("""SELECT idx, CAST(header AS BLOB), digest, key_id, body FROM entry
            LEFT JOIN (SELECT idx AS at, key_id, body FROM sealed) AS bodies ON at = idx ORDER BY idx""")

    def counts(self) -> tuple[int, int]:
        """How many records were pruned before they were gathered, and how many sealed bodies the copy holds."""
        pruned = self._db.execute("SELECT count(*) FROM entry WHERE digest IS NULL").fetchone()[0]
        return pruned, self._db.execute("SELECT count(*) FROM sealed").fetchone()[0]

    def cosignatures(self) -> list[Cosignature]:
        """The cosignatures that came with the bundles, the largest checkpoints first."""
        sql = "SELECT size, witness, vkey, time FROM cosignature ORDER BY size DESC, witness, vkey DESC"
        return [Cosignature(*each) for each in self._db.execute(sql).fetchall()]

    def schema_problem(self) -> str | None:
        """What is wrong with the schema."""
        return self._schema_problem(self._db)
