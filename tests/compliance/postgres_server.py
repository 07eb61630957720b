"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, reached over a Unix socket and by nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import psycopg
import psycopg.sql

PROGRAMS = ("initdb", "pg_ctl", "postgres")
_CONFIGURATION = "listen_addresses = ''\nmax_connections = 60\nautovacuum = off\n"


def missing() -> str | None:
    """Why no server can be had here, None where one can."""
    absent = [each for each in PROGRAMS if shutil.which(each) is None]
    if absent:
        return f"PostgreSQL is not installed ({', '.join(absent)} not found)"
    if os.geteuid() == 0 and subprocess.run([*_as_somebody(), "true"], capture_output=True).returncode:
        return "PostgreSQL does not run as root, and no user namespace can be made here"
    return None


def _as_somebody() -> list[str]:
    # initdb refuses root; in a namespace of its own the same user has another number, and owns the same files
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []


class Server:
    """A cluster with page checksums and fsync, as a bank would run it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tb", dir="/tmp"))  # the path of a Unix socket has at most 107 bytes
        self.data = self.folder / "data"
        self._names = count()
        self._free: list[str] = []
        self._run("initdb", "-D", self.data, "-U", "bank", "-A", "trust", "--no-sync", "--data-checksums", "-E", "UTF8", "--locale=C")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{_CONFIGURATION}unix_socket_directories = '{self.folder}'\n")
        self.start()

    def _run(self, *command: object) -> None:
        log = self.folder / "output"
        with log.open("ab") as output:  # a pipe would stay open in the server
            done = subprocess.run([*_as_somebody(), *map(str, command)], stdout=output, stderr=output)
        assert done.returncode == 0, log.read_text()[-2000:]

    def start(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-t", "60", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")

    def url(self, database: str = "postgres", user: str = "bank") -> str:
        return f"postgresql:///{database}?host={self.folder}&user={user}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        if self._free:
            return self._free.pop()
        name = f"d{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def give_back(self, url: str) -> None:
        """Empties a database, for the next test: a new one takes seconds to remove."""
        with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as db:
            for (schema,) in db.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tellerbox%'").fetchall():
                db.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(schema)))
            db.execute(psycopg.sql.SQL("ALTER DATABASE {} RESET ALL").format(psycopg.sql.Identifier(db.info.dbname)))
        self._free.append(url)

    def copy_of(self, url: str) -> str:
        """The URL of a copy of a database that nobody is connected to."""
        name = f"d{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {name_of(url)}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)")

    def execute(self, statement: str, url: str = "") -> None:
        with psycopg.connect(url or self.url(), autocommit=True) as db:
            db.execute(statement)

    def processes(self) -> list[int]:
        """The server's first process, then the others."""
        first = (self.data / "postmaster.pid").read_text().split("\n")[0]
        return [int(first), *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]

    def kill(self) -> None:
        """Every process at once, by SIGKILL."""
        os.kill(self.processes()[0], signal.SIGSTOP)  # it must not start others meanwhile
        found = self.processes()
        for each in found:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        for _ in range(500):
            if not any(_lives(each) for each in found):
                # a process that nobody has buried yet would pass for a server that runs
                (self.data / "postmaster.pid").unlink()
                (self.folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
                return
            time.sleep(0.01)
        raise AssertionError("the server outlived a SIGKILL")

    def remove(self) -> None:
        with suppress(AssertionError):
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def name_of(url: str) -> str:
    """The name of the database in a URL."""
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
