"""A ledger in PostgreSQL: what is the server's own about it, from the names of schemas to a server that is killed."""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import postgres
from compliance.database import database_at
from compliance.errors import ComplianceError
from compliance.ledger import Ledger
from compliance.postgres import PostgresDatabase, schema_of
from compliance.record import Header
from compliance.retention import prune
from compliance.store import ForeignDatabaseError
from tests.compliance.ledgers import Store, fill, header
from tests.compliance.postgres_server import Server, name_of
from tests.compliance.test_ledger_faults import check_kills
from tests.compliance.test_ledger_tampering import CHANGES, rebuild_nodes

BRANCH = st.from_regex(r"[\w.-]{1,64}", fullmatch=True)

# ---- names and settings -------------------------------------------------------------------------------------------


@given(BRANCH, BRANCH)
def test_no_two_branches_share_a_schema(one: str, other: str) -> None:
    assert (schema_of(one) == schema_of(other)) == (one == other)
    assert re.fullmatch(r"[a-z0-9_]{1,63}", schema_of(one))


def test_branches_whose_names_look_alike_have_ledgers_of_their_own(postgresql: Store, tmp_path: Path) -> None:
    names = ["a-b", "a.b", "a_b", "A-B", "x" * 63, "x" * 64, "münchen"]
    for n, branch in enumerate(names):
        with Ledger.open(tmp_path / str(n), branch=branch, url=postgresql.url()) as ledger:
            fill(ledger, n)
    for n, branch in enumerate(names):
        with Ledger.open(tmp_path / str(n), branch=branch, url=postgresql.url()) as ledger:
            assert (ledger.size, ledger.origin, ledger.verify().problem) == (n, f"tellerbox/{branch}", None)


def test_the_keys_of_another_ledger_are_refused(postgresql: Store, tmp_path: Path) -> None:
    with postgresql.open() as ledger:
        fill(ledger, 1)
    with pytest.raises(ComplianceError, match="key of the ledger is missing"):
        Ledger.open(tmp_path / "elsewhere", branch="b1", url=postgresql.url())
    assert not (tmp_path / "elsewhere" / "keys" / "signing.key").exists()
    with pytest.raises(ComplianceError, match="the ledger is missing"):
        Ledger.open(postgresql.folder(), branch="b1", url=postgresql.url("another"))


def test_addresses_that_cannot_be_used_are_refused_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(ComplianceError, match="must begin with postgresql://"):
        database_at(tmp_path, "mysql://u:s3cret@host/db", "b1")
    for url in ("postgresql://u:s3cret@127.0.0.1:1/db", "postgresql://u:s3cret@[::bad/db", "postgresql://u:s3cret@h/db?nonsense=1"):
        with pytest.raises(ComplianceError) as caught:
            Ledger.open(tmp_path / "ledger", branch="b1", url=url)
        assert "s3cret" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "ledger").exists()


@pytest.mark.parametrize(("setting", "words"), [
    ("default_transaction_read_only = on", "read-only"),
    ("default_transaction_isolation = serializable", ""),
    ("synchronous_commit = off", ""),
    ("client_encoding = latin1", ""),
])  # fmt: skip
def test_what_the_database_prefers_changes_no_promise(postgresql: Store, setting: str, words: str) -> None:
    assert postgresql.server is not None
    url = postgresql.url()
    with postgresql.open() as ledger:
        fill(ledger, 2)
    postgresql.server.execute(f"ALTER DATABASE {name_of(url)} SET {setting}")
    if words:
        with pytest.raises(ComplianceError, match=words):
            postgresql.open()
        return
    with postgresql.open() as one, postgresql.open() as two:
        assert one._db.execute("SELECT current_setting('synchronous_commit')").fetchone() == ("on",)
        assert [each.append(header(), {"text": "ñ 中"}).index for each in (one, two, one, two)] == [2, 3, 4, 5]
        assert two.read(5)[1] == {"text": "ñ 中"}


def test_a_server_that_would_lose_records_is_refused(own_postgres: Server, tmp_path: Path) -> None:
    own_postgres.execute("ALTER SYSTEM SET fsync = off")
    own_postgres.stop()
    own_postgres.start()
    with pytest.raises(ComplianceError, match="runs with fsync off"):
        Ledger.open(tmp_path / "ledger", url=own_postgres.url())


