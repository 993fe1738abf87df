"""Dry runs of staffing's jobs: they write nothing and end with a table of what would be done."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from batch_platform.kit.assets import cell
from batch_platform.kit.dry_runs import DryRun, rows_of
from batch_platform.settings import load_settings
from batch_platform.staffing.opening import maintenance_options, open_backups
from batch_platform.staffing.service import StaffingContext, backups
from batch_platform.staffing.service import maintenance as weekly_maintenance
from batch_platform.staffing.service import performance as weekly_performance
from batch_platform.staffing.service import statuses as daily_statuses
from batch_platform.staffing.service import usage as daily_usage
from batch_platform.staffing.service.invoices import monthly as monthly_invoices
from batch_platform.staffing.service.reports import monthly as monthly_reports

SHOWN: Final = 1_000
"""Rows at most."""


def statuses(context: StaffingContext, partition: str) -> DryRun:
    """Tells whose status engineer-status-update would change, and how."""
    written, changes = daily_statuses.dry_run_day(context, date.fromisoformat(partition), limit=SHOWN)
    changed = written.changed if written.is_new else 0
    summary = f"of {written.engineers} engineers {changed} would change, with {written.corrections} corrections"
    return [_texts(asdict(change)) for change in changes], f"{partition}: {summary}"


def usage(context: StaffingContext, partition: str) -> DryRun:
    """Tells how many rows daily-data-aggregation would write, change or remove."""
    would = asdict(daily_usage.aggregate(context, date.fromisoformat(partition), dry_run=True))
    rows = [{"table": name, "rows": count} for name, count in would.items() if name != "date" and count]
    changed = sum(row["rows"] for row in rows)
    return rows, f"{partition}: {changed} rows would be written, changed or removed"


def backup(_work: StaffingContext, partition: str) -> DryRun:
    """Tells what daily-backup would read, and which backups it would delete."""
    with open_backups() as context:
        plan = backups.plan(context, date.fromisoformat(partition))
    rows = [{"what": name, "value": _listed(value)} for name, value in asdict(plan).items()]
    return rows, f"{plan.action}: {plan.tables} tables and {plan.files} files of {plan.night}"


def maintenance(context: StaffingContext, partition: str) -> DryRun:
    """Tells what weekly-maintenance would do, and what it would find."""
    options = maintenance_options(load_settings())
    would = weekly_maintenance.run(context, date.fromisoformat(partition), **options, dry_run=True)
    rows = [
        {"step": deed.step, "subject": deed.subject, "would": deed.did, "amount": deed.amount}
        for deed in would.deeds[:SHOWN]
    ]
    rows += [
        {"step": "health", "subject": finding.subject, "would": f"tell: {finding.what}", "amount": None}
        for finding in would.findings
    ]
    return rows, f"{len(would.deeds)} things would be done; {len(would.findings)} would be told"


def performance(context: StaffingContext, partition: str) -> DryRun:
    """Tells what weekly-performance-analysis would find; no report is made."""
    week = weekly_performance.analyse(context, date.fromisoformat(partition), dry_run=True).week
    rows = rows_of(week.findings, "severity", "subject", what=lambda finding: str(finding.what))
    return rows, f"{len(week.figures)} subjects would be summed up; {len(rows)} would be told"


def invoices(context: StaffingContext, partition: str) -> DryRun:
    """Tells what monthly-invoice-generation would draft and issue."""
    plan = monthly_invoices.plan(context, date.fromisoformat(partition))
    summary = f"{plan.month}: {plan.issues} invoices of {plan.total:,} yen would be issued"
    return [_texts(vars(change)) for change in plan.changes], summary


def reports(context: StaffingContext, partition: str) -> DryRun:
    """Tells which versions of reports monthly-report-generation would make."""
    month = date.fromisoformat(partition)
    rows = [_texts(version) for version in monthly_reports.plan(context, month)]
    return rows, f"{month:%Y-%m}: {len(rows)} new versions of reports"


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: cell(value) for name, value in row.items()}


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
