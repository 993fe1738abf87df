"""`staffing backup …`: taken, listed, proved, restored."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.core.audit import Log
from batch_platform.core.caller import system_user
from batch_platform.core.failures import PermanentFailure, PlatformError
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_fields, print_json, print_rows, say, showing
from batch_platform.kit import session
from batch_platform.kit.options import DryRun, Json, day, whole
from batch_platform.operations.actions import EXECUTE
from batch_platform.operations.model import JobParameters
from batch_platform.staffing.opening import open_backups
from batch_platform.staffing.service.backup_restore import RESTORE
from batch_platform.staffing.service.backups import VERIFY

if TYPE_CHECKING:
    from batch_platform.staffing.service.backup_context import BackupContext

backup_app = typer.Typer(no_args_is_help=True, help="Backups: taken, proved by a restoration, restored.")

Night = Annotated[
    date | None, typer.Argument(parser=day, metavar="[NIGHT]", help="The Tokyo day of a backup; default: the newest.")
]
Limit = Annotated[int, typer.Option(parser=whole(1, 10_000), metavar="N", help="Nights at most.")]


@backup_app.command("run")
@writes(EXECUTE)
def run_command(
    night: Annotated[
        date | None, typer.Option("--date", parser=day, metavar="YYYY-MM-DD", help="Default: today in Tokyo.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Back up the database and the files, prove the backup, then delete what is too old."""
    from batch_platform.staffing.service import backups

    with session.of_command(open_backups) as mine, showing("backing up"):
        night = night or mine.context.tonight
        if dry_run:
            done: Any = asdict(backups.plan(mine.context, night))
        else:
            try:
                done = mine.run("daily-backup", JobParameters(target_date=night))
            except PlatformError as error:
                raise _why(mine.context, night, error) from error
    _print(done | ({"dry_run": True} if dry_run else {}), as_json=as_json)


@backup_app.command("list")
def list_command(
    in_buckets: Annotated[
        bool, typer.Option("--in-buckets", help="What the buckets hold; works without a database.")
    ] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List the nights, newest first, each with its newest proof."""
    from batch_platform.staffing.service import backup_restore, backups

    with open_backups() as context:
        if in_buckets:
            rows = [asdict(backup) for backup in backup_restore.stored(context)[:limit]]
        else:
            rows = [_row(row) for row in backups.page(context, limit=limit)]
    if as_json:
        print_json(rows)
        return
    shown = [{name: value for name, value in row.items() if name not in _LONG} for row in rows]
    print_rows(shown, empty="no backups")


@backup_app.command("verify")
@writes(VERIFY)
def verify_command(night: Night = None, as_json: Json = False) -> None:
    """Prove a backup: read it back, decrypt and restore it into a scratch database, compare every table.

    Exit code 1 when anything is wrong with it.
    """
    from batch_platform.staffing.service import backups

    with (
        session.of_command(open_backups) as mine,
        showing("proving"),
        mine.log.intent(VERIFY, str(night or "newest")) as intent,
    ):
        proof = backups.verify(mine.context, night)
        intent.after = {"night": proof.night.isoformat(), "faults": [fault.text for fault in proof.faults]}
    if as_json:
        print_json(asdict(proof) | {"passed": proof.passed})
    elif proof.passed:
        say(
            f"the backup of {proof.night} is whole: {proof.rows:,} rows of {proof.tables} tables and "
            f"{proof.files} files from {proof.site} in {proof.seconds:.1f} s; amcheck: {proof.amcheck}"
        )
    else:
        print_rows([asdict(fault) for fault in proof.faults], empty="")
    if not proof.passed:
        raise PermanentFailure(
            "backup-of-night-faulty",
            "the backup of {night} has faults: {faults}",
            night=proof.night,
            faults=", ".join(dict.fromkeys(fault.kind.value for fault in proof.faults)),
        )


@backup_app.command("restore")
@writes(RESTORE)
def restore_command(
    night: Annotated[
        date | None,
        typer.Argument(parser=day, metavar="[NIGHT]", help="Default: the newest one that was proved."),
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="local or remote; default: wherever it is.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Restore a backup into the empty database of DATABASE_URL, and its files into their bucket.

    The database is made if it is missing; one that holds anything is refused.
    """
    from batch_platform.staffing.service import backup_restore

    with open_backups() as context, showing("restoring"):
        done = backup_restore.restore(context, night, site=site, dry_run=dry_run)
        if not dry_run:
            _record(context, asdict(done))
    _print(asdict(done) | ({"dry_run": True} if dry_run else {}), as_json=as_json)


_LONG = frozenset({"faults", "objects", "error"})


def _why(context: BackupContext, night: date, error: PlatformError) -> PlatformError:
    """The faults themselves, where the run only says that its check has failed."""
    from batch_platform.staffing.service import backups

    faults = [row["faults"] for row in backups.page(context, limit=1) if row["night"] == night and row["faults"]]
    if not faults:
        return error
    return PermanentFailure(
        "backup-of-night-faulty",
        "the backup of {night} has faults: {faults}",
        night=night,
        faults="; ".join(fault["text"] for fault in faults[0]),
    )


def _record(context: BackupContext, done: dict[str, Any]) -> None:
    """In the audit log that has come back: before, there was none."""
    from batch_platform.core import postgres

    log = Log(context.pool, context.clock, f"cli:{system_user()}")
    with postgres.transaction(context.pool) as connection:
        log.record(connection, RESTORE, str(done["night"]), after={**done, "night": str(done["night"])})


def _row(row: dict[str, Any]) -> dict[str, Any]:
    names = ("night", "state", "attempt", "tables", "rows", "files", "bytes", "missing_files", "stored_at")
    proof = ("verified_at", "proof_seconds", "proof_site", "amcheck", "faults", "error")
    return {name: row[name] for name in (*names, *proof)}


def _print(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    print_fields({name: _cell(value) for name, value in done.items()})


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return f"in {value['seconds']} s; amcheck: {value['amcheck']}"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