def test_a_database_that_is_not_in_utf8_is_refused(postgres: Server, tmp_path: Path) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(ComplianceError, match="encoded as LATIN1"):
        Ledger.open(tmp_path / "ledger", url=postgres.url("latin"))


def test_headers_may_hold_what_a_text_of_postgresql_cannot(postgresql: Store) -> None:
    with postgresql.open() as ledger:
        for n, odd in enumerate(("\0", "a\0\0b", "\\u0000", "\\\0", "\\\\\0", '"\0"')):
            entry = ledger.append(Header.now("turn_closed", turn=f"t{n}", session="s", facts={"odd": odd}), {"odd": odd})
            assert ledger.read(entry.index)[0].facts == {"odd": odd}
            assert [each.index for each in ledger.find(turn=f"t{n}")] == [n]
        assert ledger.append(Header.now("turn_closed", turn="back\\u0000slash", session="s"), {}).index == 6
        assert [each.index for each in ledger.find(turn="back\\u0000slash")] == [6]
        assert ledger.verify().problem is None


def test_a_user_with_few_rights_can_record_and_not_change_the_schema(postgresql: Store) -> None:
    """The owner makes the ledger and hands out what recording needs; the box then cannot switch the triggers off."""
    assert postgresql.server is not None
    with postgresql.open() as ledger:
        fill(ledger, 1)
    url, schema = postgresql.url(), schema_of("b1")
    role = f"box_{name_of(url)}"
    for statement in (
        f"CREATE ROLE {role} LOGIN", f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        f"GRANT UPDATE ON {schema}.head TO {role}", f"GRANT DELETE ON {schema}.entry TO {role}",
    ):  # fmt: skip
        postgresql.server.execute(statement, url)
    own = url.replace("user=bank", f"user={role}")
    with Ledger.open(postgresql.folder(), branch="b1", url=own) as ledger:
        ledger.append(header(time="2020-01-01T00:00:00.000Z"), {"text": "old"})
        prune(ledger, "2020-06-01", months=0)
        assert ledger.verify().problem is None
    db = PostgresDatabase(own, "b1").connect()
    for statement in ("ALTER TABLE entry DISABLE TRIGGER USER", "DROP TRIGGER entry_no_delete ON entry", "UPDATE entry SET idx = 9",
                      "TRUNCATE entry", "CREATE TABLE pruned_too (x INT)"):  # fmt: skip
        with pytest.raises(ForeignDatabaseError, match="may not do this"):
            db.execute(statement)
    # a table of the same name that is found first must not be the one the trigger asks
    db.execute("CREATE TEMPORARY TABLE pruned (first BIGINT, stop BIGINT, record BIGINT)")
    db.execute("INSERT INTO pg_temp.pruned VALUES (0, 9, 0)")
    db.execute("SET search_path = pg_temp")
    with pytest.raises(ForeignDatabaseError, match="append-only"):
        db.execute(f"DELETE FROM {schema}.entry WHERE idx = 0")
    db.close()


# ---- changed by whoever holds the database -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A closed ledger of 14 records, as the tests of tampering with SQLite have it."""
    store = Store(tmp_path_factory.mktemp("tampering"), postgres)
    with store.open() as ledger:
        fill(ledger, 5)
        ledger.checkpoint()
        fill(ledger, 8, "b")
        ledger.erase("s2")
    return store


@pytest.fixture
def copy(sound: Store, tmp_path: Path) -> Iterator[Store]:
    """A copy of it, to be changed."""
    assert sound.server is not None
    made = Store(tmp_path, sound.server)
    made._urls["ledger"] = sound.server.copy_of(sound.url())
    shutil.copytree(sound.folder(), made.folder())
    yield made
    sound.server.drop(made.url())


def problem(store: Store) -> str | None:
    try:
        with store.open() as ledger:
            return ledger.verify().problem
    except ComplianceError as error:
        return str(error)


@contextmanager
def unguarded(store: Store) -> Iterator[Any]:
    """The database without its triggers, switched on again afterwards so that nothing is seen from the schema."""
    db = store.attacker()
    tables = ("ledger", "entry", "node", "head", "checkpoint", "pruned", "cosignature")
    for table in tables:
        db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield db
    for table in tables:
        db.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    db.close()


