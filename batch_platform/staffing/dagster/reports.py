"""MONTHLY_002: the reports of a month."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit.assets import Metadata, Verdict, check_results, each_partition
from batch_platform.kit.jobs import DeclaredJob, Request, Run, Schedule, Tick, job
from batch_platform.operations.dagster.dry_run import dry_run_result
from batch_platform.operations.model import JobParameters
from batch_platform.resources.failures import dagster_failures
from batch_platform.staffing import jobs as launches
from batch_platform.staffing.dagster import run_metadata
from batch_platform.staffing.dagster.partitions import ENDED_MONTHS, days
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.service.reports import monthly
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.settings import Settings

_KEY: Final = dg.AssetKey(["staffing", "monthly_reports"])
EVERY_REPORT: Final = dg.AssetCheckSpec(
    "every_report",
    asset=_KEY,
    description="Each company of the month has its report, and so have those who operate the system.",
    blocking=True,
)
_SHOWN: Final = 5


@dg.asset(
    key=_KEY,
    group_name="staffing",
    kinds={"postgres", "s3"},
    partitions_def=ENDED_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[EVERY_REPORT],
    deps=[
        dg.AssetKey(["staffing", name])
        for name in (
            "engineer_status",
            "company_usage",
            "system_stats",
            "engineer_activity",
            "approach_metrics",
            "invoices",
        )
    ],
    description="The month's reports as PDF (staffing.reports): of each company, the system, engineers and revenue. "
    "The same data makes no new version; a version is mailed once, when nothing of the month is missing.",
)
def monthly_reports(context: dg.AssetExecutionContext, staffing: StaffingResource) -> Iterator[Any]:
    def make(month: date) -> Metadata:
        return run_metadata.of_reports(work, month, monthly.run(work, month))

    with staffing.work() as work:
        each_partition(context, days(context), make, asset=_KEY)
        with dagster_failures(context, STANDARD_RETRY):
            verdicts = [_verdict(key, monthly.missing(work, month)) for key, month in days(context)]
    yield dg.MaterializeResult()
    yield from check_results(_KEY, [EVERY_REPORT.name], verdicts, none="no month")


class MonthConfig(dg.Config):
    """Which month, by its first day."""

    partition: str


@dg.op(name="rehearse_reports", description="Tells which versions of reports monthly-report-generation would make.")
def rehearse_reports(config: MonthConfig, staffing: StaffingResource) -> dg.Output[None]:
    month = date.fromisoformat(config.partition)
    with dagster_failures(), staffing.work() as work:
        planned = monthly.plan(work, month)
    rows = [{name: "" if value is None else str(value) for name, value in row.items()} for row in planned]
    return dry_run_result(rows, f"{month:%Y-%m}: {len(rows)} new versions of reports")


def unreported_months(tick: Tick) -> Iterable[Request]:
    """From the first month that was reported to the last one that is over, those without any report."""
    with tick.resource.work() as work:
        months = monthly.unreported(work, business_day(tick.at))
    for month in months:
        yield Request(JobParameters(target_date=month), run_key=f"{tick.at.isoformat()} {month}")


ASSETS: Final = (monthly_reports,)


def jobs(_settings: "Settings") -> tuple[DeclaredJob, ...]:
    return (
        job(
            id="MONTHLY_002",
            name="monthly-report-generation",
            title=N_("Report a month"),
            description=N_("Makes the reports of a month for companies and operators, stores and mails them."),
            domain="staffing",
            permission="staffing:operate",
            plan=launches.plan_reports,
            runs=[Run(launches.REPORTS, ASSETS)],
            dry_run=rehearse_reports,
            schedules=[Schedule(f"{launches.REPORTS}_schedule", "0 7 2 * *", unreported_months)],
            deadline=timedelta(hours=1),
        ),
    )


def _verdict(key: str, missing: list[str]) -> Verdict:
    more = len(missing) - _SHOWN
    said = f"no report of {', '.join(missing[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"
    return Verdict(EVERY_REPORT.name, key, not missing, said if missing else "all there")
