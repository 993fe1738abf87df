"""The jobs of weeks: WEEKLY_001, the maintenance of a Sunday, and WEEKLY_002, what a week was like."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import dagster as dg

from batch_platform.kit.assets import Metadata, Verdict, check_results, each_partition
from batch_platform.kit.jobs import DeclaredJob, Run, Schedule, job
from batch_platform.settings import load_settings
from batch_platform.staffing import jobs as launches
from batch_platform.staffing.dagster import dry_runs, run_metadata, sensors
from batch_platform.staffing.dagster.partitions import SUNDAYS, WEEKS, days
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.staffing.maintenance import Finding
from batch_platform.staffing.opening import maintenance_options
from batch_platform.staffing.service import maintenance as weekly_maintenance
from batch_platform.staffing.service import performance as weekly_performance
from batch_platform.web.i18n import N_

by_hand = partial(dg.asset, key_prefix="staffing", backfill_policy=dg.BackfillPolicy.single_run())

_MAINTENANCE: Final = dg.AssetKey(["staffing", "maintenance"])
_PERFORMANCE: Final = dg.AssetKey(["staffing", "performance"])
_NOTHING_CRITICAL: Final = dg.AssetCheckSpec(
    "nothing_critical", asset=_MAINTENANCE, description="Nothing was found that cannot wait.", blocking=False
)
_NOTHING_WORSE: Final = dg.AssetCheckSpec(
    "nothing_worse", asset=_PERFORMANCE, description="Nothing has become worse than the week before.", blocking=False
)


@by_hand(
    kinds={"postgres"},
    partitions_def=SUNDAYS,
    check_specs=[_NOTHING_CRITICAL],
    description="What was mended and tidied up on the Sunday, and what somebody has to look at "
    "(staffing.maintenance_runs, staffing.maintenance_findings).",
)
def maintenance(context: dg.AssetExecutionContext, staffing: StaffingResource) -> Iterator[Any]:
    verdicts: list[Verdict] = []

    def maintain(sunday: date) -> Metadata:
        done = weekly_maintenance.run(staffing_context, sunday, **maintenance_options(load_settings()))
        verdicts.append(_verdict(_NOTHING_CRITICAL, sunday, done.findings, {"critical"}))
        return run_metadata.of_maintenance(done)

    with staffing.open_context() as staffing_context:
        each_partition(context, days(context), maintain, asset=_MAINTENANCE)
    yield dg.MaterializeResult()
    yield from check_results(_MAINTENANCE, [_NOTHING_CRITICAL.name], verdicts, none="no Sunday")


@by_hand(
    kinds={"postgres", "s3"},
    partitions_def=WEEKS,
    check_specs=[_NOTHING_WORSE],
    description="Response times, errors and use of the week against the one before (staffing.performance_figures), "
    "the database's counters, and a report as PDF.",
)
def performance(context: dg.AssetExecutionContext, staffing: StaffingResource) -> Iterator[Any]:
    verdicts: list[Verdict] = []

    def analyse(monday: date) -> Metadata:
        done = weekly_performance.analyse(staffing_context, monday)
        verdicts.append(_verdict(_NOTHING_WORSE, monday, done.week.findings, {"critical", "warning"}))
        return run_metadata.of_performance(done)

    with staffing.open_context() as staffing_context:
        each_partition(context, days(context), analyse, asset=_PERFORMANCE)
    yield dg.MaterializeResult()
    yield from check_results(_PERFORMANCE, [_NOTHING_WORSE.name], verdicts, none="no week")


def _verdict(check: dg.AssetCheckSpec, day: date, findings: Sequence[Finding], bad: set[str]) -> Verdict:
    text = "; ".join(str(each.what) for each in findings if each.severity in bad)
    return Verdict(check.name, day.isoformat(), not text, text or "nothing", blocking=False)


def jobs() -> tuple[DeclaredJob, ...]:
    common: dict[str, Any] = {
        "domain": "staffing",
        "permission": "staffing:operate",
        "deadline": timedelta(minutes=30),
    }
    return (
        job(
            id="WEEKLY_001",
            name="weekly-maintenance",
            title=N_("Maintain the database and its files"),
            description=N_("Rebuilds indexes, deletes what is past its time, and looks at the database's health."),
            plan=launches.plan_maintenance,
            runs=[Run(launches.MAINTENANCE, (maintenance,))],
            dry_run=dry_runs.maintenance,
            schedules=[Schedule(f"{launches.MAINTENANCE}_schedule", "0 4 * * 0", sensors.this_sunday)],
            max_duration=timedelta(hours=4),
            **common,
        ),
        job(
            id="WEEKLY_002",
            name="weekly-performance-analysis",
            title=N_("Analyse the performance of a week"),
            description=N_("Compares response times, errors and use with the week before, and makes a report."),
            plan=launches.plan_performance,
            runs=[Run(launches.PERFORMANCE, (performance,))],
            dry_run=dry_runs.performance,
            schedules=[Schedule(f"{launches.PERFORMANCE}_schedule", "0 5 * * 1", sensors.missing_performance)],
            **common,
        ),
    )
