"""The schema of a ledger in PostgreSQL: tables, indices, append-only triggers, and what an untouched one looks like."""

from __future__ import annotations

from typing import Any

from compliance.schema import IS_EVENT

VERSION = 2
APPEND_ONLY_STATE = "TB001"
"""The SQLSTATE of what the triggers refuse."""

_COLUMNS: dict[str, dict[str, tuple[str, str]]] = {
    "ledger": {"origin": ("text", "NOT NULL"), "vkey": ("text", "NOT NULL"), "version": ("integer", "NOT NULL")},
    "entry": {
        "idx": ("bigint", "PRIMARY KEY"),
        "header": ("text", 'COLLATE "C" NOT NULL'),
        "sealed": ("bytea", "NOT NULL"),
        "turn": ("text", """COLLATE "C" GENERATED ALWAYS AS (json_extract(header, '$.turn')) STORED"""),
        "session": ("text", """COLLATE "C" GENERATED ALWAYS AS (json_extract(header, '$.session')) STORED"""),
    },
    "node": {"level": ("integer", "NOT NULL"), "idx": ("bigint", "NOT NULL"), "hash": ("bytea", "NOT NULL")},
    "head": {"id": ("integer", "PRIMARY KEY CHECK (id = 0)"), "size": ("bigint", "NOT NULL"), "note": ("text", "NOT NULL")},
    "checkpoint": {"size": ("bigint", "PRIMARY KEY"), "note": ("text", "NOT NULL")},
    "pruned": {
        "first": ("bigint", "PRIMARY KEY"),
        "stop": ("bigint", "NOT NULL CHECK (stop > first)"),
        "record": ("bigint", "NOT NULL"),
    },
    "cosignature": {"size": ("bigint", "NOT NULL"), "witness": ("text", "NOT NULL"), "line": ("text", "NOT NULL")},
}
_KEYS = {"node": "PRIMARY KEY (level, idx)", "cosignature": "PRIMARY KEY (size, witness)"}
_INDICES = {
    "entry_turn": "entry (turn)",
    "entry_session": "entry (session)",
    "entry_event": f"entry (idx) WHERE {IS_EVENT}",
}
_UNIQUE = {f"{table}_pkey" for table in _COLUMNS if table != "ledger"}

_REFUSED = f"RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = '{APPEND_ONLY_STATE}'"
_FUNCTIONS = {
    "forbid": f"BEGIN {_REFUSED}; END",
    "forbid_uncovered": f"""BEGIN
    IF coalesce((SELECT stop FROM pruned WHERE first <= old.idx ORDER BY first DESC LIMIT 1), -1) <= old.idx THEN
        {_REFUSED};
    END IF;
    RETURN old;
END""",
    "forbid_shrinking": f"""BEGIN
    IF new.size < old.size THEN
        {_REFUSED};
    END IF;
    RETURN new;
END""",
}
_TRIGGERS = {
    **{
        f"{table}_no_{verb.lower()}": (table, verb, "forbid")
        for table in ("ledger", "node", "checkpoint", "pruned", "cosignature")
        for verb in ("UPDATE", "DELETE", "TRUNCATE")
    },
    "entry_no_update": ("entry", "UPDATE", "forbid"),
    "entry_no_truncate": ("entry", "TRUNCATE", "forbid"),
    "entry_no_delete": ("entry", "DELETE", "forbid_uncovered"),
    "head_no_delete": ("head", "DELETE", "forbid"),
    "head_no_truncate": ("head", "TRUNCATE", "forbid"),
    "head_only_grows": ("head", "UPDATE", "forbid_shrinking"),
}
# U+0000, which a text of PostgreSQL cannot hold, stands in JSON as an escape: another takes its place where a field is read
_EXTRACT = r"""SELECT CASE WHEN strpos(document, '\u0000') = 0 THEN document
    ELSE regexp_replace(document, '(?<!\\)((\\\\)*)\\u0000', '\1\\ufffd', 'g') END::json ->> substr(path, 3)"""


def _statements() -> list[str]:
    made = [f"CREATE FUNCTION json_extract(document TEXT, path TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $body${_EXTRACT}$body$"]
    for table, columns in _COLUMNS.items():
        parts = [f"{name} {kind} {rest}" for name, (kind, rest) in columns.items()]
        parts += [_KEYS[table]] if table in _KEYS else []
        made.append(f"CREATE TABLE {table} ({', '.join(parts)})")
    made += [f"CREATE INDEX {name} ON {what}" for name, what in _INDICES.items()]
    for name, body in _FUNCTIONS.items():
        # whoever deletes must not choose which table named `pruned` is asked
        made.append(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body${body}$body$")
    for name, (table, verb, function) in _TRIGGERS.items():
        each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
        made.append(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()")
    return made


STATEMENTS = tuple(_statements())
_OURS = "current_schema()::regnamespace"
_TABLES_FOUND = f"SELECT relname, relkind::text FROM pg_class WHERE relnamespace = {_OURS} AND relkind NOT IN ('i', 't')"
_COLUMNS_FOUND = f"""SELECT relname || '.' || attname, format_type(atttypid, atttypmod) FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = {_OURS} AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"""
_INDICES_FOUND = f"""SELECT relname, indisunique, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = {_OURS}"""
_TRIGGERS_FOUND = f"""SELECT tgname, relname, proname, tgtype::int, tgenabled::text, tgqual IS NULL FROM pg_trigger
    JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE NOT tgisinternal AND relnamespace = {_OURS} AND pronamespace = {_OURS}
    UNION ALL SELECT rulename, '', '', 0, '', false FROM pg_rules WHERE schemaname = current_schema()"""
_FUNCTIONS_FOUND = f"SELECT proname, prosrc FROM pg_proc WHERE pronamespace = {_OURS}"
_BEFORE, _BITS = 2, {"DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
_EACH_ROW = 1


def schema_problem(db: Any) -> str | None:
    """What differs from the schema as it was created, such as an append-only trigger that was dropped or switched off."""
    expected: list[tuple[str, dict[str, Any]]] = [
        (_TABLES_FOUND, dict.fromkeys(_COLUMNS, ("r",))),
        (_COLUMNS_FOUND, {f"{table}.{name}": (kind,) for table, columns in _COLUMNS.items() for name, (kind, _) in columns.items()}),
        (_INDICES_FOUND, dict.fromkeys(_INDICES, (False, True)) | dict.fromkeys(_UNIQUE, (True, True))),
        (_TRIGGERS_FOUND, {name: (table, function, _kind(verb), "O", True) for name, (table, verb, function) in _TRIGGERS.items()}),
        (_FUNCTIONS_FOUND, {name: (body,) for name, body in {**_FUNCTIONS, "json_extract": _EXTRACT}.items()}),
    ]
    for query, stated in expected:
        found = {row[0]: tuple(row[1:]) for row in db.execute(query).fetchall()}
        for name in (*stated, *sorted(found)):
            if found.get(name) != stated.get(name):
                how = "missing" if name not in found else "altered" if name in stated else "added"
                return f"the schema was changed: {name} is {how}"
    return None


def _kind(verb: str) -> int:
    """The bits of pg_trigger.tgtype for BEFORE this verb."""
    return _BEFORE | _BITS[verb] | (_EACH_ROW if verb != "TRUNCATE" else 0)
