"""The audit commands: what the ledger of answers holds, proves and gives out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.errors import TellerboxError
from app.terminal import AsJson, open_box, print_json, progress_bar, read_stdin

if TYPE_CHECKING:
    from compliance.ledger import Entry, Ledger

audit_cli = typer.Typer(no_args_is_help=True, help="The ledger of answers.")


@audit_cli.command("show")
def audit_show(
    id: Annotated[str | None, typer.Argument(help="a turn or a session", show_default=False)] = None,
    reader: Annotated[str | None, typer.Option("--for", help="officer, or customer: why this answer", show_default=False)] = None,
    language: Annotated[str | None, typer.Option("--language", "-l", help="of the explanation", show_default=False)] = None,
    otel: Annotated[bool, typer.Option("--otel", help="OpenTelemetry spans (OTLP/JSON), without texts")] = False,
    last: Annotated[int, typer.Option(help="without an id, the last so many records")] = 10,
    as_json: AsJson = False,
) -> None:
    """Why this answer, in words (for an officer unless --for says otherwise); without an id, the last records."""
    from compliance.explain import explain
    from compliance.telemetry import otlp

    if reader not in (None, "customer", "officer"):
        raise TellerboxError("--for must be customer or officer")
    with open_box() as box:
        records = [(entry.index, *box.ledger.read(entry.index)) for entry in _entries(box.ledger, id, last)]
    told = [(header, body) for _, header, body in records]
    if otel:
        for trace in otlp(told):
            print_json(trace)
    elif as_json:
        for index, header, body in records:
            print_json({"index": index, "header": header.to_json(), "body": body})
    elif reader or any(header.kind.startswith("turn_") for header, _ in told if id is not None):
        print(explain(told, reader="customer" if reader == "customer" else "officer", language=language))
    else:
        for index, header, body in records:
            _print_record(index, header, body)


def _entries(ledger: Ledger, id: str | None, last: int) -> list[Entry]:
    """The records of a turn or a session, or the last ones."""
    if id is None:
        return ledger.find(last=last)
    found = ledger.find(turn=id) or ledger.find(session=id)
    if not found:
        raise TellerboxError(f"no record of {id!r}")
    return found


def _print_record(index: int, header: Any, body: Any) -> None:
    outcome = dict(header.facts).get("outcome", "")
    print(f"{index}  {header.time_utc}  {header.kind}  turn {header.turn}  session {header.session}  {outcome}")
    if body is None:
        print("    (erased)")
    elif "answer" in body:
        print(f"    ? {body['question']}\n    = {' '.join(body['answer'])}")


@audit_cli.command("verify")
def audit_verify(
    witness: Annotated[str | None, typer.Option(help="also ask the witness at this address", show_default=False)] = None,
    witness_key: Annotated[str, typer.Option(help="the witness's public key, or a file that holds it")] = "",
) -> None:
    """Recompute every hash of the ledger and check its signatures; with a witness, that it was not rolled back."""
    from app.cli_custody import read_key
    from compliance.cosigning import cosign, http_submit

    if bool(witness) != bool(witness_key):
        raise TellerboxError("give --witness and --witness-key together")
    with open_box() as box, progress_bar("verifying records") as progress:
        result = box.ledger.verify(progress)
        print(result.summary)
        if not result.ok:
            raise TellerboxError("the ledger does not verify")
        if witness:
            found = cosign(box.ledger, http_submit(witness), read_key(witness_key))
            print(f"not rolled back: the witness cosigned the first {found.size} records")


@audit_cli.command("export")
def audit_export(
    out: Annotated[Path, typer.Option(help="the file to write")],
    since: Annotated[str | None, typer.Option("--from", help="from this day on (UTC)", show_default=False)] = None,
    until: Annotated[str | None, typer.Option("--to", help="up to this day (UTC)", show_default=False)] = None,
    decrypt: Annotated[bool, typer.Option("--decrypt", help="with the redacted texts")] = False,
    sealed: Annotated[bool, typer.Option("--sealed", help="with the sealed texts, without their keys")] = False,
    format: Annotated[str, typer.Option("--format", help="bundle, jsonl, csv, parquet, pdf, ocsf or cef")] = "jsonl",
) -> None:
    """Export records: to be verified (bundle, jsonl), counted (csv, parquet), read (pdf) or watched (ocsf, cef)."""
    from compliance.export import FORMATS, export

    if format not in FORMATS:
        raise TellerboxError(f"the format must be one of {', '.join(FORMATS)}")
    with open_box() as box, progress_bar("exporting records") as progress:
        count = export(
            box.ledger, out, format, since=since, until=until, decrypt=decrypt, sealed=sealed, progress=progress,
            bank=box.settings.bank, policies=box.policy_text,
        )  # fmt: skip
    print(f"{count} records exported to {out}")


@audit_cli.command("receipt")
def audit_receipt(
    turn: Annotated[str, typer.Argument(help="a turn id, or the number of a record")],
    qr: Annotated[Path | None, typer.Option("--qr", help="write it as a QR code, .svg or .png", show_default=False)] = None,
) -> None:
    """The proof that a turn's record is in the ledger, to be kept elsewhere."""
    with open_box() as box:
        ledger = box.ledger
        found = [int(turn)] if turn.isascii() and turn.isdigit() and len(turn) < 16 else [entry.index for entry in ledger.find(turn=turn)]
        if not found:
            raise TellerboxError(f"no record of {turn!r}")
        receipt = ledger.receipt(found[-1])
    if qr is None:
        sys.stdout.write(receipt)
        return
    from compliance.report.qr import write_symbol

    write_symbol(receipt, qr)
    print(f"the receipt of record {found[-1]} is in {qr}")


@audit_cli.command("replay")
def audit_replay(
    what: Annotated[str, typer.Argument(help="a turn, records (120..180) or days (2026-11-01..2026-11-30)")],
    as_json: AsJson = False,
) -> None:
    """Whether the recorded model still says the recorded tokens, and search still finds the same passages."""
    from app.replay import TIE, chosen, describe, replay

    failed = count = 0
    with open_box() as box:
        for record in chosen(box.ledger, what):
            done = replay(box, record)
            count, failed = count + 1, failed + (not done.ok)
            if as_json:
                print_json(done.to_json())
            else:
                print("\n".join(describe(done, every_token=".." not in what)), flush=True)
    if not as_json:
        print(f"{count - failed} of {count} turns hold (tokens within {TIE} of log-probability count as tied)")
    if failed:
        raise TellerboxError(f"{failed} of {count} turns could not be reproduced")


@audit_cli.command("prove")
def audit_prove(receipt: Annotated[str, typer.Argument(help='a receipt; "-" reads it from standard input')]) -> None:
    """Whether a receipt belongs to this ledger."""
    with open_box() as box:
        entry = box.ledger.prove(read_stdin() if receipt == "-" else receipt)
    what = "pruned since" if entry.header is None else f"turn {entry.header.turn}, {entry.header.time_utc}"
    print(f"the receipt proves record {entry.index}, {what}")


@audit_cli.command("erase")
def audit_erase(session: str) -> None:
    """Make a session's texts unreadable for ever; the ledger still verifies."""
    with open_box() as box:
        entry = box.ledger.erase(session)
    print(f"erased; recorded as {entry.index}")


@audit_cli.command("checkpoint")
def audit_checkpoint() -> None:
    """The signed head of the ledger, to be kept elsewhere."""
    with open_box() as box:
        sys.stdout.write(box.ledger.checkpoint())
