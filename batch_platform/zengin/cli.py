"""`batch-platform zengin …`: releases in, differences out, what people decide of them, and the master itself."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.core.terminal import print_rows, showing
from batch_platform.settings import Settings, load_settings
from batch_platform.zengin import printing

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.zengin.service import ZenginContext

app = typer.Typer(no_args_is_help=True, help="The bank master: releases, reviewed differences, application.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Records; see `zengin list`.")]
OfChangeset = Annotated[str | None, typer.Option("--changeset", metavar="ID", help="The whole changeset.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="ACCOUNT", help="Act as this account; in the local environment only.")
]
Day = Annotated[str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="Business date; default: today (JST).")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The master as it was on that day.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Rows at most.")]


@app.command("snapshot")
def snapshot_command(
    source: Annotated[str, typer.Argument(help="A zengin-code directory, wheel or tgz, a CSV, or s3:// of one.")],
    day: Day = None,
    bootstrap: Annotated[bool, typer.Option("--bootstrap", help="Let it fill an empty master.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Read a release, check it, and keep it as the snapshot of a business date."""
    from batch_platform.zengin import service

    with open_work() as work, showing(f"reading {source}"):
        taken = service.take_snapshot(work, source, _date(day, "date"), bootstrap=bootstrap, dry_run=dry_run)
    printing.snapshot(taken, as_json=as_json, dry_run=dry_run)


