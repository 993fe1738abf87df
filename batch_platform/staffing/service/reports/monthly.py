"""The run of a month's reports: made, stored under their hash, kept as versions and mailed, each by itself.

The same data gives the same bytes, and no further version; other data gives a new one, which is mailed only when
somebody asks. A report that lacks days or invoices is kept, and waits with its mail until it is complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal

import psycopg

from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message, from_json, to_json
from batch_platform.core.progress import report as progress
from batch_platform.staffing import ids
from batch_platform.staffing.documents import pictures
from batch_platform.staffing.documents import report as printing
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.model import ReportKind, ReportState
from batch_platform.staffing.months import shifted
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.reports import notices, sources
from batch_platform.staffing.service.reports.sources import Source, Subject
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

_BATCH: Final = 50
_UPLOADS: Final = 8
_FOLDER: Final = "reports"


@dataclass(frozen=True)
class ReportFault:
    """A report that lacks something or has failed, and why; `company_id` as it was given, None: for operators."""

    kind: str
    company_id: ids.Id | None
    reason: str


@dataclass(frozen=True)
class ReportsOutcome:
    """How a month's reports stand after a run.

    `status`: ok, partial where some lack something or have failed, failed where all have. `written` counts new
    versions, `mailed` mails handed to the outbox, `reports` those that are there by kind; `unmailed` are companies
    without an address.
    """

    month: str
    status: Literal["ok", "partial", "failed"]
    written: int
    mailed: int
    reports: Mapping[str, int]
    incomplete: Sequence[ReportFault]
    failed: Sequence[ReportFault]
    unmailed: Sequence[ids.Id]


@dataclass(frozen=True)
class Version:
    """A report as it is stored: its row, and the PDF, which is empty where there is none."""

    source: Source
    row: Row
    pdf: bytes = b""


def run(context: StaffingContext, month: date) -> ReportsOutcome:
    """Make what is new of a month's reports. Raises as `require_month`."""
    require_month(month, context.clock())
    written = mailed = 0
    for batch in _batches(context, month):
        with context.store.transaction() as session:
            session.lock_reports(month)
            versions = _written(context, session, month, batch)
        written += len(versions)
        mailed += sum(len(version.row["mailed_to"]) for version in versions)
        progress(f"reports of {month:%Y-%m}: {written} written")
    return replace(outcome(context, month), written=written, mailed=mailed)


def plan(context: StaffingContext, month: date) -> list[Row]:
    """`kind`, `company_id`, `version`, `state`, `reason` of what `run` would store; nothing is written."""
    require_month(month, context.clock())
    versions = []
    for batch in _batches(context, month):
        with context.store.snapshot() as session:
            versions += _new(context, session, month, _made(session, month, batch))
    return [_planned(version.row) for version in versions]


def outcome(context: StaffingContext, month: date) -> ReportsOutcome:
    """How a month's reports stand."""
    with context.store.snapshot() as session:
        rows = session.newest_reports(month)
    there = [row for row in rows if row["state"] != ReportState.FAILED]
    failed = [_fault(row) for row in rows if row["state"] == ReportState.FAILED]
    incomplete = [_fault(row) for row in rows if row["state"] == ReportState.INCOMPLETE]
    return ReportsOutcome(
        month=f"{month:%Y-%m}",
        status="ok" if not failed and not incomplete else "partial" if there else "failed",
        written=0,
        mailed=0,
        reports=dict(sorted(Counter(row["kind"] for row in there).items())),
        incomplete=incomplete,
        failed=failed,
        unmailed=[ids.decode(row["company_id"]) for row in there if row["company_id"] and not row["email"]],
    )


def missing(context: StaffingContext, month: date) -> list[str]:
    """Who has no report of a month: companies by id as people read it, kinds of those for operators."""
    with context.store.snapshot() as session:
        companies = session.report_companies(month)
        there = {
            row["company_id"] or row["kind"]
            for row in session.newest_reports(month)
            if row["state"] != ReportState.FAILED
        }
    lacking = [ids.shown(each) for each in companies if each not in there]
    return lacking + [kind.value for kind in sources.OPERATORS if kind not in there]


def require_month(day: date, now: datetime) -> None:
    """Raises `InvalidInput` for a day that is not the first of a month, naming that, and for a month not over."""
    if day.day != 1:
        raise InvalidInput(
            "reports-not-of-month",
            "{day} is not the first day of a month; its reports are those of {first}",
            day=day,
            first=day.replace(day=1),
            field="date",
        )
    over = shifted(day, 1)
    if business_day(now) < over:
        raise InvalidInput(
            "reports-month-not-over",
            "the month {month} is reported from {day} on",
            month=f"{day:%Y-%m}",
            day=over,
            field="date",
        )


