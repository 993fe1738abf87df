"""Batch B, second half: a month's line items -> its cost tables, in one replace transaction behind its checks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl
import structlog

from batch_platform.core import objects
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.core.messages import Message
from batch_platform.finops import invariants, restatement
from batch_platform.finops.model import (
    CheckOutcome,
    Connection,
    FileStatus,
    Format,
    ManifestStatus,
    MonthState,
    PublishedMonth,
    RegisteredVersion,
    RestatementReason,
)
from batch_platform.finops.months import HISTORY_MONTHS, final_without_invoices, shift, state_of, was_final
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.faults import one_sentence
from batch_platform.finops.service.lake import LineItemsLost, download_line_items
from batch_platform.finops.service.source import head_manifest
from batch_platform.finops.service.withdrawal import withdraw_former
from batch_platform.finops.store import Session
from batch_platform.finops.summary import MonthSummary, empty_costs, empty_summary, service_monthly, summarise
from batch_platform.finops.validation import FileFacts, raw_totals

_log = structlog.get_logger(__name__)

_DOWNLOADS: Final = 4
_WITHDRAWN: Final = Message("withdrawn", "what was published from the former connection is withdrawn")
_NOT_DELIVERED: Final = "files that the manifest lists are not delivered yet"


@dataclass(frozen=True, eq=False)
class PublishOutcome:
    """What a publication did, or why there was none (`waiting_for`; then nothing changed).

    `in_error`: the wait ends only when somebody acts. `restated`: the money difference to a final month, empty
    otherwise. `changed`: whether a row was written.
    """

    project_id: str
    month: date
    published: PublishedMonth | None
    costs: pl.DataFrame
    restated: pl.DataFrame
    changed: bool
    waiting_for: str | None = None
    in_error: bool = False


class ChecksFailed(PermanentFailure):
    """A blocking check failed: the month keeps what was published before."""

    def __init__(self, project_id: str, month: date, checks: tuple[CheckOutcome, ...]) -> None:
        failed = [check for check in checks if check.blocking and not check.passed]
        super().__init__(
            "month-checks-failed",
            "{project} {month} is not published: {reasons}",
            project=project_id,
            month=f"{month:%Y-%m}",
            reasons=[
                Message("failed-check", "{check}: {description}", check=check.name, description=check.description)
                for check in failed
            ],
        )
        self.checks = checks


def publish_month(context: FinopsContext, connection: Connection, month: date) -> PublishOutcome:
    """Replace the month's cost tables from all files of its newest version.

    Repeatable: the same version gives the same rows, and writes none when they stand already. What a former place
    published does not outlast a delivery of the present one that cannot be published: it is withdrawn. Raises
    `ChecksFailed` when an invariant is broken, `TransientFailure` when the manifest moved while its files were read
    or the connection was changed.
    """
    project_id = connection.project_id
    with context.store.transaction() as session:
        version = session.newest_version(project_id, month)
        files = [] if version is None else session.files(project_id, month=month, version=version.version)
        before = session.month(project_id, month)
    if version is None:
        return _nothing(project_id, month, "nothing is delivered")
    if version.stale:
        return _nothing(project_id, month, "what is registered is of a former connection; fetch again")
    if version.status is ManifestStatus.WAITING:
        waits = "its listing has not stood still yet" if connection.without_manifest else _NOT_DELIVERED
        return _nothing(project_id, month, waits)
    if undone := [file for file in files if file["status"] != FileStatus.DONE]:
        outcome = _nothing(project_id, month, *_undone(undone))
        reason = f"not published: {outcome.waiting_for}"
        if outcome.in_error and withdraw_former(context, connection, month, reason=reason):
            waits_for = Message(
                "and-withdrawn", "{reason}; {effect}", reason=outcome.waiting_for or "", effect=_WITHDRAWN
            )
            return replace(outcome, waiting_for=waits_for)
        return outcome
    try:
        with (
            one_sentence(f"{project_id} {month:%Y-%m}"),
            TemporaryDirectory(prefix="finops-", dir=context.scratch) as folder,
        ):
            summary, facts, raw = _summarise(context, connection, month, files, Path(folder))
            _require_unmoved(context, connection, version)
            outcome = _replace(context, connection, version, files, before, (summary, facts, raw))
    except PermanentFailure as error:
        if withdraw_former(context, connection, month, reason=error.message):
            error.args = (Message("and-withdrawn", "{reason}; {effect}", reason=error.message, effect=_WITHDRAWN),)
        raise
    with one_sentence(f"{project_id} {month:%Y-%m}"):
        _tidy_lake(context, outcome, version)
    return outcome


def _summarise(
    context: FinopsContext, connection: Connection, month: date, files: list[dict[str, Any]], folder: Path
) -> tuple[MonthSummary, list[FileFacts], dict[str, Decimal]]:
    facts = [_facts(file) for file in files]
    formats = {fact.format for fact in facts}
    if len(formats) > 1:
        raise PermanentFailure(
            "files-mix-formats",
            "{project} {month}: its files mix {formats}",
            project=connection.project_id,
            month=f"{month:%Y-%m}",
            formats=sorted(formats),
        )
    if not files:
        return empty_summary(), [], {}
    with ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="finops-lake") as pool:
        # asked for the manifest at the end; making a client takes as long as a fifth of the sums
        pool.submit(context.source, connection)
        paths = list(pool.map(lambda file: _line_items(context, file, folder), files))
        scratch = folder / "duckdb"
        scratch.mkdir()
        summary = summarise(
            paths, month=month, format=formats.pop(), accounts=connection.account_scope, scratch=scratch
        )
    raw = raw_totals([pl.scan_parquet(path) for path in paths], accounts=connection.account_scope)
    return summary, facts, {currency: Decimal(total) for currency, total in raw.items()}


def _line_items(context: FinopsContext, file: dict[str, Any], folder: Path) -> Path:
    """A file of the lake; one that is lost is put back to be read again, and `TransientFailure` says so."""
    try:
        return download_line_items(context, file, folder)
    except LineItemsLost as lost:
        raise _reopened(context, file, lost.message) from lost


def _reopened(context: FinopsContext, file: dict[str, Any], reason: Message) -> TransientFailure:
    with context.store.transaction() as session:
        session.reopen(file["project_id"], file["billing_month"], file["version"], file["object_key"])
    return TransientFailure(
        "file-put-back", "{reason}; {file} is put back and will be read again", reason=reason, file=file["object_key"]
    )


def _replace(
    context: FinopsContext,
    connection: Connection,
    version: RegisteredVersion,
    files: list[dict[str, Any]],
    before: PublishedMonth | None,
    computed: tuple[MonthSummary, list[FileFacts], dict[str, Decimal]],
) -> PublishOutcome:
    summary, facts, raw = computed
    project_id, month = connection.project_id, version.month
    layout = facts[0].format if facts else None
    with context.store.transaction() as session:
        session.hold_connection(connection)
        session.lock_publication(month)
        session.lock_month(project_id, month)
        session.lock_insight(project_id)
        _require_current(session, version)
        old = session.costs(project_id, month, month)
        before = session.month(project_id, month) or session.withdrawn_month(project_id, month)
        difference = restatement.difference(old, summary.costs)
        final_from = final_without_invoices(
            month, delivered_at=version.delivered_at, invoiced_rows=summary.invoiced_rows
        )
        now = context.clock()
        state = state_of(
            month,
            delivered_at=version.delivered_at,
            # a project may keep none of a report's rows
            row_count=summary.row_count or summary.invoiced_rows,
            uninvoiced_rows=summary.uninvoiced_rows,
            version=version.version,
            before=before,
            difference=difference,
            final_from=final_from,
            now=now,
        )
        moved = before is not None and before.of_former_connection
        if before is not None and moved and was_final(before, now) and difference.height:
            state = MonthState.RESTATED
        checks = invariants.check_month(
            summary,
            facts,
            raw=raw,
            amortises=layout is not Format.FOCUS,
            month_open=state is MonthState.OPEN,
            claimed_elsewhere=session.accounts_claimed_elsewhere(project_id, month, summary.costs),
            columns_before=_columns_of(session, before),
        )
        if any(check.blocking and not check.passed for check in checks):
            raise ChecksFailed(project_id, month, checks)
        replaced = before is not None and (moved or before.version != version.version)
        restates = replaced and state is MonthState.RESTATED
        if restates and difference.height:
            assert before is not None
            reason = RestatementReason.CONNECTION_CHANGED if moved else RestatementReason.REDELIVERED
            session.add_restatement(before, version.version, difference, reason=reason, now=now)
        same = (
            before is not None
            and before.version == version.version
            and old.equals(summary.costs)
            and session.month(project_id, month) is not None
        )
        if not same:
            session.replace_costs(
                project_id,
                month,
                version.version,
                summary=summary.costs,
                by_service=service_monthly(summary.costs),
            )
        published = PublishedMonth(
            project_id=project_id,
            month=month,
            state=state,
            version=version.version,
            format=layout,
            row_count=summary.row_count,
            file_count=len(files),
            delivered_at=version.delivered_at,
            published_at=now,
            checks=checks,
            final_from=final_from if state is MonthState.CLOSING else None,
        )
        changed = session.save_month(published) or not same
        if not same:
            # later months are compared with this one
            session.mark_insight_stale(project_id, month, shift(month, HISTORY_MONTHS))
    log = _log.bind(project_id=project_id, month=f"{month:%Y-%m}", version=version.version)
    log.info("cur_month_published", state=state.value, rows=summary.row_count, changed=changed)
    restated = difference if restates else difference.clear()
    if restated.height:
        log.warning("cur_month_restated", groups=restated.height)
    context.progress(f"{project_id} {month:%Y-%m}: published, {state.value}")
    return PublishOutcome(project_id, month, published, summary.costs, restated, changed)


def _columns_of(session: Session, before: PublishedMonth | None) -> list[str]:
    if before is None:
        return []
    files = session.files(before.project_id, month=before.month, version=before.version)
    return sorted({column for file in files for column in (file["stats"] or {}).get("columns", ())})


def _require_current(session: Session, version: RegisteredVersion) -> None:
    now = session.newest_version(version.project_id, version.month)
    place = f"{version.project_id} {version.month:%Y-%m}"
    if now is None or now.version != version.version or now.stale:
        raise TransientFailure(
            "newer-delivery", "{place}: a newer delivery was registered while this one was aggregated", place=place
        )
    if session.files_not_done(version.project_id, version.month, version.version):
        raise TransientFailure(
            "files-were-put-back", "{place}: files were put back while the month was aggregated", place=place
        )


def _require_unmoved(context: FinopsContext, connection: Connection, version: RegisteredVersion) -> None:
    """The manifest after its last file was read must still be the one that was registered."""
    if version.status is not ManifestStatus.REGISTERED:
        return
    head = head_manifest(context, connection, version.month, version)
    if head is None or not version.still_is(head):
        raise TransientFailure(
            "manifest-moved",
            "{project} {month}: the manifest moved meanwhile; fetch again",
            project=connection.project_id,
            month=f"{version.month:%Y-%m}",
        )


def _tidy_lake(context: FinopsContext, outcome: PublishOutcome, version: RegisteredVersion) -> None:
    """Put the month's cost frame into the lake and drop line items of versions that no longer count."""
    body = BytesIO()
    outcome.costs.write_parquet(body, compression="zstd", statistics=False)
    key = f"{context.cost_summary_prefix(version.project_id, version.month)}cost_summary.parquet"
    objects.put_bytes(context.lake, context.lake_bucket, key, body.getvalue())
    prefix = context.line_items_prefix(version.project_id, version.month)
    with context.store.transaction() as session:
        superseded = {f"{prefix}{old}/" for old in session.superseded_versions(version.project_id, version.month)}
    for folder in objects.list_folders(context.lake, context.lake_bucket, prefix):
        if folder in superseded:
            objects.delete_prefix(context.lake, context.lake_bucket, folder)


def _facts(file: dict[str, Any]) -> FileFacts:
    stats = file["stats"]
    return FileFacts(
        row_count=stats["row_count"],
        failed_cells=stats["failed_cells"],
        columns=tuple(stats["columns"]),
        format=Format(stats["format"]),
        repeated_keys=stats.get("repeated_keys", {}),
    )


def _undone(files: list[dict[str, Any]]) -> tuple[str, bool]:
    broken = [file["error_message"] for file in files if file["status"] == FileStatus.ERROR]
    if broken:
        return Message("files-at-fault", "{reasons}", reasons=broken), True
    return Message("files-not-read", "{count} files not read yet", count=len(files)), False


def _nothing(project_id: str, month: date, reason: str, in_error: bool = False) -> PublishOutcome:
    nothing = empty_costs()
    return PublishOutcome(project_id, month, None, nothing, nothing, False, reason, in_error)
