"""The user commands: accounts of the staff, their passwords and second factors, and API keys."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.errors import TellerboxError
from app.terminal import AsJson, open_box, print_json, read_stdin

user_cli = typer.Typer(no_args_is_help=True, help="The accounts of the staff.")
key_cli = typer.Typer(no_args_is_help=True, help="API keys of an account.")
user_cli.add_typer(key_cli, name="key")

Name = Annotated[str, typer.Argument(help="the name that is typed to sign in")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input")]


def _password(from_stdin: bool) -> str:
    """A password typed twice without being shown, or the first line of standard input."""
    if from_stdin:
        return read_stdin().split("\n", 1)[0].rstrip("\r")
    if not sys.stdin.isatty():
        raise TellerboxError("there is no terminal to ask for a password; give --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@user_cli.command("add")
def user_add(
    name: Name,
    role: Annotated[str, typer.Option(help="teller, steward, officer or admin")],
    display: Annotated[str, typer.Option(help="the name that customers and colleagues see", show_default=False)] = "",
    password_stdin: FromStdin = False,
) -> None:
    """Make an account."""
    with open_box() as box:
        account = box.staff.accounts.add(name, role, _password(password_stdin), display=display)
    print(f"{account.name} ({account.role}) may sign in; records name the account {account.id}")


@user_cli.command("list")
def user_list(as_json: AsJson = False) -> None:
    """The accounts."""
    from dataclasses import asdict

    with open_box() as box:
        accounts = box.staff.accounts.all()
    for account in accounts:
        if as_json:
            print_json(asdict(account))
        else:
            notes = [word for word, is_so in (("stopped", account.disabled), ("second factor", account.second_factor)) if is_so]
            print(f"{account.name}\t{account.role}\t{account.id}\t{account.display}\t{', '.join(notes)}")


@user_cli.command("disable")
def user_disable(name: Name) -> None:
    """Stop an account: signed out everywhere, its keys gone."""
    with open_box() as box:
        box.staff.accounts.disable(name)
    print(f"{name} is stopped")


@user_cli.command("enable")
def user_enable(name: Name) -> None:
    """Restore a stopped or locked account."""
    with open_box() as box:
        box.staff.accounts.enable(name)
    print(f"{name} may sign in")


@user_cli.command("password")
def user_password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give an account a new password."""
    with open_box() as box:
        box.staff.accounts.named(name)
        box.staff.accounts.set_password(name, _password(password_stdin))
    print(f"{name} has a new password and is signed out everywhere")


@user_cli.command("totp")
def user_totp(
    name: Name, off: Annotated[bool, typer.Option("--off", help="stop asking for one-time codes")] = False
) -> None:
    """Ask for one-time codes (RFC 6238) from now on; shows the secret once, as a QR code in a terminal."""
    from app.staff.passwords import totp_address

    with open_box() as box:
        secret = box.staff.accounts.set_second_factor(name, wanted=not off)
        bank = box.settings.bank
    if secret is None:
        print(f"{name} is no longer asked for codes")
        return
    address = totp_address(secret, name, bank)
    if sys.stdout.isatty():
        import segno

        segno.make(address, error="m").terminal(compact=True)
    print(address)


@key_cli.command("add")
def key_add(
    name: Name,
    scope: Annotated[list[str], typer.Option("--scope", help="what the key may be used for; repeat it")],
    label: Annotated[str, typer.Option(help="what it is for", show_default=False)] = "",
    days: Annotated[int, typer.Option(help="days until it expires")] = 365,
) -> None:
    """Make an API key with some of the account's scopes; it is shown once."""
    with open_box() as box:
        _, text = box.staff.api_keys.add(name, scope, label=label, days=days)
    print(text)


@key_cli.command("list")
def key_list() -> None:
    """The keys, without their secrets."""
    with open_box() as box:
        names = {account.id: account.name for account in box.staff.accounts.all()}
        keys = box.staff.api_keys.all()
    for key in keys:
        until = datetime.fromtimestamp(key.expires, UTC).date()
        print(f"{key.id}\t{names[key.account]}\t{' '.join(sorted(key.scopes))}\tuntil {until}\t{key.label}")


@key_cli.command("revoke")
def key_revoke(id: Annotated[str, typer.Argument(help="the key's id, as `user key list` shows it")]) -> None:
    """Delete a key."""
    with open_box() as box:
        box.staff.api_keys.revoke(id)
    print(f"{id} is revoked")
