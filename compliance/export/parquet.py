"""Parquet, one row a turn, for a data warehouse: a typed schema, row groups of a fixed size, Zstandard.

The columns are those of `TurnRow`; times are timestamps in UTC. The file's metadata names the ledger, the checkpoint
and the range of records, so that a table that was copied away still says what it was made from.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from compliance.export.period import Source
from compliance.export.turns import COLUMN_TYPES, COLUMNS, TurnRow, turn_rows

ROW_GROUP = 16_384
"""Rows in a row group: at about 1 kB a row with texts, some 20 MB while one is being made."""

_TYPES = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "str": pa.string()}
_REPEATED = frozenset({"branch", "channel", "role", "outcome", "language", "language_detected", "guard", "handoff_reason",
                       "model", "model_sha256", "index_sha256", "nearest_policy", "texts"})  # fmt: skip


def schema() -> Any:
    """The Arrow schema of a row: the types of `TurnRow`, UTC timestamps for the columns that end in `_utc`."""
    return pa.schema([(name, _type(name)) for name in COLUMNS])


def _type(name: str) -> Any:
    return pa.timestamp("ms", tz="UTC") if name.endswith("_utc") else _TYPES[COLUMN_TYPES[name]]


def write_parquet(source: Source, file: BinaryIO) -> None:
    """Every turn of the period, a row group at a time."""
    period = source.period
    described = schema().with_metadata(
        {
            "tellerbox.export": "turns/1",
            "tellerbox.origin": source.ledger.origin,
            "tellerbox.verifier_key": source.ledger.vkey,
            "tellerbox.checkpoint": period.note,
            "tellerbox.first": str(period.first),
            "tellerbox.count": str(period.count),
            "tellerbox.pruned": str(period.pruned),
        }
    )
    with pq.ParquetWriter(file, described, compression="zstd", use_dictionary=sorted(_REPEATED)) as writer:
        rows = turn_rows(source)
        while some := list(islice(rows, ROW_GROUP)):
            writer.write_batch(pa.record_batch(list(_columns(some)), schema=described), row_group_size=ROW_GROUP)


def _columns(rows: list[TurnRow]) -> Iterator[Any]:
    for name in COLUMNS:
        values = [getattr(row, name) for row in rows]
        if name.endswith("_utc"):
            values = [None if value is None else datetime.fromisoformat(value) for value in values]
        yield pa.array(values, type=_type(name))
