"""What the reports of a month say and what they lack, read of the database: a few statements for many companies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from batch_platform.core.messages import Message
from batch_platform.staffing.documents.fonts import all_legible
from batch_platform.staffing.documents.report_model import Report
from batch_platform.staffing.ids import shown
from batch_platform.staffing.model import ReportKind
from batch_platform.staffing.monthly_reports import company, engineer_activity, revenue, system, values
from batch_platform.staffing.months import last_day, shifted
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

_BUSIEST: Final = 15
_ANONYMOUS: Final = "運営事務局"


@dataclass(frozen=True)
class Subject:
    """What a report is of. `company_id` as tables hold it, None: for operators."""

    kind: ReportKind
    company_id: str | None = None


@dataclass(frozen=True)
class Source:
    """A report to be made of a subject; `missing` says what the month lacks, None: nothing."""

    subject: Subject
    name: str = ""
    email: str | None = None
    report: Report | None = None
    missing: Message | None = None


def author(session: Session) -> str:
    """Who reports: the issuer of invoices, where there is one alone."""
    issuers = session.issuers()
    return str(issuers[0]["name"]) if len(issuers) == 1 else _ANONYMOUS


def recipients(context: StaffingContext, source: Source) -> tuple[str, ...]:
    """Whom it is mailed to."""
    if source.subject.kind is not ReportKind.COMPANY:
        return context.report_recipients
    return (source.email,) if source.email else ()


def read(session: Session, month: date, subjects: Sequence[Subject]) -> list[Source]:
    """What reports of these subjects say. A name that is not printable stops that company's own report alone."""
    by = author(session)
    companies = [each.company_id for each in subjects if each.company_id is not None]
    operators = [each for each in subjects if each.company_id is None]
    reports = _of_companies(session, month, companies, by) if companies else []
    for subject in operators:
        report, missing = _OF_OPERATORS[subject.kind](session, month, by)
        reports.append(Source(subject, report.title, None, all_legible(report), missing))
    return reports


def _of_companies(session: Session, month: date, companies: Sequence[str], by: str) -> list[Source]:
    before = shifted(month, -1)
    named = {row["company_id"]: row for row in session.companies_named(companies)}
    days = _by_company(session.company_days(companies, before, last_day(month)))
    features = _by_company(session.company_features(month, companies))
    statuses = _counts(session.company_statuses(companies, last_day(month)))
    statuses_before = _counts(session.company_statuses(companies, last_day(before)))
    return [
        _of_company(
            named[each],
            company.CompanyMonth(
                name=named[each]["name"],
                month=month,
                days=days[each],
                features=features[each],
                statuses=statuses[each],
                statuses_before=statuses_before[each],
            ),
            by,
        )
        for each in companies
        if each in named
    ]


def _of_company(row: Row, given: company.CompanyMonth, by: str) -> Source:
    missing = _missing(company.missing_days(given))
    report = company.report(given, author=by)
    return Source(Subject(ReportKind.COMPANY, row["company_id"]), given.name, row["email"] or None, report, missing)


def _system(session: Session, month: date, by: str) -> tuple[Report, Message | None]:
    first, last = shifted(month, -1), last_day(month)
    stats = session.system_stats(last_day(shifted(month, -2)), last)
    given = system.SystemMonth(
        month=month,
        days=[{**row, "day": row["date"]} for row in stats],
        approaches=session.approach_days(first, last),
        features=session.company_features(month, None),
        companies=[_named(row) for row in session.busiest_companies(month, _BUSIEST)],
    )
    return system.report(given, author=by), _missing(system.missing_days(given))


def _engineers(session: Session, month: date, by: str) -> tuple[Report, Message | None]:
    first, last = shifted(month, -1), last_day(month)
    given = engineer_activity.EngineerMonth(
        month=month,
        statuses=session.status_counts(last_day(shifted(month, -2)), last),
        activity=session.activity_days(first, last),
        transitions=session.month_transitions(month),
        waiting=[_named(row) for row in session.waiting_engineers(last, engineer_activity.LISTED)],
        active=[_named(row) for row in session.active_engineers(month, engineer_activity.ACTIVE)],
    )
    return engineer_activity.report(given, author=by), _missing(engineer_activity.missing_days(given))


def _revenue(session: Session, month: date, by: str) -> tuple[Report, Message | None]:
    before, not_invoiced = shifted(month, -1), session.contracts_not_invoiced(month)
    given = revenue.RevenueMonth(
        month=month,
        months=session.revenue_months(shifted(month, 1 - revenue.MONTHS), month),
        companies=[_named(row) for row in session.revenue_companies(month, before)],
        plans=session.revenue_plans(month),
        credit_notes=[_named(row) for row in session.revenue_credit_notes(month)],
        outstanding=session.outstanding(values.made_on(month)),
        not_invoiced=not_invoiced,
    )
    missing = Message("report-invoices-missing", "contracts not invoiced yet: {contracts}", contracts=not_invoiced)
    return revenue.report(given, author=by), missing if not_invoiced else None


_OF_OPERATORS: Final[Mapping[ReportKind, Callable[[Session, date, str], tuple[Report, Message | None]]]] = {
    ReportKind.SYSTEM: _system,
    ReportKind.ENGINEER_ACTIVITY: _engineers,
    ReportKind.REVENUE: _revenue,
}
TITLES: Final[Mapping[ReportKind, str]] = {
    ReportKind.COMPANY: company.TITLE,
    ReportKind.SYSTEM: system.TITLE,
    ReportKind.ENGINEER_ACTIVITY: engineer_activity.TITLE,
    ReportKind.REVENUE: revenue.TITLE,
}
"""What reports are called."""
OPERATORS: Final = tuple(_OF_OPERATORS)
"""The kinds that operators read."""


def _missing(days: Sequence[date]) -> Message | None:
    if not days:
        return None
    return Message("report-days-missing", "days not aggregated yet: {days}", days=[day.isoformat() for day in days])


def _named(row: Row) -> dict[str, Any]:
    """With company and engineer as people call them: by name, else by id."""
    named = dict(row)
    if "company_id" in row:
        named["company"] = row.get("company") or row.get("name") or shown(row["company_id"])
    if "engineer_id" in row:
        named["engineer"] = row["name"] or shown(row["engineer_id"])
        named["company"] = row["company"] or (shown(row["company_id"]) if "company_id" in row else "")
    return named


def _by_company(rows: Sequence[Row]) -> defaultdict[str, list[Row]]:
    by_company: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_company[row["company_id"]].append(row)
    return by_company


def _counts(rows: Sequence[Row]) -> defaultdict[str, dict[str, int]]:
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        counts[row["company_id"]][row["status"]] = row["engineers"]
    return counts
