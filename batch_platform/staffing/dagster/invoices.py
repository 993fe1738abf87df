"""MONTHLY_001: the invoices of a month."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from batch_platform.kit.assets import Verdict, check_results, each_partition
from batch_platform.kit.jobs import DeclaredJob, Request, Run, Schedule, Tick, job
from batch_platform.operations.model import REQUESTED_BY_TAG, JobParameters
from batch_platform.resources.failures import dagster_failures
from batch_platform.staffing import jobs as launches
from batch_platform.staffing.dagster import dry_runs, run_metadata
from batch_platform.staffing.dagster.partitions import ENDED_MONTHS, days
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.months import shifted
from batch_platform.staffing.service.invoices import monthly, verifying
from batch_platform.web.i18n import N_

INVOICES: Final = dg.AssetKey(["staffing", "invoices"])
CHECKS: Final = [
    dg.AssetCheckSpec(name, asset=INVOICES, description=text, blocking=name != verifying.COMPLETE)
    for name, text in verifying.CHECKS.items()
]
"""What waits for usage, or cannot be printed, is told; it stops nothing."""


@dg.asset(
    key=INVOICES,
    kinds={"postgres", "s3"},
    partitions_def=ENDED_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[["staffing", "company_usage"]],
    check_specs=CHECKS,
    description="Invoices of a billed month (staffing.invoices), their PDFs under their hashes in the bucket of "
    "originals, their mails in the outbox. Where people review, drafts.",
)
def invoices(context: dg.AssetExecutionContext, staffing: StaffingResource) -> Iterator[Any]:
    by = context.run.tags.get(REQUESTED_BY_TAG, monthly.SYSTEM)
    months = days(context)
    with staffing.open_context() as staffing_context:
        each_partition(
            context,
            months,
            lambda month: run_metadata.of_invoices(
                staffing_context, month, monthly.run(staffing_context, month, by=by)
            ),
            asset=INVOICES,
            retry=launches.INVOICE_RETRY,
        )
        with dagster_failures(context, launches.INVOICE_RETRY):
            verdicts = [
                verdict
                for key, month in months
                for verdict in _verdicts(key, verifying.verify(staffing_context, month))
            ]
    yield dg.MaterializeResult()
    yield from check_results(INVOICES, verifying.CHECKS, verdicts, none="no month")


def jobs() -> tuple[DeclaredJob, ...]:
    return (
        job(
            id="MONTHLY_001",
            name="monthly-invoice-generation",
            title=N_("Issue the invoices of a month"),
            description=N_("Bills every contract of the month, numbers, prints, stores and mails the invoices."),
            domain="staffing",
            permission="staffing:operate",
            plan=launches.plan_invoices,
            runs=[Run(launches.INVOICES, [invoices])],
            dry_run=dry_runs.invoices,
            schedules=[Schedule(f"{launches.INVOICES}_schedule", "0 6 1 * *", unfinished_months)],
            retry=launches.INVOICE_RETRY,
            critical=True,
            max_duration=timedelta(hours=4),
            deadline=timedelta(minutes=15),
        ),
    )


def unfinished_months(tick: Tick) -> Iterator[Request]:
    """The month before the tick, and earlier ones that were missed or wait for usage, each a run, in their order."""
    newest = shifted(business_day(tick.at).replace(day=1), -1)
    with tick.resource.open_context() as staffing_context:
        missing = monthly.unfinished_months(staffing_context, newest)
    for month in missing:
        yield Request(JobParameters(target_date=month), run_key=f"{tick.at.isoformat()} {month}")


def _verdicts(key: str, differences: list[verifying.Difference]) -> Iterator[Verdict]:
    for check, wrong in verifying.by_check(differences).items():
        text = "; ".join(f"{each.what}: {each.found}, not {each.expected}" for each in wrong[:5])
        blocks = check != verifying.COMPLETE
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        yield Verdict(check, key, not wrong, text + more or "holds", blocking=blocks)
