"""Reports as people look for them, their PDFs, and sending one again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

from batch_platform.core import cursors, postgres
from batch_platform.core.failures import Conflict, NotFound
from batch_platform.staffing import ids
from batch_platform.staffing.documents import report as printing
from batch_platform.staffing.documents.model import Rendered
from batch_platform.staffing.model import ReportKind
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.reports import notices, sources
from batch_platform.staffing.service.reports.sources import Source, Subject
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

MAIL: Final = "staffing-report.mail"
"""Mailing a version again, as the audit log has it."""
Record = Callable[[postgres.Connection, str, str, Any, Any], None]
"""Writes the row of the audit log: action, target, before, after."""


def reports(
    context: StaffingContext,
    *,
    limit: int,
    cursor: str | None = None,
    month: date | None = None,
    kind: ReportKind | None = None,
    company: str | None = None,
    state: str | None = None,
    for_operators: bool | None = None,
    every_version: bool = False,
) -> tuple[list[Row], str | None]:
    """A page, newest first, and the cursor of the next one; older versions only where all are asked for.

    `company` is an id as people read it.
    """
    after = cursors.decode(cursor, after=str).get("after")
    filters: dict[str, Any] = {
        "month": month,
        "kind": kind,
        "state": state,
        "every_version": every_version,
        "for_operators": for_operators,
    }
    if company is not None:
        filters["company_ids"] = [company, ids.encode(company)]
    with context.store.snapshot() as session:
        rows = session.reports_page(after=after and UUID(after), limit=limit + 1, **filters)
    return cursors.cut([_named(row) for row in rows], limit, lambda row: {"after": str(row["id"])})


def report(context: StaffingContext, report_id: str) -> Row:
    """A version by its id. Raises `NotFound`."""
    with context.store.snapshot() as session:
        return _report(session, report_id)


def pdf(context: StaffingContext, report_id: str) -> tuple[Row, bytes]:
    """A version and its PDF as it was stored. Raises `NotFound`, and `Conflict` for one that failed."""
    row = report(context, report_id)
    _require_pdf(row)
    return row, context.report_files.get(row["object_key"], row["sha256"])


def render(context: StaffingContext, report_id: str) -> Rendered:
    """The same report made of the data as they are now; nothing is stored. Raises `NotFound`, `InvalidInput`."""
    with context.store.snapshot() as session:
        row = _report(session, report_id)
        [source] = sources.read(session, row["month"], [_subject(row)])
    assert source.report is not None
    return printing.render(source.report)


def mailable(context: StaffingContext, report_id: str) -> tuple[Row, tuple[str, ...]]:
    """A version, and whom it would be mailed to. Raises `NotFound`, and `Conflict` where nobody is known."""
    row = report(context, report_id)
    _require_pdf(row)
    recipients = sources.recipients(context, Source(_subject(row), email=row["email"]))
    if not recipients:
        raise Conflict("report-without-address", "nobody is known to mail report {report} to", report=report_id)
    return row, recipients


def mail(context: StaffingContext, report_id: str, record: Record) -> Row:
    """Hand a version to the outbox; where it was mailed to already it is not again. Raises as `mailable`."""
    row, recipients = mailable(context, report_id)
    now = context.clock()
    with context.store.transaction() as session:
        session.lock_reports(row["month"])
        name = row["company"] or sources.TITLES[ReportKind(row["kind"])]
        mailed = {**row, "mailed_to": list(recipients), "name": name}
        by = sources.author(session)
        notices.tell(session, [mailed], bucket=context.report_files.bucket, author=by, now=now)
        addresses = sorted({*_report(session, report_id)["mailed_to"], *recipients})
        session.report_mailed(row["id"], addresses)
        record(session.connection, MAIL, report_id, None, {"recipients": list(recipients)})
        return {**row, "mailed_to": addresses}


def _report(session: Session, report_id: str) -> Row:
    try:
        rows = session.reports_page(id=UUID(report_id), limit=1)
    except ValueError:
        rows = []
    if not rows:
        raise NotFound("no-report", "there is no report {report}", report=report_id, field="report")
    return _named(rows[0])


def _named(row: Row) -> Row:
    return {**row, "filename": notices.filename(row)}


def _subject(row: Row) -> Subject:
    return Subject(ReportKind(row["kind"]), row["company_id"])


def _require_pdf(row: Row) -> None:
    if row["object_key"] is None:
        raise Conflict(
            "report-without-pdf", "report {report} has failed: there is no PDF of it", report=str(row["id"])
        )
