"""`batch-platform users …`: local accounts, audited like what is done to them in the web."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from batch_platform.cli.database import caller, opened_pool
from batch_platform.cli.tokens import Roles
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json
from batch_platform.kit.options import DryRun, Json
from batch_platform.web.access import second_factor, service, sign_in
from batch_platform.web.access.model import User, roles_of
from batch_platform.web.access.store import AccessStore
from batch_platform.web.context import Limits

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List the accounts."""
    with opened_pool() as pool:
        rows = [_row(user) for user in service.users(pool)]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "enabled" if row["enabled"] else "disabled"
        typer.echo(
            f"{row['name']}  {','.join(row['roles'])}  {state}  last sign-in {row['last_login_at'] or 'never'}"
        )
    if not rows:
        typer.echo("no accounts; add one with: batch-platform users add")


@app.command("add")
@writes("user.add")
def add_command(
    name: Name, role: Roles, password_stdin: PasswordStdin = False, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Add an account. The password is asked for, or read by --password-stdin; it is no argument."""
    with opened_pool() as pool:
        change = _change(dry_run)
        changed = service.add_user(pool, name, roles_of(role), lambda: _password(password_stdin), change)
    _tell(name, changed, dry_run, as_json, done="added", already="is already there")


@app.command("disable")
@writes("user.disable")
def disable_command(name: Name, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Keep an account out, at once and everywhere."""
    with opened_pool() as pool:
        changed = service.set_enabled(pool, name, _change(dry_run), enabled=False)
    _tell(name, changed, dry_run, as_json, done="disabled", already="is already disabled")


@app.command("enable")
@writes("user.enable")
def enable_command(name: Name, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Let an account in again."""
    with opened_pool() as pool:
        changed = service.set_enabled(pool, name, _change(dry_run), enabled=True)
    _tell(name, changed, dry_run, as_json, done="enabled", already="is already enabled")


@app.command("set-roles")
@writes("user.set-roles")
def set_roles_command(name: Name, role: Roles, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Replace an account's roles; it has to sign in again."""
    with opened_pool() as pool:
        changed = service.set_roles(pool, name, roles_of(role), _change(dry_run))
    _tell(name, changed, dry_run, as_json, done="given its roles", already="has these roles already")


@app.command("reset-password")
@writes("user.reset-password")
def reset_password_command(
    name: Name, password_stdin: PasswordStdin = False, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Give an account another password, end its sessions and its lock-out."""
    with opened_pool() as pool:
        service.reset_password(pool, name, lambda: _password(password_stdin), _change(dry_run))
    _tell(name, True, dry_run, as_json, done="given a new password", already="")


@app.command("sessions")
def sessions_command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The account; all without it.")] = None,
    as_json: Json = False,
) -> None:
    """List the browsers that are signed in."""
    now = utc_now()
    with opened_pool() as pool, AccessStore(pool).transaction() as session:
        subject = None if name is None else f"local:{session.user(name).name}"
        listed = session.sessions(subject, now=now, idle_since=now - Limits().session_idle)
    rows = [{key: _shown(value) for key, value in vars(row).items()} for row in listed]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['subject']}  {row['address']}  signed in {row['created_at']}  last used {row['seen_at']}")
    if not rows:
        typer.echo("nobody is signed in")


@app.command("end-sessions")
@writes("user.end-sessions")
def end_sessions_command(name: Name, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Sign an account out everywhere; it can sign in again."""
    with opened_pool() as pool:
        ended = service.end_sessions(pool, name, _change(dry_run))
    _tell(name, ended > 0, dry_run, as_json, done="signed out everywhere", already="is signed in nowhere")


@app.command("reset-second-factor")
@writes("user.reset-second-factor")
def reset_second_factor_command(name: Name, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Take the second factor of whoever has lost it, and end the sessions."""
    with opened_pool() as pool:
        changed = second_factor.reset(pool, name, _change(dry_run))
    _tell(name, changed, dry_run, as_json, done="without a second factor", already="has no second factor")


@app.command("unlock")
@writes("user.unlock", "address.unlock")
def unlock_command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The account.")] = None,
    address: Annotated[str | None, typer.Option(help="An IP address, in place of an account.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let an account or an address try again at once after sign-ins that failed."""
    if (name is None) == (address is None):
        raise InvalidInput("account-or-address", "give an account or an --address, not both", field="name")
    what, subject = ("address", address or "") if name is None else ("account", name)
    with opened_pool() as pool:
        unlock = sign_in.unlock_account if name is not None else sign_in.unlock_address
        changed = unlock(pool, subject, _change(dry_run))
    _tell(subject, changed, dry_run, as_json, done="unlocked", already="has failed at no sign-in", what=what)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidInput("no-terminal", "there is no terminal to ask on: use --password-stdin", field="password")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _change(dry_run: bool) -> service.Change:
    return service.Change(by=caller(), now=utc_now(), dry_run=dry_run)


def _row(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "roles": sorted(user.roles),
        "enabled": user.enabled,
        "created_at": user.created_at.isoformat(timespec="seconds"),
        "second_factor": user.second_factor,
        "last_login_at": user.last_login_at and user.last_login_at.isoformat(timespec="seconds"),
    }


def _shown(value: Any) -> Any:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _tell(
    name: str, changed: bool, dry_run: bool, as_json: bool, *, done: str, already: str, what: str = "account"
) -> None:
    if as_json:
        print_json({"name": name, "changed": changed, "dry_run": dry_run})
        return
    verb = f"would be {done}" if dry_run else f"is {done}"
    typer.echo(f"{what} {name} {verb if changed else already}")
