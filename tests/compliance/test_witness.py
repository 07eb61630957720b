"""A witness cosigns what only grows, answers as C2SP tlog-witness says, and finds out a ledger that was rolled back."""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance import cosigning, verify, witness_server
from compliance.checkpoint import Signer
from compliance.cosigner import Cosigner
from compliance.cosigning import RolledBackError, cosign, http_submit
from compliance.errors import ComplianceError
from compliance.export import export_bundle
from compliance.ledger import Ledger
from compliance.merkle import consistency
from compliance.rotation import rotate
from compliance.witness import MAX_REQUEST, Reply, Request, Witness, parse_request
from compliance.witness_server import WitnessServer
from tests.compliance.ledgers import Store, fill, header
from tests.compliance.test_merkle import Stored, numbered

LOG = Signer("tellerbox/b1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = Signer("tellerbox/b1", Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
TREE = Stored(numbered(40))
NAME = "witness.example/w1"


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    opened = Witness.open(tmp_path / "witness", NAME, [LOG.vkey])
    yield opened
    opened.close()


def asked(old: int, new: int, *, signer: Signer = LOG, proof: list[bytes] | None = None, root: bytes | None = None) -> bytes:
    hashes = consistency(TREE.node, old, new) if proof is None else proof
    return Request(old, tuple(hashes), signer.checkpoint(new, TREE.roots[new] if root is None else root)).encode().encode()


def test_a_log_that_grows_is_cosigned_each_time(witness: Witness) -> None:
    before = int(time.time())
    for old, new in ((0, 0), (0, 3), (3, 3), (3, 8), (8, 40)):
        reply = witness.add_checkpoint(asked(old, new))
        assert reply.status == 200, (old, new, reply)
        note = LOG.checkpoint(new, TREE.roots[new]) + reply.text
        assert before <= verify.verify_cosignature(note, witness.vkey) <= int(time.time())
        assert verify.open_checkpoint(note, LOG.vkey).size == new
        assert witness.cosigned(LOG.name) == note
    assert witness.contradictions(LOG.name) == []


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (asked(3, 9), 200, None),
        (asked(0, 9), 409, "5\n"),
        (asked(4, 9), 409, "5\n"),
        (asked(7, 9), 409, "5\n"),
        (asked(5, 5, root=bytes(32)), 409, "5\n"),
        (asked(5, 9, root=bytes(32)), 422, None),
        (asked(5, 9, proof=[]), 422, None),
        (asked(5, 9, proof=[*consistency(TREE.node, 5, 9), bytes(32)]), 422, None),
        (asked(5, 5, proof=[bytes(32)]), 422, None),
        (asked(5, 9, signer=OTHER), 403, None),
        (asked(5, 9, signer=Signer("tellerbox/b2", Ed25519PrivateKey.generate())), 404, None),
        (asked(9, 9).replace(b"old 9", b"old 10"), 400, None),
        (asked(5, 9).replace(b"old 5", b"old 05"), 400, None),
        (asked(5, 9).replace(b"old 5", b"new 5"), 400, None),
        (asked(5, 9, proof=[bytes(32)] * 64), 400, None),
        (asked(5, 9, proof=[bytes(31)]), 400, None),
        (b"\xff", 400, None),
        (b"", 400, None),
        (b"old 5\n\n", 400, None),
    ],
)
def test_every_answer_of_the_protocol(witness: Witness, body: bytes, status: int, text: str | None) -> None:
    held = 3 if status == 200 else 5
    assert witness.add_checkpoint(asked(0, held)).status == 200
    kept = witness.cosigned(LOG.name)
    reply = witness.add_checkpoint(body)
    assert reply.status == status
    if text is not None:
        assert (reply.text, reply.media_type) == (text, "text/x.tlog.size")
    assert (witness.cosigned(LOG.name) == kept) == (status != 200)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_break_it_and_no_changed_request_is_cosigned(witness: Witness, data: st.DataObject) -> None:
    witness.add_checkpoint(asked(0, 5))
    sound = asked(5, 12)
    at = data.draw(st.integers(0, len(sound) - 1))
    changed = data.draw(st.one_of(st.binary(max_size=200), st.just(sound[:at]), st.just(sound[:at] + b"x" + sound[at + 1 :])))
    if changed != sound:
        assert witness.add_checkpoint(changed).status in (400, 403, 404, 409, 422)


