"""MONTHLY_002: the reports of a month."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import dagster as dg

from batch_platform.kit.assets import Metadata, Verdict, asset, check_results
from batch_platform.kit.jobs import DeclaredJob, Request, Run, Schedule, Tick, job
from batch_platform.operations.model import JobParameters
from batch_platform.staffing import jobs as launches
from batch_platform.staffing.dagster import dry_runs, run_metadata
from batch_platform.staffing.dagster.partitions import ENDED_MONTHS, days
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.reports import monthly
from batch_platform.web.i18n import N_

_KEY: Final = dg.AssetKey(["staffing", "monthly_reports"])
EVERY_REPORT: Final = dg.AssetCheckSpec(
    "every_report",
    asset=_KEY,
    description="Each company of the month has its report, and so have those who operate the system.",
    blocking=True,
)
_SHOWN: Final = 5


def _every_report(context: StaffingContext, months: Sequence[tuple[str, date]]) -> Iterator[dg.AssetCheckResult]:
    verdicts = [_verdict(key, monthly.missing(context, month)) for key, month in months]
    return check_results(_KEY, [EVERY_REPORT.name], verdicts, none="no month")


def _verdict(key: str, missing: list[str]) -> Verdict:
    more = len(missing) - _SHOWN
    text = f"no report of {', '.join(missing[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"
    return Verdict(EVERY_REPORT.name, key, not missing, text if missing else "all there")


@asset(
    "staffing",
    days,
    kinds={"postgres", "s3"},
    partitions_def=ENDED_MONTHS,
    check_specs=[EVERY_REPORT],
    verify=_every_report,
    deps=[
        ["staffing", name]
        for name in (
            "engineer_status",
            "company_usage",
            "system_stats",
            "engineer_activity",
            "approach_metrics",
            "invoices",
        )
    ],
)
def monthly_reports(context: StaffingContext, month: date) -> Metadata:
    """The month's reports as PDF (staffing.reports): of each company, the system, engineers and revenue. The same
    data makes no new version; a version is mailed once, when nothing of the month is missing."""
    return run_metadata.of_reports(context, month, monthly.run(context, month))


def unreported_months(tick: Tick) -> Iterable[Request]:
    """From the first month that was reported to the last one that is over, those without any report."""
    with tick.resource.open_context() as context:
        months = monthly.unreported(context, business_day(tick.at))
    for month in months:
        yield Request(JobParameters(target_date=month), run_key=f"{tick.at.isoformat()} {month}")


def jobs() -> tuple[DeclaredJob, ...]:
    return (
        job(
            id="MONTHLY_002",
            name="monthly-report-generation",
            title=N_("Report a month"),
            description=N_("Makes the reports of a month for companies and operators, stores and mails them."),
            domain="staffing",
            permission="staffing:operate",
            plan=launches.plan_reports,
            runs=[Run(launches.REPORTS, [monthly_reports])],
            dry_run=dry_runs.reports,
            schedules=[Schedule(f"{launches.REPORTS}_schedule", "0 7 2 * *", unreported_months)],
            deadline=timedelta(hours=1),
        ),
    )
