"""The ledger does what it says: records last, can be proved, found and erased, by many threads and processes at
once."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance import verify
from compliance.checkpoint import Signer, format_receipt
from compliance.errors import ComplianceError
from compliance.ledger import Entry, Ledger
from compliance.record import Header


def header(turn: str = "t1", session: str = "s1", kind: str = "turn_closed", **facts: object) -> Header:
    return Header.now(kind, turn=turn, session=session, branch="b1", channel="kiosk", role="customer", facts=facts)  # type: ignore[arg-type]


def fill(ledger: Ledger, count: int, sessions: int = 3) -> list[Entry]:
    return [
        ledger.append(header(f"t{n}", f"s{n % sessions}", number=n), {"question": f"what is number {n}?", "answer": [str(n)]})
        for n in range(count)
    ]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger", branch="b1") as opened:
        yield opened


def test_records_come_back_in_order_and_after_reopening(ledger: Ledger, tmp_path: Path) -> None:
    entries = fill(ledger, 9)
    assert [each.index for each in entries] == list(range(9))
    ledger.close()
    with Ledger.open(tmp_path / "ledger", branch="b1") as again:
        for entry in entries:
            read, body = again.read(entry.index)
            assert read == entry.header
            assert body == {"question": f"what is number {entry.index}?", "answer": [str(entry.index)]}
        assert again.append(header(), {}).index == 9
        assert again.verify().ok


def test_an_empty_ledger_verifies_and_has_the_root_of_rfc_6962(ledger: Ledger) -> None:
    result = ledger.verify()
    assert (result.ok, result.size, result.index) == (True, 0, None)
    checkpoint = verify.open_checkpoint(ledger.checkpoint(), ledger.vkey)
    assert checkpoint.root == verify.Tree().root()
    assert ledger.find(last=10) == []
    fill(ledger, 1)
    assert ledger.verify().checkpoints == 1


def test_read_without_decrypting_shows_the_header_alone(ledger: Ledger) -> None:
    fill(ledger, 1)
    assert ledger.read(0, decrypt=False)[1] is None
    for missing in (1, -1, 10**12):
        with pytest.raises(ComplianceError, match=f"no record {missing}"):
            ledger.read(missing)


def test_an_empty_body_needs_no_key_and_reads_as_empty(ledger: Ledger) -> None:
    ledger.append(header(kind="session"), {})
    assert ledger.read(0)[1] == {}


def test_find_by_turn_by_session_and_the_last(ledger: Ledger) -> None:
    fill(ledger, 9)
    assert [each.index for each in ledger.find(turn="t4")] == [4]
    assert [each.index for each in ledger.find(session="s1")] == [1, 4, 7]
    assert [each.index for each in ledger.find(session="s1", last=2)] == [4, 7]
    assert [each.index for each in ledger.find(last=2)] == [7, 8]
    assert len(ledger.find()) == 9
    assert ledger.find(turn="no such turn") == ledger.find(last=0) == []
    assert ledger.find(turn="t4")[0].header.facts == {"number": 4}


def test_a_receipt_proves_its_record_offline_and_to_the_ledger_later(ledger: Ledger) -> None:
    entries = fill(ledger, 5)
    receipt = ledger.receipt(2)
    fill(ledger, 8)
    parsed, checkpoint = verify.verify_receipt(receipt, ledger.vkey, entries[2].leaf)
    assert (parsed.index, checkpoint.size) == (2, 5)
    assert ledger.prove(receipt).header == entries[2].header
    with pytest.raises(ComplianceError, match="does not hold"):
        ledger.prove(receipt.replace("index 2", "index 3"))


def test_a_receipt_of_another_ledger_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 2)
    with Ledger.open(tmp_path / "other", branch="b1") as other:
        fill(other, 2)
        with pytest.raises(ComplianceError, match="does not hold"):
            ledger.prove(other.receipt(1))


def test_a_receipt_of_a_million_records_fits_a_qr_code() -> None:
    signer = Signer("tellerbox/" + "x" * 64, Ed25519PrivateKey.generate())
    receipt = format_receipt(999_999, bytes(32), [bytes(32)] * 20, signer.checkpoint(1_000_000, bytes(32)))
    assert len(receipt.encode()) < 2953  # what QR version 40-L holds


def test_a_published_checkpoint_is_kept_and_checked(ledger: Ledger) -> None:
    fill(ledger, 3)
    note = ledger.checkpoint()
    assert ledger.checkpoint() == note
    assert verify.open_checkpoint(note, ledger.vkey).size == 3
    fill(ledger, 3)
    ledger.checkpoint()
    result = ledger.verify()
    assert (result.ok, result.size, result.checkpoints) == (True, 6, 2)
    assert "6 records verified" in result.summary


def test_verify_reports_progress(ledger: Ledger) -> None:
    fill(ledger, 5)
    seen: list[tuple[int, int]] = []
    ledger.verify(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)


def test_eight_threads_lose_nothing_and_share_one_order(ledger: Ledger) -> None:
    def write(writer: int) -> list[Entry]:
        return [ledger.append(header(f"w{writer}-{n}", f"s{writer}"), {"text": f"{writer}/{n}"}) for n in range(25)]

    with ThreadPoolExecutor(8) as pool:
        written = [entry for entries in pool.map(write, range(8)) for entry in entries]
    assert sorted(each.index for each in written) == list(range(200))
    for entry in written:
        writer, number = entry.header.turn[1:].split("-")
        assert ledger.read(entry.index)[1] == {"text": f"{writer}/{number}"}
    assert ledger.verify().ok
    for writer in range(8):
        own = [each.index for each in written if each.header.session == f"s{writer}"]
        assert own == sorted(own)


def test_readers_and_erasures_while_others_write(ledger: Ledger) -> None:
    fill(ledger, 4)
    stop = threading.Event()
    problems: list[BaseException] = []

    def keep(doing: object) -> None:
        while not stop.is_set():
            try:
                doing()  # type: ignore[operator]
            except BaseException as error:
                problems.append(error)
                return

    def check() -> None:
        assert ledger.verify().problem is None
        ledger.prove(ledger.receipt(0))

    threads = [threading.Thread(target=keep, args=(each,)) for each in (check, lambda: ledger.erase("s1"))]
    for thread in threads:
        thread.start()
    fill(ledger, 60)
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert ledger.verify().problem is None


WRITER = """
import sys
from pathlib import Path
from compliance.ledger import Ledger
from compliance.record import Header
with Ledger.open(Path(sys.argv[1]), branch="b1") as ledger:
    for n in range(20):
        header = Header.now("turn_closed", turn=f"{sys.argv[2]}-{n}", session=sys.argv[2])
        print(ledger.append(header, {"text": str(n)}).index)
