"""`batch-platform zengin …`: releases in, differences out, what people decide of them, and the master itself."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from batch_platform.core.clock import parse_day
from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import plain, print_rows, showing, write_out
from batch_platform.kit import actions, lists, session
from batch_platform.kit.options import As, DryRun, Json, whole
from batch_platform.kit.signatures import from_texts
from batch_platform.operations.actions import EXECUTE
from batch_platform.operations.model import JobParameters
from batch_platform.zengin import printing, service
from batch_platform.zengin.jobs import LocalSnapshotParameters
from batch_platform.zengin.model import Status
from batch_platform.zengin.opening import open_context
from batch_platform.zengin.proving.command import prove
from batch_platform.zengin.service import Proposal, ZenginContext, quorum, review
from batch_platform.zengin.web.actions import (
    APPROVE,
    APPROVE_CHANGESET,
    OVERRIDE,
    PERMISSION,
    REJECT,
    REJECT_CHANGESET,
    RETRY,
    REVOKE,
    ROLLBACK,
)
from batch_platform.zengin.web.lists import CHANGESETS, RECORDS

app = typer.Typer()

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Records; see `zengin list`.")]
OfChangeset = Annotated[str | None, typer.Option("--changeset", metavar="ID", help="The whole changeset.")]
Day = Annotated[str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="Business date; default: today (JST).")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The master as it was on that day.")]
Limit = Annotated[int, typer.Option(parser=whole(1, 10_000), metavar="N", help="Rows at most.")]

OF_STATUS: Final = {"status": typer.Option("--status", help=f"{', '.join(Status)}.")}


acting = partial(session.of_command, open_context)
approving = partial(acting, permission=PERMISSION)


@app.command("snapshot")
@writes(EXECUTE)
def snapshot_command(
    source: Annotated[str, typer.Argument(help="A zengin-code directory, wheel or tgz, a CSV, or s3:// of one.")],
    day: Day = None,
    bootstrap: Annotated[bool, typer.Option("--bootstrap", help="Let it fill an empty master.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Read a release, check it, and keep it as the snapshot of a business date."""
    on = _date(day, "date")
    with acting() as mine, showing(f"reading {source}"):
        if dry_run:
            taken = plain(service.take_snapshot(mine.context, source, on, bootstrap=bootstrap, dry_run=True))
        else:
            service.require_source(source, mine.context.s3)  # a mistyped name makes no failed run that alarms people
            parameters = LocalSnapshotParameters(source=source, bootstrap=bootstrap, target_date=on)
            taken = mine.run("zengin-snapshot", parameters)
    printing.snapshot(taken, as_json=as_json, dry_run=dry_run)


