"""The fleet commands: a head office gathers the ledgers of its boxes, and watches and verifies the copies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli_custody import read_key
from app.errors import TellerboxError
from app.terminal import AsJson, print_json, progress_bar

if TYPE_CHECKING:
    from compliance.fleet import BoxStatus, Copies

fleet_cli = typer.Typer(no_args_is_help=True, help="Copies of the ledgers of many boxes, at a head office.")

Store = Annotated[str | None, typer.Option("--store", help="where the copies lie: a folder or a postgresql:// URL", show_default=False)]


def _copies(place: str | None) -> Copies:
    """The copies at a place; without one, on the server of `ledger_url`, or else in the folder `fleet` of the box's home."""
    from app.settings import load_settings
    from compliance.fleet import copies_at

    settings = load_settings()
    return copies_at(place or settings.ledger_url.get_secret_value() or str(settings.home / "fleet"))


@fleet_cli.command("gather")
def fleet_gather(
    bundles: Annotated[list[Path], typer.Argument(help="exported bundles, folders or zips, of any boxes")],
    into: Annotated[str | None, typer.Option("--into", help="a folder or a postgresql:// URL for the copies", show_default=False)] = None,
    key: Annotated[list[str] | None, typer.Option("--key", help="a box's published key, or a file of it; repeat it")] = None,
    witness_key: Annotated[list[str] | None, typer.Option("--witness-key", help="demand this witness's cosignature; repeat it")] = None,
    as_json: AsJson = False,
) -> None:
    """Verify bundles and append what is new to the copy of each box's ledger; recorded in the ledger of this box."""
    from dataclasses import asdict

    from app.appliance import open_ledger
    from app.settings import load_settings
    from compliance.fleet import gather

    keys, witnesses = ([read_key(each) for each in given or ()] for given in (key, witness_key))
    wrong = count = 0
    with open_ledger(load_settings()) as ledger, progress_bar("gathering records") as progress:
        for done in gather(ledger, _copies(into), bundles, keys=keys, witnesses=witnesses, progress=progress):
            count, wrong = count + 1, wrong + done.finding.wrong
            if as_json:
                print_json(asdict(done) | {"bundle": str(done.bundle)})
            else:
                print(f"{done.bundle}: {done.finding.replace('_', ' ')}: {done.origin or 'unknown box'}: {done.message}", flush=True)
    if wrong:
        raise TellerboxError(f"{wrong} of {count} bundles were refused")


@fleet_cli.command("list")
def fleet_list(store: Store = None, as_json: AsJson = False) -> None:
    """The boxes, the one that is silent longest first."""
    from dataclasses import asdict

    from compliance.fleet import fleet_status

    for box in fleet_status(_copies(store)):
        if as_json:
            print_json(asdict(box))
        else:
            print(_line(box))


def _line(box: BoxStatus) -> str:
    seen = ", ".join(f"{each.witness} at {each.size}{'' if each.vkey else ' (not checked)'}" for each in box.witnesses)
    days = f"{box.days} days silent" if box.days != 1 else "1 day silent"
    held = f"{box.records} of {box.size} records"
    return "\t".join((box.branch, held, f"made {box.made}", f"gathered {box.gathered}", days, f"cosigned by {seen or 'nobody'}"))


@fleet_cli.command("verify")
def fleet_verify(
    box: Annotated[str, typer.Argument(help="a branch; all boxes without it", show_default=False)] = "",
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every hash of the copies and compare them with what the boxes signed."""
    from dataclasses import asdict

    from compliance.fleet import verify_copies

    wrong = count = 0
    with progress_bar("verifying records") as progress:
        for done in verify_copies(_copies(store), box, progress):
            count, wrong = count + 1, wrong + (done.problem is not None)
            if as_json:
                print_json(asdict(done))
            else:
                held = f"{done.records} records verified, the last checkpoint is of {done.size}"
                print(f"{done.origin or done.place}: {held if done.problem is None else f'NOT VERIFIED: {done.problem}'}", flush=True)
    if wrong:
        raise TellerboxError(f"{wrong} of {count} copies do not verify")
