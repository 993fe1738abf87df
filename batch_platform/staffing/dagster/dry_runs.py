"""Dry runs of staffing's jobs: they write nothing and end with a table of what would be done."""

from dataclasses import asdict
from datetime import date
from typing import Any, Final

import dagster as dg

from batch_platform.operations.dagster.dry_run import dry_run_result
from batch_platform.resources.failures import dagster_failures
from batch_platform.staffing.dagster.resource import StaffingResource, maintenance_options
from batch_platform.staffing.service import backups, statuses, usage
from batch_platform.staffing.service import maintenance as weekly_maintenance
from batch_platform.staffing.service import performance as weekly_performance

SHOWN: Final = 1_000
"""Rows at most."""


class DayConfig(dg.Config):
    """Which day."""

    partition: str


@dg.op(name="rehearse_statuses", description="Tells whose status engineer-status-update would change, and how.")
def status_update(config: DayConfig, staffing: StaffingResource) -> dg.Output[None]:
    day = date.fromisoformat(config.partition)
    with dagster_failures(), staffing.work() as work:
        written, changes = statuses.rehearse_day(work, day, limit=SHOWN)
    rows = [{name: "" if value is None else str(value) for name, value in asdict(each).items()} for each in changes]
    changed = written.changed if written.is_new else 0
    summary = (
        f"{day}: of {written.engineers} engineers {changed} would change, with {written.corrections} corrections"
    )
    return dry_run_result(rows, summary)


@dg.op(name="rehearse_usage", description="Tells how many rows daily-data-aggregation would write, change or remove.")
def aggregation(config: DayConfig, staffing: StaffingResource) -> dg.Output[None]:
    day = date.fromisoformat(config.partition)
    with dagster_failures(), staffing.work() as work:
        would = asdict(usage.aggregate(work, day, dry_run=True))
    rows = [{"table": name, "rows": count} for name, count in would.items() if name != "date" and count]
    return dry_run_result(
        rows, f"{day}: {sum(row['rows'] for row in rows)} rows would be written, changed or removed"
    )


@dg.op(name="rehearse_backup", description="Tells what daily-backup would read, and which backups it would delete.")
def backup(config: DayConfig, staffing: StaffingResource) -> dg.Output[None]:
    with dagster_failures(), staffing.backups() as opened:
        plan = backups.plan(opened, date.fromisoformat(config.partition))
    rows = [{"what": name, "value": _text(value)} for name, value in asdict(plan).items()]
    return dry_run_result(rows, f"{plan.action}: {plan.tables} tables and {plan.files} files of {plan.night}")


@dg.op(name="rehearse_maintenance", description="Tells what weekly-maintenance would do, and what it would find.")
def maintenance(config: DayConfig, staffing: StaffingResource) -> dg.Output[None]:
    with dagster_failures(), staffing.work() as work:
        would = weekly_maintenance.run(
            work, date.fromisoformat(config.partition), **maintenance_options(), dry_run=True
        )
    rows = [
        {"step": each.step, "subject": each.subject, "would": each.did, "amount": each.amount}
        for each in would.deeds[:SHOWN]
    ]
    rows += [
        {"step": "health", "subject": each.subject, "would": f"tell: {each.what}", "amount": None}
        for each in would.findings
    ]
    return dry_run_result(rows, f"{len(would.deeds)} things would be done; {len(would.findings)} would be told")


@dg.op(
    name="rehearse_performance", description="Tells what weekly-performance-analysis would find; no report is made."
)
def performance(config: DayConfig, staffing: StaffingResource) -> dg.Output[None]:
    with dagster_failures(), staffing.work() as work:
        week = weekly_performance.analyse(work, date.fromisoformat(config.partition), dry_run=True).week
    rows = [{"severity": each.severity, "subject": each.subject, "what": str(each.what)} for each in week.findings]
    return dry_run_result(rows, f"{len(week.figures)} subjects would be summed up; {len(rows)} would be told")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
