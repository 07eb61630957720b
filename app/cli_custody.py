"""The audit commands that keep the ledger trustworthy: witness and cosign, rotate, prune and hold."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.errors import TellerboxError
from app.terminal import AsJson, open_box, print_json

if TYPE_CHECKING:
    from compliance.witness import Witness

custody_cli = typer.Typer()
hold_cli = typer.Typer(no_args_is_help=True, help="What may not be pruned.")
custody_cli.add_typer(hold_cli, name="hold")

WitnessKey = Annotated[str, typer.Option("--witness-key", help="the witness's public key, or a file that holds it")]


def read_key(given: str) -> str:
    """A key given as text or as a file that holds it; raises TellerboxError."""
    path = Path(given)
    try:
        return path.read_text("utf-8").strip() if len(given) < 256 and path.is_file() else given.strip()
    except (OSError, UnicodeDecodeError):
        raise TellerboxError(f"{path} cannot be read") from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(1 << 20).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TellerboxError(f"{path} cannot be read ({type(error).__name__})") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise TellerboxError(f"cannot write {path} ({error.strerror})") from None


# -- witness --------------------------------------------------------------------------------------------------------------


@custody_cli.command("witness")
def audit_witness(
    log_key: Annotated[list[str], typer.Option("--log-key", help="the public key of a ledger to watch, or a file of it; repeat it")],
    state: Annotated[Path, typer.Option(help="the folder of the witness's key and memory; back it up")] = Path("witness"),
    name: Annotated[str, typer.Option(help="the witness's name in its signatures")] = "tellerbox-witness",
    listen: Annotated[str, typer.Option(help="HOST:PORT")] = "127.0.0.1:8457",
    request: Annotated[Path | None, typer.Option(help="answer this request and end", show_default=False)] = None,
    answer: Annotated[Path | None, typer.Option(help="where to write the answer", show_default=False)] = None,
) -> None:
    """On a second machine: cosign the checkpoints of ledgers that only ever grow (C2SP tlog-witness)."""
    from app.settings import load_settings
    from compliance.cosigning import answer_text
    from compliance.witness import Witness

    if (request is None) != (answer is None):
        raise TellerboxError("give --request and --answer together")
    witness = Witness.open(state, name, [read_key(each) for each in log_key], load_settings().ledger_secret())
    try:
        if request is not None and answer is not None:
            text = _read(request)
            reply = witness.add_checkpoint(text.encode())
            _write(answer, answer_text(text, reply))
            print(f"status {reply.status}, written to {answer}")
        else:
            _serve_witness(witness, listen)
    finally:
        witness.close()


def _serve_witness(witness: Witness, listen: str) -> None:
    from compliance.witness_server import WitnessServer

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise TellerboxError("--listen is HOST:PORT")
    try:
        server = WitnessServer((host.strip("[]"), int(port)), witness)
    except OSError as error:
        raise TellerboxError(f"cannot listen on {listen} ({error.strerror})") from None
    with server:
        print(f"http://{host}:{server.server_address[1]}/ cosigns as\n{witness.vkey}", flush=True)
        server.serve_forever()


@custody_cli.command("cosign")
def audit_cosign(
    witness_key: WitnessKey,
    witness: Annotated[str | None, typer.Option(help="the address of the witness", show_default=False)] = None,
    request: Annotated[Path | None, typer.Option(help="write a request to be carried to the witness", show_default=False)] = None,
    answer: Annotated[Path | None, typer.Option(help="keep what an answer carried back holds", show_default=False)] = None,
    old: Annotated[int | None, typer.Option(min=0, help="the size the witness says it cosigned last", show_default=False)] = None,
) -> None:
    """Have a witness cosign the head; a ledger that was rolled back is found out."""
    from compliance import cosigning

    if [witness, request, answer].count(None) != 2:
        raise TellerboxError("give one of --witness, --request and --answer")
    key = read_key(witness_key)
    with open_box() as box:
        if request is not None:
            _write(request, cosigning.request(box.ledger, key, old))
            print(f"written to {request}; carry it to the witness")
            return
        if answer is not None:
            found = cosigning.take_answer(box.ledger, _read(answer), key)
        else:
            found = cosigning.cosign(box.ledger, cosigning.http_submit(str(witness)), key)
    print(f"the first {found.size} records were cosigned at {datetime.fromtimestamp(found.time, UTC):%Y-%m-%dT%H:%M:%SZ}")


# -- keys -----------------------------------------------------------------------------------------------------------------


@custody_cli.command("rotate")
def audit_rotate() -> None:
    """Change the ledger's signing key; the change is recorded, signed by both keys."""
    from compliance.rotation import rotate

    with open_box() as box:
        entry = rotate(box.ledger)
        print(f"recorded as {entry.index}; publish the new key, and give it to the witness beside the old one:\n{box.ledger.vkey}")


@custody_cli.command("second-key")
def audit_second_key() -> None:
    """Have a second key of another kind (ML-DSA-44, post-quantum) sign every published checkpoint and bundle too."""
    from compliance.second_key import add_second_key

    with open_box() as box:
        print(add_second_key(box.ledger))


# -- retention ------------------------------------------------------------------------------------------------------------


@custody_cli.command("prune")
def audit_prune(before: Annotated[str, typer.Option(help="delete the texts and headers of records before this day (UTC)")]) -> None:
    """Delete old records, but not their hashes and proofs; holds and the setting retention_months are respected."""
    from compliance.retention import prune

    with open_box() as box:
        done = prune(box.ledger, before, months=box.settings.retention_months)
    for number, kept in sorted(done.kept.items()):
        print(f"hold {number} keeps {kept} records")
    print("nothing to prune" if done.entry is None else f"{done.count} records pruned; recorded as {done.entry.index}")


@hold_cli.command("add")
def hold_add(
    reason: Annotated[str, typer.Option(help="a reference such as a case number; it stays in clear")],
    session: Annotated[str, typer.Option(help="hold this session")] = "",
    turn: Annotated[str, typer.Option(help="hold this turn")] = "",
    since: Annotated[str | None, typer.Option("--from", help="hold from this day on (UTC)", show_default=False)] = None,
    until: Annotated[str | None, typer.Option("--to", help="hold up to this day (UTC)", show_default=False)] = None,
) -> None:
    """Keep a session, a turn or a period from being pruned; recorded."""
    from compliance.retention import add_hold

    with open_box() as box:
        print(f"hold {add_hold(box.ledger, reason=reason, session=session, turn=turn, since=since, until=until).number}")


@hold_cli.command("list")
def hold_list(as_json: AsJson = False) -> None:
    """The holds in force."""
    from dataclasses import asdict

    from compliance.retention import holds

    with open_box() as box, box.ledger.snapshot() as view:
        found = holds(view)
    for hold in found:
        if as_json:
            print_json(asdict(hold))
        else:
            print(f"{hold.number}\t{hold.place}\t{hold.reason}")


@hold_cli.command("remove")
def hold_remove(number: int) -> None:
    """End a hold; recorded."""
    from compliance.retention import release_hold

    with open_box() as box:
        print(f"hold {number} ended; recorded as {release_hold(box.ledger, number).index}")