"""


def test_processes_share_a_ledger_from_its_first_moment(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "ledger")]
    running = [subprocess.Popen([*command, f"p{n}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for n in range(3)]
    results = [each.communicate(timeout=120) for each in running]
    assert [each[1] for each in results] == ["", "", ""]
    assert sorted(int(index) for each in results for index in each[0].split()) == list(range(60))
    with Ledger.open(tmp_path / "ledger", branch="b1") as ledger:
        assert ledger.verify().size == 60
        assert ledger.verify().ok


def raw_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_erasing_a_session_removes_its_key_from_every_file_and_the_ledger_still_verifies(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    secret = "the customer asked about card blocking"
    with Ledger.open(folder, branch="b1") as ledger:
        ledger.append(header("t0", "kept"), {"question": "kept text"})
        ledger.append(header("t1", "gone"), {"question": secret})
        receipt = ledger.receipt(1)
        found = sqlite3.connect(f"file:{folder}/keys/sessions.sqlite?mode=ro", uri=True)
        key_id, wrapped = found.execute("SELECT id, wrapped FROM session_key WHERE session = 'gone'").fetchone()
        found.close()
        key = ledger._keys.current("gone", 0)[1]
        before = raw_bytes(folder)
        assert wrapped in before
        assert key not in before
        assert secret.encode() not in before

        entry = ledger.erase("gone")
        assert entry.header.kind == "erasure"
        assert entry.header.facts == {"keys": [key_id.hex()]}
        after = raw_bytes(folder)
        assert wrapped not in after
        assert wrapped[12:] not in after
        assert key not in after
        assert secret.encode() not in after
        read, body = ledger.read(1)
        assert (read.turn, body) == ("t1", None)
        assert ledger.read(0)[1] == {"question": "kept text"}
        assert ledger.prove(receipt).header.turn == "t1"
        result = ledger.verify()
        assert (result.ok, result.erased) == (True, 1)
        again = ledger.append(header("t2", "gone"), {"question": "a new start"})
        assert ledger.read(again.index)[1] == {"question": "a new start"}
    with Ledger.open(folder) as reopened:
        assert reopened.read(1)[1] is None
        assert reopened.verify().ok
        with pytest.raises(ComplianceError, match="no record of this session"):
            reopened.erase("never seen")


def test_an_erasure_that_was_cut_off_is_finished_when_the_ledger_opens(tmp_path: Path) -> None:
    for cut_after_record in (False, True):
        folder = tmp_path / f"ledger-{cut_after_record}"
        with Ledger.open(folder) as ledger:
            fill(ledger, 4)
            doomed = ledger._keys.doom("s1")
            if cut_after_record:
                ledger.append(Header.now("erasure", session="s1", facts={"keys": [each.hex() for each in doomed]}), {})
        with Ledger.open(folder) as ledger:
            assert ledger.read(1)[1] is None
            assert [each.header.kind for each in ledger.find(session="s1")].count("erasure") == 1
            assert ledger._keys.doomed() == {}
            assert ledger.verify().erased == 1


def test_a_record_sealed_while_its_session_is_erased_elsewhere_is_sealed_anew(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger") as first, Ledger.open(tmp_path / "ledger") as second:
        first.append(header(), {"text": "before"})
        second.erase("s1")
        entry = first.append(header(), {"text": "after"})
        assert first.read(entry.index)[1] == {"text": "after"}
        assert first.read(0)[1] is None
        assert second.verify().ok


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_keys_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with Ledger.open(tmp_path / "ledger") as ledger:
            fill(ledger, 1)
            for path in [tmp_path / "ledger", *(tmp_path / "ledger").rglob("*")]:
                mode = stat.S_IMODE(path.stat().st_mode)
                assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
    finally:
        os.umask(old)


def test_the_database_itself_refuses_change_and_deletion(ledger: Ledger) -> None:
    fill(ledger, 2)
    ledger.checkpoint()
    db = sqlite3.connect(ledger.database.place)
    for statement in (
        "UPDATE entry SET header = '{}' WHERE idx = 0",
        "DELETE FROM entry WHERE idx = 1",
        "UPDATE node SET hash = x'00'",
        "DELETE FROM node",
        "DELETE FROM checkpoint",
        "DELETE FROM head",
        "UPDATE head SET size = 1",
        "UPDATE ledger SET vkey = ''",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)
        db.rollback()
    db.close()


def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger")
    fill(ledger, 1)
    ledger.close()
    ledger.close()
    for call in (lambda: ledger.append(header(), {}), lambda: ledger.read(0), ledger.checkpoint, ledger.verify):
        with pytest.raises(ComplianceError, match="closed"):
            call()


def test_a_wrong_branch_or_record_is_refused_and_nothing_is_written(ledger: Ledger, tmp_path: Path) -> None:
    for branch in ("", "a b", "a+b", "x" * 65, "a/b"):
        with pytest.raises(ComplianceError, match="branch"):
            Ledger.open(tmp_path / "never", branch=branch)
    assert not (tmp_path / "never").exists()
    with pytest.raises(ComplianceError, match=r"at \$\.number"):
        ledger.append(header(), {"number": float("nan")})
    assert ledger.size == 0