def unreported(context: StaffingContext, today: date) -> list[date]:
    """Months that are over without any report, from the first that has one; before there is one the newest alone."""
    newest = shifted(today.replace(day=1), -1)
    with context.store.snapshot() as session:
        there = session.reported_months()
    month = min([*there, newest])
    months = []
    while month <= newest:
        if month not in there:
            months.append(month)
        month = shifted(month, 1)
    return months


def _batches(context: StaffingContext, month: date) -> list[list[Subject]]:
    """Companies in batches, and each report for operators by itself."""
    with context.store.snapshot() as session:
        companies = [Subject(ReportKind.COMPANY, each) for each in session.report_companies(month)]
    batches = [companies[first : first + _BATCH] for first in range(0, len(companies), _BATCH)]
    return [*batches, *([Subject(kind)] for kind in sources.OPERATORS)]


def _written(context: StaffingContext, session: Session, month: date, batch: Sequence[Subject]) -> list[Version]:
    """All at once; where the database refuses something of them, one after the other, so that it stops no other."""
    try:
        with session.connection.transaction():
            return _saved(context, session, month, _made(session, month, batch))
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if len(batch) == 1:
            text = error.diag.message_primary or ""
            reason = Message("report-refused", "the database refuses its data: {reason}", reason=text)
            return _saved(context, session, month, [_failed(Source(batch[0]), reason)])
    return [version for subject in batch for version in _written(context, session, month, [subject])]


def _saved(context: StaffingContext, session: Session, month: date, made: Sequence[Version]) -> list[Version]:
    """What is new, stored and mailed: files before rows."""
    versions = _new(context, session, month, made)
    with ThreadPoolExecutor(_UPLOADS) as uploads:
        for _ in uploads.map(lambda each: _put(context, each), [each for each in versions if each.pdf]):
            pass
    now = context.clock()
    session.add_reports(month, [version.row for version in versions], now=now)
    by = sources.author(session)
    bucket = context.report_files.bucket
    notices.tell(session, [{**each.row, "month": month} for each in versions], bucket=bucket, author=by, now=now)
    return versions


def _put(context: StaffingContext, version: Version) -> None:
    version.row["object_key"] = context.report_files.put(version.pdf, version.row["sha256"], folder=_FOLDER).key


def _made(session: Session, month: date, batch: Sequence[Subject]) -> list[Version]:
    return [_printed(source) for source in sources.read(session, month, batch)]


def _printed(source: Source) -> Version:
    """With its PDF, or the reason why there is none."""
    assert source.report is not None
    try:
        rendered = printing.render(source.report)
    except InvalidInput as error:
        return _failed(source, error.message)
    state = ReportState.COMPLETE if source.missing is None else ReportState.INCOMPLETE
    row = {
        **_row(source, state, source.missing),
        "sha256": rendered.sha256,
        "bytes": len(rendered.pdf),
        "pages": pictures.page_count(rendered.pdf),
    }
    return Version(source, row, rendered.pdf)


def _failed(source: Source, reason: Message) -> Version:
    return Version(source, _row(source, ReportState.FAILED, reason) | {"sha256": None})


def _row(source: Source, state: ReportState, reason: Message | None) -> Row:
    return {
        "kind": source.subject.kind,
        "company_id": source.subject.company_id,
        "state": state,
        "reason": None if reason is None else to_json(reason),
        "name": source.name,
    }


def _new(context: StaffingContext, session: Session, month: date, made: Sequence[Version]) -> list[Version]:
    """Those that differ from the newest there are; the first one that is complete goes to its recipients."""
    subjects = [version.source.subject for version in made]
    companies = [subject.company_id for subject in subjects if subject.company_id is not None]
    rows = session.newest_reports(month, companies=companies, kinds=[each.kind for each in subjects])
    there = {(row["kind"], row["company_id"]): row for row in rows}
    versions = []
    for version in made:
        row, before = version.row, there.get((version.row["kind"], version.row["company_id"]))
        if before is not None and all(row[name] == before[name] for name in ("state", "reason", "sha256")):
            continue
        first = row["state"] == ReportState.COMPLETE and not (before and before["mailed"])
        row["version"] = before["version"] + 1 if before else 1
        row["mailed_to"] = list(sources.recipients(context, version.source)) if first else []
        versions.append(version)
    return versions


def _planned(row: Row) -> Row:
    company = row["company_id"]
    return {
        "kind": row["kind"],
        "company_id": None if company is None else ids.decode(company),
        "version": row["version"],
        "state": row["state"],
        "reason": row["reason"] and str(from_json(row["reason"])),
    }


def _fault(row: Row) -> ReportFault:
    company = row["company_id"]
    return ReportFault(row["kind"], None if company is None else ids.decode(company), str(from_json(row["reason"])))
