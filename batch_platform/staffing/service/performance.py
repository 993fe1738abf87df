"""The weekly performance analysis: requests and the database's counters against the week before, as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.core.messages import Message
from batch_platform.staffing import ids, performance
from batch_platform.staffing.documents import report as documents
from batch_platform.staffing.documents.fonts import MissingGlyph
from batch_platform.staffing.documents.performance import performance_report
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.maintenance import Finding
from batch_platform.staffing.performance import DatabaseWeek, Figures, Week, database_week
from batch_platform.staffing.retention import REQUESTS
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row
from batch_platform.staffing.weeks import WEEK, check_week, newest_week

JOB: Final = "performance"
FOLDER: Final = "performance"
"""Of the bucket of documents."""


@dataclass(frozen=True)
class Analysed:
    """An analysed week, and where its report lies: None of one that could not be printed, and of a dry run."""

    week: Week
    report_key: str | None = None
    report_sha256: str | None = None


def analyse(context: StaffingContext, monday: date, *, dry_run: bool = False) -> Analysed:
    """Sum up the week that begins on a Monday in Tokyo, compare it with the one before, and store its report.

    The database's counters are those of now: only the newest week that is over is given them, once. Raises
    `InvalidInput` for a day that is no Monday, a week that is not over, and one whose requests are no longer kept.
    """
    now = context.clock()
    today = business_day(now)
    check_week(monday, today)
    if monday < (oldest := oldest_week(today)):
        raise InvalidInput(
            "week-no-longer-kept",
            "requests of the week of {date} are no longer kept; the oldest is that of {oldest}",
            date=monday,
            oldest=oldest,
            field="targetDate",
        )
    with context.store.rolled_back() if dry_run else context.store.transaction() as session:
        reading = None
        if monday == newest_week(today):
            reading = session.database_counters(statements=performance.SHOWN)
        session.write_week(monday, now, reading)
        week = _week(session, monday)
    if dry_run:
        return Analysed(week)
    key, digest, findings = _print(context, week)
    with context.store.transaction() as session:
        session.begin_maintenance(JOB, monday, now)
        session.end_maintenance(JOB, monday, [*week.findings, *findings], context.clock())
        session.end_week(monday, key=key, sha256=digest)
    return Analysed(week, key, digest)


def oldest_week(today: date) -> date:
    """The first week all of whose requests are kept."""
    day = today - REQUESTS.age + timedelta(days=1)
    return day + timedelta(days=-day.weekday() % 7)


def week_of(context: StaffingContext, monday: date) -> Week:
    """A week as it was analysed. Raises `NotFound`."""
    with context.store.snapshot() as session:
        _known(session, monday)
        return _week(session, monday)


def weeks(context: StaffingContext) -> list[Row]:
    """The newest first, with requests to the platform and how many failed."""
    with context.store.snapshot() as session:
        return session.weeks()


def figures(context: StaffingContext, week: date | None, kind: str | None = None) -> list[Row]:
    """Of a week, by default the newest, with those of the week before."""
    with context.store.snapshot() as session:
        if week is None:
            known = session.weeks()
            return session.figures(known[0]["week"], kind) if known else []
        _known(session, week)
        return session.figures(week, kind)


def report(context: StaffingContext, monday: date) -> bytes:
    """The report as it was stored. Raises `NotFound`."""
    with context.store.snapshot() as session:
        row = _known(session, monday)
    if row["report_key"] is None:
        raise NotFound("week-without-report", "the week of {date} has no report", date=monday, field="week")
    return context.originals.get(row["report_key"], row["report_sha256"])


def missing_weeks(context: StaffingContext, today: date) -> list[date]:
    """Weeks that are over, have requests, and were not analysed; the oldest first. Without any: the newest."""
    last = newest_week(today)
    with context.store.snapshot() as session:
        begin = session.first_request()
        first = last if begin is None else min(last, newest_week(business_day(begin)) + WEEK)
        return session.missing_weeks(max(first, oldest_week(today)), last)


def _print(context: StaffingContext, week: Week) -> tuple[str | None, str | None, list[Finding]]:
    try:
        rendered = documents.render(performance_report(week))
    except MissingGlyph as error:
        to_do = Message("performance-not-printed-to-do", "correct the name, then run the analysis of this week again")
        return None, None, [Finding("not-printed", "report", "warning", error.message, to_do)]
    stored = context.originals.put(rendered.pdf, rendered.sha256, folder=FOLDER)
    return stored.key, rendered.sha256, []


def _known(session: Session, monday: date) -> Row:
    weeks = session.weeks(monday)
    if not weeks:
        raise NotFound("unknown-week", "the week of {date} was not analysed", date=monday, field="week")
    return weeks[0]


def _week(session: Session, monday: date) -> Week:
    rows = session.figures(monday)
    names = {row["subject"]: row["company"] or ids.shown(row["subject"]) for row in rows if row["kind"] == "company"}
    figures = tuple(map(_figures, rows))
    database = _database(session, monday)
    findings = tuple(performance.findings(figures, database, names))
    before = Counter[str]()
    for row in session.figures(monday - WEEK):
        before[row["kind"]] += row["requests"]
    return Week(monday, figures, database, findings, names, before)


def _database(session: Session, monday: date) -> DatabaseWeek | None:
    [now] = session.weeks(monday)
    before = session.weeks(monday - WEEK)
    if now["database"] is None:
        return None
    return database_week(now["database"], before[0]["database"] if before else None)


def _figures(row: Mapping[str, Any]) -> Figures:
    before = None
    if row["requests_before"] is not None:
        before = _made(row, "_before", None)
    return _made(row, "", before)


def _made(row: Mapping[str, Any], suffix: str, before: Figures | None) -> Figures:
    def milliseconds(name: str) -> Decimal | None:
        value: Decimal | None = row[name + suffix]
        return value

    return Figures(
        row["kind"],
        row["subject"],
        row[f"requests{suffix}"],
        row[f"failed{suffix}"],
        milliseconds("p50"),
        milliseconds("p95"),
        milliseconds("p99"),
        before,
    )
