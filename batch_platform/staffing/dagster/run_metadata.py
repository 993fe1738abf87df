"""What people see of a run in the Dagster UI: counts, tables of the first rows, plots. By name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, Final

import dagster as dg

from batch_platform.kit.assets import cell, outcome, tabled
from batch_platform.kit.charts import plot
from batch_platform.staffing import plots
from batch_platform.staffing.maintenance import Finding as WeeklyFinding
from batch_platform.staffing.model import Aggregated, Finding, Written
from batch_platform.staffing.performance import Figures
from batch_platform.staffing.service import StaffingContext, statuses, usage
from batch_platform.staffing.service.backups import Outcome
from batch_platform.staffing.service.invoices import monthly
from batch_platform.staffing.service.invoices.monthly import MonthOutcome
from batch_platform.staffing.service.maintenance import Maintained
from batch_platform.staffing.service.performance import Analysed
from batch_platform.staffing.service.reports import reading
from batch_platform.staffing.service.reports.monthly import ReportsOutcome

PLOTTED: Final = timedelta(days=60)
"""What the plot of statuses shows, up to its day."""
BUSIEST: Final = 10
"""Companies in the plot of usage."""

Metadata = dict[str, Any]

_DAY: Final = timedelta(days=1)


def of_statuses(context: StaffingContext, written: Written) -> Metadata:
    """What a day has come to, and how statuses were spread until then."""
    until = written.day
    series = [(row["day"], row["counts"]) for row in statuses.counts_by_day(context, until - PLOTTED, until)]
    shown: Metadata = {
        **outcome(
            {
                "day": until,
                "as_known": written.is_new,
                "engineers": written.engineers,
                "changed": written.changed,
                "corrections": written.corrections,
                "counts": written.counts,
            }
        ),
        "dagster/row_count": written.changed,
        "engineers": written.engineers,
        "as known": written.is_new,
        "corrections": written.corrections,
        **{f"status {status}": count for status, count in written.counts.items()},
        **tabled("transitions", [asdict(each) for each in written.transitions]),
    }
    if any(counts for _, counts in series):
        shown["statuses of 60 days"] = plot(plots.statuses(series, title=f"Engineers by status, up to {until}"))
    return shown


def of_findings(findings: Sequence[Finding]) -> Metadata:
    """Accounts that somebody has to look at."""
    rows = [{"since": each.since, "finding": str(each.message)} for each in findings]
    return {"dagster/row_count": len(rows), **tabled("findings", rows)}


def of_day(context: StaffingContext, done: Aggregated) -> dict[str, Metadata]:
    """What a day came to, by asset."""
    day = done.date
    companies = usage.usage(context, day)
    [system] = usage.systems(context, day - _DAY, day)
    activity, approaches = usage.activity(context, day), usage.approaches(context, day)
    shown: Metadata = {
        **outcome(done),
        "dagster/row_count": len(companies),
        "rows changed": done.company_usage,
        **tabled("companies", [asdict(row) for row in companies]),
    }
    busiest = sorted(companies, key=lambda row: -row.api_call_count)[:BUSIEST]
    if busiest:
        bars = [(str(row.company_id), row.api_call_count, row.login_count) for row in busiest]
        shown["busiest companies"] = plot(plots.usage(bars, title=f"API calls and logins of {day}"))
    return {
        "company_usage": shown,
        "system_stats": {name: cell(value) for name, value in system.items()},
        "engineer_activity": {"dagster/row_count": len(activity), **tabled("companies", activity)},
        "approach_metrics": {"dagster/row_count": len(approaches), **tabled("companies", approaches)},
    }


def of_invoices(context: StaffingContext, month: date, done: MonthOutcome) -> Metadata:
    """How a month stands after its run, and what the year up to it came to."""
    year = [(row["month"], row["total"]) for row in monthly.totals_by_month(context, month, 12)]
    shown: Metadata = {
        **outcome(done),
        "dagster/row_count": done.issued,
        "total, yen": done.total,
        **{f"state {state}": count for state, count in done.states.items()},
        **tabled("waiting for usage", [{**each, "days": ", ".join(each["days"])} for each in done.waiting]),
        **tabled("failed", [dict(each) for each in done.failed]),
        "issued without a mail address": ", ".join(map(str, done.unmailed)) or "none",
    }
    if year:
        shown["billed by month"] = plot(plots.billed(year, title=f"Invoices up to {month:%Y-%m}"))
    return shown


def of_backup(done: Outcome, nights: Sequence[Mapping[str, Any]]) -> Metadata:
    """What was stored and proved, what was deleted, and how large the backups of these nights are, newest first."""
    shown = {
        **outcome(done),
        "dagster/row_count": done.rows,
        "tables": done.tables,
        "bytes": done.bytes,
        "files": done.files,
        "files without an object": done.missing_files,
        "deleted nights": ", ".join(map(str, done.deleted)) or "none",
        **tabled("faults", [asdict(fault) for fault in (done.proof.faults if done.proof else ())]),
    }
    sizes = [(row["night"], row["bytes"]) for row in reversed(nights) if row["bytes"] is not None]
    if sizes:
        shown["size by night"] = plot(plots.sizes(sizes, title="Backups by night"))
    return shown


def of_maintenance(done: Maintained) -> Metadata:
    """What was done and found on a Sunday."""
    return {
        **outcome(
            {
                "sunday": done.sunday,
                "done": len(done.deeds) - done.failures,
                "failed": done.failures,
                "findings": len(done.findings),
                "critical": done.critical,
            }
        ),
        "dagster/row_count": len(done.deeds),
        "findings of maintenance": len(done.findings),
        **tabled("deeds", [asdict(deed) for deed in done.deeds]),
        **of_weekly_findings(done.findings),
    }


def of_performance(done: Analysed) -> Metadata:
    """What requests of a week came to, and what has become worse."""
    week = done.week
    routes = week.of("route")
    shown = {
        **outcome(
            {
                "week": week.monday,
                "requests": sum(each.requests for each in routes),
                "findings": len(week.findings),
                "report": done.report_sha256,
            }
        ),
        "dagster/row_count": len(week.figures),
        "report": done.report_key or "none",
        **{kind: len(week.of(kind)) for kind in ("feature", "company")},
        **tabled("routes", [_figures(each) for each in routes]),
        **tabled("features", [_figures(each) for each in week.of("feature")]),
        **of_weekly_findings(week.findings),
    }
    slowest = sorted((each for each in routes if each.p95 is not None), key=lambda each: -(each.p95 or 0))
    if slowest:
        bars = [(each.subject, each.p95, each.before.p95 if each.before else None) for each in slowest[:BUSIEST]]
        shown["slowest routes"] = plot(plots.response_times(bars, title=f"p95 of the week of {week.monday}"))
    return shown


def _figures(each: Figures) -> Metadata:
    names = ("subject", "requests", "failed", "p50", "p95", "p99", "change")
    return {name: getattr(each, name) for name in names}


def of_weekly_findings(findings: Sequence[WeeklyFinding]) -> Metadata:
    """What somebody has to look at, with what helps."""
    rows = [{"severity": each.severity, "what": str(each.what), "what to do": str(each.to_do)} for each in findings]
    return tabled("findings", rows)


def of_reports(context: StaffingContext, month: date, done: ReportsOutcome) -> Metadata:
    """Counts, what is missing, and where the reports for operators are."""
    rows, _ = reading.reports(context, limit=500, month=month, for_operators=True)
    return {
        **outcome(done),
        "dagster/row_count": sum(done.reports.values()),
        "new versions": done.written,
        "mails": done.mailed,
        **{f"{kind} reports": count for kind, count in done.reports.items()},
        **tabled("incomplete", [asdict(each) for each in done.incomplete]),
        **tabled("failed", [asdict(each) for each in done.failed]),
        **{
            f"{row['kind']} PDF": dg.MetadataValue.url(f"/api/staffing/reports/{row['id']}/pdf")
            for row in rows
            if row["sha256"] is not None
        },
    }