def test_it_remembers_over_a_restart_and_under_a_race(tmp_path: Path) -> None:
    first, second = (Witness.open(tmp_path / "w", NAME, [LOG.vkey]) for _ in range(2))
    assert first.vkey == second.vkey
    replies: list[int] = []
    threads = [
        threading.Thread(target=lambda w=w, n=n: replies.append(w.add_checkpoint(asked(0, n)).status))
        for n, w in enumerate([first, second] * 4, start=10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [200] + [409] * 7
    size = verify.parse_checkpoint(verify.note_signatures(str(first.cosigned(LOG.name)))[0]).size
    first.close()
    second.close()
    again = Witness.open(tmp_path / "w", NAME, [LOG.vkey])
    assert again.add_checkpoint(asked(0, 40)) == Reply(409, f"{size}\n", "text/x.tlog.size")
    again.close()


def test_a_witness_whose_key_or_state_is_lost_does_not_begin_anew(tmp_path: Path) -> None:
    Witness.open(tmp_path / "w", NAME, [LOG.vkey]).close()
    (tmp_path / "w" / "witness.key").unlink()
    with pytest.raises(ComplianceError, match=r"key of the ledger is missing|witness\.key should be there"):
        Witness.open(tmp_path / "w", NAME, [LOG.vkey])
    with pytest.raises(ComplianceError, match="a key of a log is wrong"):
        Witness.open(tmp_path / "v", NAME, ["nonsense"])


def test_a_cosignature_is_not_the_logs_and_not_anothers(witness: Witness) -> None:
    note = LOG.checkpoint(3, TREE.roots[3])
    line = witness.add_checkpoint(asked(0, 3)).text
    stranger = Cosigner(NAME, Ed25519PrivateKey.generate())
    for key, words in ((stranger.vkey, "no cosignature"), (LOG.vkey, "a log's key")):
        with pytest.raises(verify.VerifyError, match=words):
            verify.verify_cosignature(note + line, key)
    with pytest.raises(verify.VerifyError, match="does not hold"):
        verify.verify_cosignature(LOG.checkpoint(4, TREE.roots[4]) + line, witness.vkey)
    raw = bytearray(base64.b64decode(line.split()[2]))
    raw[8] ^= 1  # the time is signed too
    forged = f"— {NAME} {base64.b64encode(raw).decode()}\n"
    with pytest.raises(verify.VerifyError):
        verify.verify_cosignature(note + forged, witness.vkey)


def test_the_published_vector_of_tlog_cosignature_is_read() -> None:
    """The example of C2SP tlog-cosignature: its key is not published, so what can be checked is how it is read."""
    note = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    text, signatures = verify.note_signatures(note)
    assert verify.parse_checkpoint(text).size == 20852163
    assert [(name, number.hex(), len(signature)) for name, number, signature in signatures] == [
        ("example.com/behind-the-sofa", "033de0ae", 64), ("witness.example.com/w1", "8d66cf3f", 72),
    ]  # fmt: skip
    assert int.from_bytes(signatures[1][2][:8], "big") == 1679315147
    assert verify.cosigned_message(text, 1679315147).decode() == f"cosignature/v1\ntime 1679315147\n{text}"


# ---- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Witness, Ledger]]:
    """A ledger of 5 records, a witness that knows its key, and the address it is served at."""
    with Ledger.open(tmp_path / "ledger", branch="b1") as ledger:
        fill(ledger, 5)
        opened = Witness.open(tmp_path / "state", NAME, [ledger.vkey])
        with WitnessServer(("127.0.0.1", 0), opened) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            yield f"http://127.0.0.1:{server.server_address[1]}", opened, ledger
            server.shutdown()
            thread.join()
        opened.close()


def test_a_ledger_in_any_store_is_cosigned(store: Store, tmp_path: Path) -> None:
    with store.open() as ledger:
        fill(ledger, 5)
        witness = Witness.open(tmp_path / "state", NAME, [ledger.vkey])
        first: dict[int, int] = {}
        for size in (5, 7, 7):
            found = cosign(ledger, lambda body: witness.add_checkpoint(body.encode()), witness.vkey)
            assert found.size == size
            kept = verify.verify_cosignature(ledger.checkpoint(), witness.vkey)
            assert kept == first.setdefault(size, found.time), "of two cosignatures of one head the earlier stays"
            if size == 5:
                fill(ledger, 2, "later")
        assert ledger.verify().problem is None
        witness.close()


def test_the_head_is_cosigned_kept_published_and_carried_by_a_bundle(served: tuple[str, Witness, Ledger], tmp_path: Path) -> None:
    url, witness, ledger = served
    found = cosign(ledger, http_submit(url), witness.vkey)
    assert found.size == 5
    assert verify.verify_cosignature(ledger.checkpoint(), witness.vkey) == found.time
    fill(ledger, 4, "later")
    assert cosign(ledger, http_submit(url), witness.vkey).size == 9
    fill(ledger, 2, "last")
    assert ledger.verify().problem is None
    export_bundle(ledger, tmp_path / "bundle")
    report = verify.verify_path(tmp_path / "bundle", ledger.vkey, witnesses=[witness.vkey])
    assert [(name, size) for name, size, _ in report.witnessed] == [(NAME, 9)]
    command = [sys.executable, "-I", "verify.py", "--witness-key", witness.vkey]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "bundle")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"witness   {NAME} cosigned the first 9 records at 20" in shown.stdout
    stranger = Cosigner(NAME, Ed25519PrivateKey.generate()).vkey
    assert verify.main([str(tmp_path / "bundle"), "--witness-key", stranger]) == 1


def test_a_bundle_that_contradicts_what_was_cosigned_is_refused(served: tuple[str, Witness, Ledger], tmp_path: Path) -> None:
    url, witness, ledger = served
    cosign(ledger, http_submit(url), witness.vkey)
    fill(ledger, 2, "later")
    with ledger.snapshot() as view:
        ((size, note),) = view.cosigned()
        proof = consistency(view.node, size, view.size)
    top: dict[str, object] = {"witnessed": [{"checkpoint": note, "consistency": [base64.b64encode(each).decode() for each in proof]}]}
    top["checkpoint"] = head = ledger.checkpoint()
    now = verify.open_checkpoint(head, ledger.vkey)
    assert verify._witnessed(top, now, ledger.chain, [witness.vkey])[0][1] == 5
    with pytest.raises(verify.VerifyError, match="not the one whose first 5 records were cosigned"):
        verify._witnessed(top, verify.Checkpoint(now.origin, now.size, bytes(32)), ledger.chain, [witness.vkey])


def older_copy(ledger: Ledger, tmp_path: Path) -> Path:
    ledger.close()
    return Path(shutil.copytree(tmp_path / "ledger", tmp_path / "copy"))


def restore(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "ledger")
    shutil.copytree(copy, tmp_path / "ledger")


@pytest.mark.parametrize("grown", [0, 3, 9])
def test_a_ledger_restored_whole_from_an_older_copy_is_found_out(served: tuple[str, Witness, Ledger], tmp_path: Path, grown: int) -> None:
    """The whole folder, keys included, goes back to a copy; nothing in the box can tell. Then the box goes on, to fewer,
    as many or more records than the witness knows of."""
    url, witness, ledger = served
    cosign(ledger, http_submit(url), witness.vkey)
    copy = older_copy(ledger, tmp_path)
    with Ledger.open(tmp_path / "ledger") as later:
        fill(later, 3, "hidden")
        assert cosign(later, http_submit(url), witness.vkey).size == 8
    restore(copy, tmp_path)
    with Ledger.open(tmp_path / "ledger") as rolled_back:
        assert rolled_back.verify().problem is None
        fill(rolled_back, grown, "instead")
        with pytest.raises(RolledBackError, match="rolled back") as caught:
            cosign(rolled_back, http_submit(url), witness.vkey)
        assert NAME in str(caught.value)
        assert rolled_back.verify().problem is None
    if grown >= 3:
        assert len(witness.contradictions("tellerbox/b1")) == 1  # signed evidence, in the ledger's own hand
    assert "\n8\n" in str(witness.cosigned("tellerbox/b1"))


def test_the_command_line_says_so_and_fails(served: tuple[str, Witness, Ledger], tmp_path: Path) -> None:
    url, witness, ledger = served
    home = tmp_path / "home"
    ledger.close()
    shutil.move(tmp_path / "ledger", home / "ledger")
    copy = shutil.copytree(home / "ledger", tmp_path / "copy")

    def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"TELLERBOX_HOME": str(home), "TELLERBOX_BRANCH": "b1"}
        command = [sys.executable, "-m", "app.cli", "audit", *arguments, "--witness", url, "--witness-key", witness.vkey]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[2])

    assert audit("cosign").stdout.startswith("the first 5 records were cosigned at 20")
    with Ledger.open(home / "ledger") as grown:
        fill(grown, 2)
    assert "not rolled back: the witness cosigned the first 7 records" in audit("verify").stdout
    shutil.rmtree(home / "ledger")
    shutil.copytree(copy, home / "ledger")
    for command in ("cosign", "verify"):
        result = audit(command)
        assert result.returncode == 1
        assert f"the ledger was rolled back: {NAME} cosigned 7 records, it holds 5" in result.stderr