@app.command("diff")
@writes(EXECUTE)
def diff_command(day: Day = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Compare the newest snapshot with the master and raise its changes for review."""
    with acting() as mine, showing("comparing"):
        on = service.snapshot_day(mine.context, _date(day, "date"))
        if dry_run:
            proposal = service.propose(mine.context, on, dry_run=True)
        else:
            outcome = mine.run("zengin-diff", JobParameters(target_date=on))
            changeset = service.changeset(mine.context, outcome.pop("changeset")["id"])
            proposal = Proposal(changeset, **outcome)
    printing.proposal(proposal, as_json=as_json, dry_run=dry_run)


lists.command(
    app, RECORDS, "list", doc="List the records of a status, newest first.", opened=open_context, options=OF_STATUS
)
lists.command(app, CHANGESETS, "changesets", doc="List the changesets, newest first.", opened=open_context, shown=20)


@app.command("show")
def show_command(
    which: Annotated[str, typer.Argument(metavar="ID", help="A record or a changeset.")], as_json: Json = False
) -> None:
    """Show one record, or a changeset with its changes."""
    with open_context() as context:
        if which.startswith("diff-"):
            printing.record(service.record(context, which), as_json=as_json)
        else:
            changeset = service.changeset(context, which)
            failed = service.failed_checks(context, changeset)
            printing.changeset(changeset, service.changes_of(context, which), failed, as_json=as_json)


@app.command("approve")
@writes(APPROVE.name, APPROVE_CHANGESET.name)
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
    _one_of(ids, changeset)
    request: dict[str, Any] = {"not_before": _date(not_before, "not_before")}
    with approving(account) as mine:
        if changeset is None:
            if dry_run:
                records = [service.record(mine.context, record_id) for record_id in ids or []]
                quorums = quorum.quorums(mine.context, records)
                printing.outlook(records, quorums, by=mine.by, as_json=as_json)
                return
            decision = actions.perform(APPROVE, mine, actions.named(ids), APPROVE.input(**request))
            printing.decision(decision, as_json)
            return
        seen = service.changeset(mine.context, changeset)
        request["payload_hash"] = payload_hash or seen.payload_hash
        request["count"] = seen.counts["rows"] if count is None else count
        if dry_run:
            review.require_reviewed(seen, payload_hash=request["payload_hash"], count=request["count"])
            records = service.records_of(mine.context, changeset)
            printing.changeset_outlook(seen, records, by=mine.by, as_json=as_json)
            return
        with showing("approving"):
            given = APPROVE_CHANGESET.input(**request)
            whole_decision = actions.perform(APPROVE_CHANGESET, mine, actions.named(changeset), given)
    printing.changeset_decision(whole_decision, as_json, verb="approved")


@app.command("reject")
@writes(REJECT.name, REJECT_CHANGESET.name)
def reject_command(
    reason: Annotated[str, typer.Option(help="Why; the same proposal is not raised again.")],
    ids: Ids = None,
    changeset: OfChangeset = None,
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Reject records, or every pending record of a changeset, for good."""
    _one_of(ids, changeset)
    action: actions.Action[ZenginContext, Any, Any, Any] = REJECT if changeset is None else REJECT_CHANGESET
    targets = actions.named(ids if changeset is None else changeset)
    with approving(account) as mine:
        given = from_texts(action.input, {"reason": reason}, by_option=True)
        done = action.look(mine, targets, given) if dry_run else actions.perform(action, mine, targets, given)
    if changeset is None:
        (printing.dry_run if dry_run else printing.decision)(done, as_json)
    else:
        printing.changeset_decision(done, as_json, verb="would be rejected" if dry_run else "rejected")


decided = partial(actions.command, app, opened=approving, target=Ids, looked=printing.dry_run, done=printing.decision)
decided(REVOKE, "revoke", doc="Take the approval of records back: they are pending again.")
decided(RETRY, "retry", doc="Let failed records, approved as they are, be applied once more by the next apply.")
actions.command(
    app,
    OVERRIDE,
    "override",
    doc="Say that a held snapshot is right; when two accounts have, its records are raised.",
    opened=approving,
    target=Annotated[str, typer.Argument(metavar="CHANGESET", help="A held changeset.")],
    looked=printing.held,
    done=partial(printing.changeset_decision, verb="raised"),
)


@app.command("apply")
@writes(EXECUTE)
def apply_command(day: Day = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Apply what is approved for a business date now, without waiting for 23:00."""
    on = _date(day, "date")
    with acting() as mine, showing("applying"):
        if dry_run:
            outcome = plain(service.apply(mine.context, on, dry_run=True))
        else:
            outcome = mine.run("zengin-apply", JobParameters(target_date=on))
    printing.applied(outcome, as_json=as_json)


actions.command(
    app,
    ROLLBACK,
    "rollback",
    doc="Propose the changeset that undoes another. Somebody else must approve it, and no fewer than the other one.",
    opened=approving,
    target=Annotated[str, typer.Argument(metavar="CHANGESET", help="An applied changeset.")],
    looked=printing.undoing,
    done=printing.undoing,
)


@app.command("search")
def search_command(
    text: Annotated[str, typer.Argument(help="A code or a name, in any writing.")],
    bank: Annotated[str | None, typer.Option(metavar="CODE", help="Search the branches of this bank.")] = None,
    as_of: AsOf = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Search banks, or the branches of a bank, in any writing; formal names (信用金庫, 株式会社) too."""
    with open_context() as context:
        day = _date(as_of, "as_of")
        if bank is None:
            rows, _ = service.banks(context, text, as_of=day, limit=limit)
        else:
            rows, _ = service.branches(context, bank, text, as_of=day, limit=limit)
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
    with open_context() as context:
        try:
            file = service.export(context, kind, as_of=_date(as_of, "as_of"), skip_unwritable=skip_unwritable)
        except service.UnwritableError as error:
            printing.unwritable(error.rows)
            raise
    printing.unwritable(file.left_out)
    write_out(file.content, output)


app.command("prove")(prove)


def _date(text: str | None, field: str) -> date | None:
    if text is None:
        return None
    try:
        return parse_day(text)
    except ValueError:
        raise InvalidInput("not-a-date", "{text} is not a date YYYY-MM-DD", text=text, field=field) from None


def _one_of(ids: list[str] | None, changeset: str | None) -> None:
    if ids and changeset:
        raise InvalidInput("records-or-changeset", "name records or --changeset, not both", field="ids")
    if not (ids or changeset):
        raise InvalidInput(
            "nothing-named", "name what is meant: records by their ids, or --changeset ID", field="ids"
        )