@app.command("diff")
def diff_command(day: Day = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Compare the newest snapshot with the master and raise its changes for review."""
    from batch_platform.zengin import service

    with open_work() as work, showing("comparing"):
        proposal = service.propose(work, _date(day, "date"), dry_run=dry_run)
    printing.proposal(proposal, as_json=as_json, dry_run=dry_run)


@app.command("list")
def list_command(
    status: Annotated[
        str, typer.Option(help="pending, approved, rejected, expired, executing, completed, failed.")
    ] = ("pending"),
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List the records of a status, newest first."""
    from batch_platform.zengin import service
    from batch_platform.zengin.model import Status

    if status not in set(Status):
        raise InvalidInput(f"--status is {', '.join(Status)}, not {status}", field="status")
    with open_work() as work:
        rows, _ = service.records(work, Status(status), limit=limit)
    printing.records(rows, as_json=as_json)


@app.command("changesets")
def changesets_command(limit: Limit = 20, as_json: Json = False) -> None:
    """List the changesets, newest first."""
    from batch_platform.zengin import service

    with open_work() as work:
        rows, _ = service.changesets(work, limit=limit)
    printing.changesets(rows, as_json=as_json)


@app.command("show")
def show_command(
    which: Annotated[str, typer.Argument(metavar="ID", help="A record or a changeset.")], as_json: Json = False
) -> None:
    """Show one record, or a changeset with its changes."""
    from batch_platform.zengin import service

    with open_work() as work:
        if which.startswith("diff-"):
            printing.record(service.record(work, which), as_json=as_json)
        else:
            found = service.changeset(work, which)
            printing.changeset(found, service.changes_of(work, which), as_json=as_json)


@app.command("approve")
def approve_command(
    ids: Ids = None,
    changeset: OfChangeset = None,
    payload_hash: Annotated[
        str | None, typer.Option("--hash", help="The payload hash that was reviewed; default: the present one.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="The rows that were reviewed; default: the present number.")
    ] = None,
    not_before: Annotated[
        str | None, typer.Option("--not-before", metavar="YYYY-MM-DD", help="Apply on this day at the earliest.")
    ] = None,
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Approve records, or a changeset bound to its payload hash and number of rows."""
    from batch_platform.zengin import service

    _one_of(ids, changeset)
    day = _date(not_before, "not_before")
    settings = load_settings()
    with open_work(settings) as work:
        by = approver(settings, account)
        if changeset is None:
            if dry_run:
                printing.records([service.record(work, one) for one in ids or []], as_json=as_json)
                return
            done = service.approve(work, ids or [], by=by, not_before=day)
            printing.decision(done, as_json=as_json)
            return
        found = service.changeset(work, changeset)
        if dry_run:
            printing.changesets([found], as_json=as_json)
            return
        with showing("approving"):
            whole = service.approve_changeset(
                work,
                changeset,
                by=by,
                payload_hash=payload_hash or found.payload_hash,
                count=found.counts["rows"] if count is None else count,
                not_before=day,
            )
    printing.changeset_decision(whole, as_json=as_json)


@app.command("reject")
def reject_command(
    reason: Annotated[str, typer.Option(help="Why; the same proposal is not raised again.")],
    ids: Ids = None,
    changeset: OfChangeset = None,
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Reject records, or every pending record of a changeset, for good."""
    from batch_platform.zengin import service

    _one_of(ids, changeset)
    settings = load_settings()
    with open_work(settings) as work:
        by = approver(settings, account)
        if dry_run:
            found = service.records_of(work, changeset) if changeset else [service.record(work, i) for i in ids or []]
            printing.records(found, as_json=as_json)
        elif changeset is None:
            printing.decision(service.reject(work, ids or [], by=by, reason=reason), as_json=as_json)
        else:
            whole = service.reject_changeset(work, changeset, by=by, reason=reason)
            printing.changeset_decision(whole, as_json=as_json)


@app.command("revoke")
def revoke_command(ids: Ids = None, account: As = None, as_json: Json = False) -> None:
    """Take the approval of records back: they are pending again."""
    from batch_platform.zengin import service

    settings = load_settings()
    with open_work(settings) as work:
        done = service.revoke(work, ids or [], by=approver(settings, account))
    printing.decision(done, as_json=as_json)


@app.command("override")
def override_command(
    changeset: Annotated[str, typer.Argument(metavar="CHANGESET", help="A held changeset.")],
    account: As = None,
    as_json: Json = False,
) -> None:
    """Say that a held snapshot is right; when two accounts have, its records are raised."""
    from batch_platform.zengin import service

    settings = load_settings()
    with open_work(settings) as work:
        done = service.override(work, changeset, by=approver(settings, account))
    printing.changeset_decision(done, as_json=as_json)


@app.command("apply")
def apply_command(day: Day = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Apply what is approved for a business date now, without waiting for 23:00."""
    from batch_platform.zengin import service

    with open_work() as work, showing("applying"):
        outcome = service.apply(work, _date(day, "date"), dry_run=dry_run)
    printing.applied(outcome, as_json=as_json)


@app.command("rollback")
def rollback_command(
    changeset: Annotated[str, typer.Argument(metavar="CHANGESET", help="An applied changeset.")],
    account: As = None,
    as_json: Json = False,
) -> None:
    """Propose the changeset that undoes another; it has to be approved as any other."""
    from batch_platform.zengin import service

    settings = load_settings()
    with open_work(settings) as work:
        inverse = service.rollback(work, changeset, by=approver(settings, account))
    printing.changesets([inverse], as_json=as_json, single=True)


@app.command("search")
def search_command(
    text: Annotated[str, typer.Argument(help="A code or a name, in any writing.")],
    bank: Annotated[str | None, typer.Option(metavar="CODE", help="Search the branches of this bank.")] = None,
    as_of: AsOf = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Search banks, or the branches of a bank; width, kana and 銀行/支店 do not matter."""
    from batch_platform.zengin import service

    with open_work() as work:
        day = _date(as_of, "as_of")
        if bank is None:
            rows, _ = service.banks(work, text, as_of=day, limit=limit)
        else:
            rows, _ = service.branches(work, bank, text, as_of=day, limit=limit)
    print_rows(rows, as_json=as_json, empty=f"nothing is called {text}")


@app.command("export")
def export_command(
    kind: Annotated[str, typer.Option("--format", help="csv (UTF-8) or zengin (half-width, cp932).")] = "csv",
    output: Annotated[Path | None, typer.Option(help="The file to write; default: standard output.")] = None,
    as_of: AsOf = None,
) -> None:
    """Write the whole master as a file."""
    from batch_platform.zengin import service

    with open_work() as work:
        file = service.export(work, kind, as_of=_date(as_of, "as_of"))
    if output is None:
        sys.stdout.buffer.write(file.content)
    else:
        output.write_bytes(file.content)


@contextmanager
def open_work(settings: Settings | None = None) -> Iterator[ZenginContext]:
    """The context of this process, its connections closed at the end."""
    from batch_platform.core import aws, postgres
    from batch_platform.zengin.service import build_context

    settings = settings or load_settings()
    with ExitStack() as stack:
        pool = postgres.open_pool(_database(settings), application_name="batch-platform zengin")
        stack.callback(pool.close)
        yield build_context(
            pool=pool,
            dynamodb=aws.client("dynamodb", settings),
            s3=aws.client("s3", settings),
            lake_bucket=settings.lake_bucket,
            env=settings.env,
        )


def approver(settings: Settings, account: str | None) -> str:
    """The subject that decides: `--as` in the local environment, else the account this process runs under.

    Raises `InvalidInput` for `--as` elsewhere, `NotFound` for no such account and `PermanentFailure` for one that may
    not approve.
    """
    from batch_platform.web.access.model import allowed
    from batch_platform.web.access.store import AccessStore

    if account is not None and settings.env != "local":
        raise InvalidInput("--as works in the local environment only", field="as")
    name = account or getpass.getuser()
    with _platform_pool(settings) as pool, AccessStore(pool).transaction() as session:
        user = session.user(name)
    if not user.enabled or not allowed(user.roles, "zengin:approve"):
        raise PermanentFailure(f"account {name} may not approve: it needs the role approver")
    return f"local:{user.name}"


@contextmanager
def _platform_pool(settings: Settings) -> Iterator[Pool]:
    from batch_platform.core import postgres

    pool = postgres.open_pool(_platform_database(settings), application_name="batch-platform zengin", max_size=1)
    try:
        yield pool
    finally:
        pool.close()


def _database(settings: Settings) -> str:
    """The bank master's own database when a secret names it, else the platform's."""
    from batch_platform.resources.aws import SecretsResource
    from batch_platform.zengin.service.context import database_url

    if settings.zengin_database_secret_id is None:
        return _platform_database(settings)
    secrets = SecretsResource(aws_region=settings.aws_region, aws_endpoint_url=settings.aws_endpoint_url)
    return database_url(secrets.get_fields(settings.zengin_database_secret_id))


def _platform_database(settings: Settings) -> str:
    if settings.database_url is None:
        raise InvalidInput("DATABASE_URL is not set", field="DATABASE_URL")
    return settings.database_url.get_secret_value()


def _date(text: str | None, field: str) -> date | None:
    if text is None:
        return None
    try:
        # fromisoformat alone would take 20261120 and dates by week as well
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 (a day has no zone)
    except ValueError:
        raise InvalidInput(f"{text} is not a date YYYY-MM-DD", field=field) from None


def _one_of(ids: list[str] | None, changeset: str | None) -> None:
    if bool(ids) == bool(changeset):
        raise InvalidInput("name records or --changeset, not both", field="ids")