def test_after_a_rotation_the_witness_needs_the_new_key_beside_the_old(served: tuple[str, Witness, Ledger], tmp_path: Path) -> None:
    url, witness, ledger = served
    old = ledger.vkey
    cosign(ledger, http_submit(url), witness.vkey)
    rotate(ledger)
    with pytest.raises(ComplianceError, match="does not have this ledger's key"):
        cosign(ledger, http_submit(url), witness.vkey)
    both = Witness.open(tmp_path / "state", NAME, [old, ledger.vkey])
    assert cosign(ledger, lambda body: both.add_checkpoint(body.encode()), both.vkey).size == 6
    both.close()


def test_a_witness_that_lies_or_is_not_there_is_not_believed(served: tuple[str, Witness, Ledger]) -> None:
    url, witness, ledger = served
    stranger = Cosigner(NAME, Ed25519PrivateKey.generate())
    with pytest.raises(ComplianceError, match="holds no cosignature"):
        cosign(ledger, http_submit(url), stranger.vkey)
    for reply, words in (
        (Reply(200, ""), "no cosignature"), (Reply(200, "— x y\n"), "no cosignature"), (Reply(409, "many\n"), "not a size"),
        (Reply(404, ""), "does not know this ledger"), (Reply(500, ""), "status 500"), (Reply(302, ""), "status 302"),
    ):  # fmt: skip
        with pytest.raises(ComplianceError, match=words):
            cosign(ledger, lambda _, reply=reply: reply, witness.vkey)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(ComplianceError, match="cannot be reached"):
            cosign(ledger, http_submit(f"http://127.0.0.1:{nobody.getsockname()[1]}"), witness.vkey)
    for wrong in ("witness.example", "ftp://witness.example", "http://", "http://w.example/?x"):
        with pytest.raises(ComplianceError, match="is reached at an address"):
            http_submit(wrong)
    with pytest.raises(ComplianceError, match="key of the witness is wrong"):
        cosign(ledger, http_submit(url), "nonsense")
    with ledger.snapshot() as view:
        assert view.cosigned() == []


