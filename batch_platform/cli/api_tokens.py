"""`batch-platform tokens …`: everybody's API tokens, listed and revoked; `token` makes those of programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.cli.database import opened_log, opened_pool
from batch_platform.core.clock import utc_now
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, print_rows
from batch_platform.kit.options import DryRun, Json
from batch_platform.web.access import token_service as service

if TYPE_CHECKING:
    from datetime import datetime

    from batch_platform.web.access.model import ApiToken

app = typer.Typer()


@app.command("list")
def list_command(
    every: Annotated[bool, typer.Option("--all", help="Expired and revoked ones too.")] = False, as_json: Json = False
) -> None:
    """List API tokens, the newest first."""
    now = utc_now()
    with opened_pool() as pool:
        tokens = service.listed(pool, owner=None, living_at=None if every else now)
    rows = [_row(token, now) for token in tokens]
    if as_json:
        print_json(rows)
        return
    shown = ("id", "name", "owner", "roles", "state", "last_used_at", "expires_at")
    print_rows([{column: _text(row[column]) for column in shown} for row in rows], empty="no tokens")


@app.command("revoke")
@writes(service.REVOKE)
def revoke_command(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `tokens list` has it.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """End a token before its time: it is refused at once, and its websockets end."""
    with opened_log() as log:
        changed = service.revoke(log, token_id, dry_run=dry_run)
    if as_json:
        print_json({"id": token_id, "changed": changed, "dry_run": dry_run})
        return
    done = "would be revoked" if dry_run else "is revoked"
    typer.echo(f"token {token_id} {done if changed else 'is already revoked'}")


def _row(token: ApiToken, now: datetime) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "owner": token.owner,
        "roles": sorted(token.roles),
        "state": token.state(now),
        "made_by": token.made_by,
        "created_at": _moment(token.created_at),
        "expires_at": _moment(token.expires_at),
        "last_used_at": _moment(token.last_used_at),
        "revoked_at": _moment(token.revoked_at),
        "revoked_by": token.revoked_by,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else "–" if value is None else str(value)
