"""`batch-platform zengin …`: releases in, differences out, what people decide of them, and the master itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from batch_platform.core.clock import parse_day
from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import print_rows, showing, whole
from batch_platform.kit import lists
from batch_platform.settings import load_settings
from batch_platform.zengin import printing
from batch_platform.zengin.desk import Desk, open_desk
from batch_platform.zengin.model import Status
from batch_platform.zengin.opening import open_work
from batch_platform.zengin.proving.command import prove
from batch_platform.zengin.web.lists import CHANGESETS, RECORDS

if TYPE_CHECKING:
    from batch_platform.zengin.service import Decision

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
Limit = Annotated[int, typer.Option(parser=whole(1, 10_000), metavar="N", help="Rows at most.")]


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


STATUS: Final = typer.Option(help=f"{', '.join(Status)}.")

lists.command(
    app,
    RECORDS,
    "list",
    doc="List the records of a status, newest first.",
    opened=open_work,
    options={"status": STATUS},
)
lists.command(app, CHANGESETS, "changesets", doc="List the changesets, newest first.", opened=open_work, shown=20)


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
            failed = service.failed_checks(work, found)
            printing.changeset(found, service.changes_of(work, which), failed, as_json=as_json)


@app.command("approve")
def approve_command(
    ids: Ids = None,
    changeset: OfChangeset = None,
    payload_hash: Annotated[
        str | None, typer.Option("--hash", help="The payload hash that was reviewed; default: the present one.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(parser=whole(), metavar="N", help="The rows that were reviewed; default: the present number."),
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
    from batch_platform.zengin.service import review

    _one_of(ids, changeset)
    day = _date(not_before, "not_before")
    with open_desk(load_settings(), account) as desk:
        if changeset is None:
            before = [service.record(desk.work, one) for one in ids or []]
            if dry_run:
                printing.outlook(before, review.quorums(desk.work, before), by=desk.by, as_json=as_json)
                return
            done = service.approve(desk.work, ids or [], by=desk.by, not_before=day)
            desk.told("bank-diff.approve", before, done.records)
            printing.decision(done, as_json=as_json)
            return
        found = service.changeset(desk.work, changeset)
        seen_hash = payload_hash or found.payload_hash
        seen_count = found.counts["rows"] if count is None else count
        if dry_run:
            review.require_reviewed(found, payload_hash=seen_hash, count=seen_count)
            records = service.records_of(desk.work, changeset)
            printing.changeset_outlook(found, records, by=desk.by, as_json=as_json)
            return
        with showing("approving"):
            whole = service.approve_changeset(
                desk.work, changeset, by=desk.by, payload_hash=seen_hash, count=seen_count, not_before=day
            )
        desk.told_changeset(
            "bank-changeset.approve", found, whole.changeset, moved=whole.moved, waiting=whole.waiting
        )
    printing.changeset_decision(whole, as_json=as_json, verb="approved")


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
    with open_desk(load_settings(), account) as desk:
        if changeset is None:
            _decide(desk, "reject", partial(service.reject, reason=reason), ids, dry_run=dry_run, as_json=as_json)
            return
        if dry_run:
            printing.records(service.records_of(desk.work, changeset), as_json=as_json)
            return
        was = service.changeset(desk.work, changeset)
        whole = service.reject_changeset(desk.work, changeset, by=desk.by, reason=reason)
        desk.told_changeset("bank-changeset.reject", was, whole.changeset, moved=whole.moved, reason=reason)
    printing.changeset_decision(whole, as_json=as_json, verb="rejected")


@app.command("revoke")
def revoke_command(ids: Ids = None, account: As = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Take the approval of records back: they are pending again."""
    from batch_platform.zengin import service

    with open_desk(load_settings(), account) as desk:
        _decide(desk, "revoke", service.revoke, ids, dry_run=dry_run, as_json=as_json)


@app.command("retry")
def retry_command(ids: Ids = None, account: As = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Let failed records, approved as they are, be applied once more by the next apply."""
    from batch_platform.zengin import service

    with open_desk(load_settings(), account) as desk:
        _decide(desk, "retry", service.retry, ids, dry_run=dry_run, as_json=as_json)


@app.command("override")
def override_command(
    changeset: Annotated[str, typer.Argument(metavar="CHANGESET", help="A held changeset.")],
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say that a held snapshot is right; when two accounts have, its records are raised."""
    from batch_platform.zengin import service

    with open_desk(load_settings(), account) as desk:
        before = service.changeset(desk.work, changeset)
        done = service.override(desk.work, changeset, by=desk.by, dry_run=dry_run)
        if dry_run:
            printing.changesets([done.changeset], as_json=as_json, single=True)
            return
        desk.told_changeset("bank-changeset.override", before, done.changeset, moved=done.moved)
    printing.changeset_decision(done, as_json=as_json, verb="raised")


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
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Propose the changeset that undoes another. Somebody else must approve it, and no fewer than the other one."""
    from batch_platform.zengin import service

    with open_desk(load_settings(), account) as desk:
        undone = service.changeset(desk.work, changeset)
        inverse = service.rollback(desk.work, changeset, by=desk.by, dry_run=dry_run)
        if not dry_run:
            desk.told_changeset("bank-changeset.rollback", undone, undone, inverse=inverse.id)
    printing.undoing(inverse, as_json=as_json)


@app.command("search")
def search_command(
    text: Annotated[str, typer.Argument(help="A code or a name, in any writing.")],
    bank: Annotated[str | None, typer.Option(metavar="CODE", help="Search the branches of this bank.")] = None,
    as_of: AsOf = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Search banks, or the branches of a bank, in any writing; formal names (信用金庫, 株式会社) too."""
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
    skip_unwritable: Annotated[
        bool, typer.Option("--skip-unwritable", help="Leave out what a transfer file cannot carry.")
    ] = False,
    as_of: AsOf = None,
) -> None:
    """Write the whole master as a file. What a transfer file cannot carry is named, and nothing is written."""
    from batch_platform.zengin import service

    with open_work() as work:
        try:
            file = service.export(work, kind, as_of=_date(as_of, "as_of"), skip_unwritable=skip_unwritable)
        except service.UnwritableError as error:
            printing.unwritable(error.rows)
            raise
    printing.unwritable(file.left_out)
    if output is None:
        sys.stdout.buffer.write(file.content)
    else:
        try:
            output.write_bytes(file.content)
        except OSError as error:
            raise InvalidInput(f"{output} cannot be written: {error.strerror}", field="output") from None


app.command("prove")(prove)


def _decide(
    desk: Desk, what: str, act: Callable[..., Decision], ids: list[str] | None, *, dry_run: bool, as_json: bool
) -> None:
    """A decision about single records, written into the audit log; a dry run lists those it would be about."""
    from batch_platform.zengin import service

    before = [service.record(desk.work, one) for one in ids or []]
    done = act(desk.work, ids or [], by=desk.by, dry_run=dry_run)
    if dry_run:
        printing.records(done.records, as_json=as_json)
        return
    desk.told(f"bank-diff.{what}", before, done.records)
    printing.decision(done, as_json=as_json)


def _date(text: str | None, field: str) -> date | None:
    if text is None:
        return None
    try:
        return parse_day(text)
    except ValueError:
        raise InvalidInput(f"{text} is not a date YYYY-MM-DD", field=field) from None


def _one_of(ids: list[str] | None, changeset: str | None) -> None:
    if ids and changeset:
        raise InvalidInput("name records or --changeset, not both", field="ids")
    if not (ids or changeset):
        raise InvalidInput("name what is meant: records by their ids, or --changeset ID", field="ids")