def test_the_server_bounds_what_a_stranger_can_make_it_hold(served: tuple[str, Witness, Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    url, witness, ledger = served
    host, port = "127.0.0.1", int(url.rpartition(":")[2])

    def status(method: str, path: str, body: bytes = b"", **headers: str) -> int:
        connection = http.client.HTTPConnection(host, port, timeout=20)
        connection.request(method, path, body, headers)
        found = connection.getresponse().status
        connection.close()
        return found

    assert status("POST", "/add-checkpoint", b"x") == 400
    assert status("POST", "/a/prefix/add-checkpoint", b"x") == 400
    assert status("POST", "/other", b"x") == 404
    assert status("GET", "/add-checkpoint") == 404
    assert status("POST", "/add-checkpoint", b"x" * (MAX_REQUEST + 1)) == 413
    assert status("POST", "/add-checkpoint", **{"Content-Length": "-1"}) == 411
    monkeypatch.setattr(witness_server._Handler, "timeout", 0.2)
    with socket.create_connection((host, port), timeout=20) as silent:
        silent.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
        assert silent.recv(100) == b""  # closed
    held = [socket.create_connection((host, port), timeout=20) for _ in range(witness_server.MAX_CONNECTIONS + 8)]
    for each in held:
        each.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:  # the places come free as the closed connections are noticed
        try:
            assert cosign(ledger, http_submit(url), witness.vkey).size == 5
            return
        except RolledBackError:
            raise
        except ComplianceError:
            time.sleep(0.1)
    pytest.fail("the server takes no more connections")


def test_a_connection_is_kept_open(served: tuple[str, Witness, Ledger]) -> None:
    url, _, ledger = served
    connection = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=20)
    body = cosigning.request(ledger, Cosigner("w", Ed25519PrivateKey.generate()).vkey).encode()
    statuses = []
    for _ in range(2):
        connection.request("POST", "/add-checkpoint", body)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    assert statuses == [200, 409]


# ---- by file ----------------------------------------------------------------------------------------------------------


def carried(ledger: Ledger, witness: Witness, old: int | None = None) -> str:
    text = cosigning.request(ledger, witness.vkey, old)
    assert parse_request(text).note.startswith("tellerbox/b1\n")
    return cosigning.answer_text(text, witness.add_checkpoint(text.encode()))


def test_a_branch_without_a_line_carries_files(served: tuple[str, Witness, Ledger], tmp_path: Path) -> None:
    _, witness, ledger = served
    answer = carried(ledger, witness)
    fill(ledger, 2, "meanwhile")
    assert cosigning.take_answer(ledger, answer, witness.vkey).size == 5
    assert cosigning.take_answer(ledger, carried(ledger, witness), witness.vkey).size == 7
    with pytest.raises(ComplianceError, match="cosigned 7 records last: make a request with --old 7"):
        cosigning.take_answer(ledger, carried(ledger, witness, 5), witness.vkey)
    with pytest.raises(ComplianceError, match="cannot be proved to extend 9"):
        cosigning.request(ledger, witness.vkey, 9)
    for text in ("", "nonsense", answer.replace("200", "x"), answer[:30]):
        with pytest.raises(ComplianceError):
            cosigning.take_answer(ledger, text, witness.vkey)
    copy = older_copy(ledger, tmp_path)
    with Ledger.open(tmp_path / "ledger") as later:
        later.append(header("hidden"), {"text": "x"})
        late = carried(later, witness)
        assert cosigning.take_answer(later, late, witness.vkey).size == 8
    restore(copy, tmp_path)
    with Ledger.open(tmp_path / "ledger") as rolled_back:
        with pytest.raises(RolledBackError, match=f"{NAME} cosigned 8 records, it holds 7"):
            cosigning.take_answer(rolled_back, carried(rolled_back, witness), witness.vkey)
        with pytest.raises(RolledBackError, match="asked about 8 records and holds 7"):
            cosigning.take_answer(rolled_back, late, witness.vkey)
        fill(rolled_back, 4, "instead")
        with pytest.raises(RolledBackError, match="written anew"):
            cosigning.take_answer(rolled_back, carried(rolled_back, witness, 8), witness.vkey)