@pytest.mark.parametrize("nodes", [False, True])
@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_every_change_of_the_records_is_found(copy: Store, change: Callable[..., None], nodes: bool) -> None:
    assert nodes or problem(copy) is None
    with unguarded(copy) as db:
        change(db, 7, 3)
        if nodes:
            rebuild_nodes(db)
    assert problem(copy) is not None


@pytest.mark.parametrize("statement", [
    "DROP TRIGGER entry_no_delete ON entry", "ALTER TABLE node DISABLE TRIGGER node_no_update", "CREATE TABLE more (x INT)",
    "CREATE INDEX extra ON entry (header)", "DROP INDEX entry_turn", "ALTER TABLE entry ADD COLUMN note TEXT",
    "CREATE RULE nothing AS ON INSERT TO entry DO INSTEAD NOTHING", "CREATE VIEW v AS SELECT 1",
    "CREATE OR REPLACE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
    "CREATE OR REPLACE FUNCTION json_extract(document TEXT, path TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$ SELECT 'x' $$",
    """DROP TRIGGER entry_no_update ON entry;
    CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry FOR EACH ROW WHEN (false) EXECUTE FUNCTION forbid()""",
])  # fmt: skip
def test_a_changed_schema_is_found(copy: Store, statement: str) -> None:
    db = copy.attacker()
    db.execute(statement)
    db.close()
    assert "the schema was changed: " in str(problem(copy))


def test_a_newer_schema_is_refused(copy: Store) -> None:
    with unguarded(copy) as db:
        db.execute("UPDATE ledger SET version = 7")
    assert "of a newer Tellerbox" in str(problem(copy))


def test_a_byte_flipped_in_the_servers_files_is_found(own_postgres: Server, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger", url=own_postgres.url()) as ledger:
        fill(ledger, 20)
    db = PostgresDatabase(own_postgres.url(), "box").connect()
    place = own_postgres.data / db.execute("SELECT pg_relation_filepath('entry')").fetchone()[0]
    db.close()
    own_postgres.stop()
    raw = bytearray(place.read_bytes())
    at = raw.index(b'"turn":"t3"')
    raw[at + 8] ^= 1
    place.write_bytes(raw)
    own_postgres.start()
    with pytest.raises(ComplianceError, match="found its files damaged"):
        Ledger.open(tmp_path / "ledger", url=own_postgres.url())


# ---- killed and cut off --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_writer_killed_many_times_loses_no_acknowledged_record(postgresql: Store) -> None:
    """TELLERBOX_TEST_KILLS for a longer run; the writer's branch is the one that `Ledger.open` takes without a name."""
    check_kills(postgresql.folder(), int(os.environ.get("TELLERBOX_TEST_KILLS", "12")), postgresql.url())


class Writers:
    """Threads that append until told to stop, and keep what was acknowledged and what failed."""

    def __init__(self, ledger: Ledger, mark: str, count: int = 4) -> None:
        self.ledger, self.mark, self.stop = ledger, mark, threading.Event()
        self.done: list[tuple[int, str]] = []
        self.failed: list[str] = []
        self.threads = [threading.Thread(target=self._write, args=(n,)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def _write(self, writer: int) -> None:
        n = 0
        while not self.stop.is_set():
            turn = f"{self.mark}-{writer}-{n}"
            try:
                self.done.append((self.ledger.append(header(turn, f"{self.mark}-{writer}"), {"text": "x" * 900}).index, turn))
            except ComplianceError as error:
                self.failed.append(str(error))
                time.sleep(0.01)
            n += 1

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


SAID = re.compile(r"(nothing was recorded|it is not known whether this was recorded): .*(server|connection)")


def check(ledger: Ledger, done: list[tuple[int, str]]) -> None:
    result = ledger.verify()
    assert (result.problem, len({index for index, _ in done})) == (None, len(done))
    kept = {each.index: each.header.turn for each in ledger.find()}
    assert [kept.get(index) for index, _ in done] == [turn for _, turn in done]


@pytest.mark.slow
def test_a_server_killed_in_mid_commit_loses_nothing_acknowledged_and_is_found_again(own_postgres: Server, tmp_path: Path) -> None:
    chance = random.Random(11)
    done: list[tuple[int, str]] = []
    failures = 0
    with Ledger.open(tmp_path / "ledger", url=own_postgres.url()) as ledger:
        for kill in range(8):
            writers = Writers(ledger, f"k{kill}")
            time.sleep(chance.uniform(0.02, 0.25))
            own_postgres.kill()
            time.sleep(0.05)
            own_postgres.start()
            wanted = len(writers.done) + 5
            while len(writers.done) < wanted and any(thread.is_alive() for thread in writers.threads):
                time.sleep(0.02)  # the ledger that was open goes on by itself
            writers.end()
            assert all(SAID.match(each) for each in writers.failed), writers.failed
            failures += len(writers.failed)
            done += writers.done
        check(ledger, done)
    with Ledger.open(tmp_path / "ledger", url=own_postgres.url()) as again:
        check(again, done)
    assert failures >= 8


def test_connections_cut_by_the_server_lose_nothing_acknowledged(postgresql: Store) -> None:
    assert postgresql.server is not None
    chance = random.Random(3)
    with postgresql.open() as ledger:
        writers = Writers(ledger, "c")
        for _ in range(30):
            time.sleep(chance.uniform(0.01, 0.06))
            postgresql.server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tellerbox' AND datname = current_database()",
                postgresql.url(),
            )
        writers.end()
        assert all(SAID.match(each) for each in writers.failed), writers.failed
        assert writers.failed
        check(ledger, writers.done)


class Proxy:
    """Stands before the server and, where told to, cuts the line at a COMMIT: before it arrives, or before its answer."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.target, self.cut = str(server.folder / ".s.PGSQL.5432"), ""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / ".s.PGSQL.5432"))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.target)
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self.cut and asks and b"COMMIT\0" in data:
                    if self.cut == "before":
                        break
                    self.cut = "answer"
                elif self.cut == "answer" and not asks:
                    break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        if self.cut:
            self.cut = ""


@pytest.mark.parametrize(("cut", "kept"), [("before", 0), ("after", 1)])
def test_a_line_cut_at_the_commit_is_not_called_recorded_nor_lost(postgresql: Store, tmp_path: Path, cut: str, kept: int) -> None:
    assert postgresql.server is not None
    url = postgresql.url()
    folder = postgresql.server.folder / f"proxy-{cut}"
    folder.mkdir()
    proxy = Proxy(postgresql.server, folder)
    with Ledger.open(tmp_path / "ledger", branch="b1", url=url.replace(str(postgresql.server.folder), str(folder))) as ledger:
        fill(ledger, 3)
        proxy.cut = cut
        with pytest.raises(ComplianceError, match="it is not known whether this was recorded: the connection was lost"):
            ledger.append(header("cut"), {"text": "x"})
        assert [each.header.turn for each in ledger.find(turn="cut")] == ["cut"] * kept
        assert ledger.append(header("next"), {"text": "x"}).index == 3 + kept
        assert ledger.verify().problem is None


def test_a_ledger_that_another_writer_holds_for_too_long_is_refused(postgresql: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "BUSY_SECONDS", 0.1)
    with postgresql.open() as ledger:
        fill(ledger, 3)
        other = postgresql.attacker()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ComplianceError, match=r"^nothing was recorded: another process holds it"):
            ledger.append(header(), {"text": "x"})
        assert ledger.read(0)[1] == {"question": "t 0"}  # reading goes on
        other.execute("ROLLBACK")
        assert ledger.append(header(), {"text": "x"}).index == 3
        other.close()


def test_a_server_that_is_gone_is_named_on_opening_and_on_recording(own_postgres: Server, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger", url=own_postgres.url()) as ledger:
        fill(ledger, 1)
        own_postgres.stop()
        for call in (lambda: ledger.append(header(), {}), lambda: ledger.read(0), ledger.checkpoint, ledger.verify,
                     lambda: Ledger.open(tmp_path / "ledger", url=own_postgres.url())):  # fmt: skip
            with pytest.raises(ComplianceError, match="server"):
                call()
        own_postgres.start()
        assert ledger.append(header(), {}).index == 1
