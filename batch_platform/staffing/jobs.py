"""What the jobs of staffing take, and what they launch for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from batch_platform.core.failures import InvalidInput
from batch_platform.core.retry import RetryConfig
from batch_platform.operations.model import JobParameters, Launch
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.months import shifted
from batch_platform.staffing.weeks import check_sunday, check_week, newest_sunday, newest_week

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool

BEGIN: Final = date(2016, 1, 1)
"""The first partition."""

STATUSES: Final = "staffing_engineer_status"
USAGE: Final = "staffing_daily_aggregation"
BACKUP: Final = "staffing_backup"
MAINTENANCE: Final = "staffing_maintenance"
PERFORMANCE: Final = "staffing_performance"
REPORTS: Final = "staffing_monthly_reports"
INVOICES: Final = "staffing_invoices"

STATUS_RETRY: Final = RetryConfig(
    max_attempts=3, backoff="exponential", base_delay=timedelta(seconds=5), max_delay=timedelta(seconds=60)
)
INVOICE_RETRY: Final = RetryConfig(
    max_attempts=5, backoff="linear", base_delay=timedelta(seconds=10), max_delay=timedelta(seconds=300)
)
BACKUP_RETRY: Final = RetryConfig(
    max_attempts=2, backoff="fixed", base_delay=timedelta(seconds=30), max_delay=timedelta(seconds=30)
)

_DAY: Final = timedelta(days=1)
_DUE: Final = timedelta(hours=2)


def plan_statuses(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """A day in Tokyo whose 02:00 has come, by default the newest. Raises `InvalidInput`."""
    newest = business_day(now - _DUE)
    return launch_of(STATUSES, "statuses", parameters, within(parameters.target_date or newest, newest))


def plan_usage(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """A day in Tokyo that is over, by default the newest. Raises `InvalidInput`."""
    yesterday = business_day(now) - _DAY
    return launch_of(USAGE, "usage", parameters, within(parameters.target_date or yesterday, yesterday))


def plan_backup(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """The night of today, or an earlier one that is stored. Raises `InvalidInput`."""
    tonight = business_day(now)
    return launch_of(BACKUP, "backup", parameters, within(parameters.target_date or tonight, tonight))


def plan_invoices(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """The first day of a month in Tokyo that is over, by default the newest. Raises `InvalidInput`."""
    newest = shifted(business_day(now).replace(day=1), -1)
    month = parameters.target_date or newest
    if month.day != 1:
        raise InvalidInput(
            "not-first-of-month",
            "{day} is not the first day of a month; the month is billed as {first}",
            day=month,
            first=month.replace(day=1),
            field="targetDate",
        )
    if month > newest:
        raise InvalidInput(
            "month-not-over",
            "the month {month} is billed from {day} on",
            month=f"{month:%Y-%m}",
            day=shifted(month, 1),
            field="targetDate",
        )
    return launch_of(INVOICES, "invoices", parameters, within(month, newest))


def plan_maintenance(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """A Sunday, by default the newest. Raises `InvalidInput`."""
    today = business_day(now)
    sunday = check_sunday(parameters.target_date or newest_sunday(today), today)
    return launch_of(MAINTENANCE, "maintenance", parameters, within(sunday, today))


def plan_performance(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """The Monday of a week that is over, by default of the newest. Raises `InvalidInput`."""
    today = business_day(now)
    monday = check_week(parameters.target_date or newest_week(today), today)
    return launch_of(PERFORMANCE, "performance", parameters, within(monday, today))


def plan_reports(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """A month in Tokyo that is over, by its first day, by default the newest. Raises `InvalidInput`."""
    from batch_platform.staffing.service.reports.monthly import require_month

    newest = shifted(business_day(now).replace(day=1), -1)
    month = parameters.target_date or newest
    require_month(month, now)
    return launch_of(REPORTS, "reports", parameters, within(month, newest))


def of_days(job: str, first: date, last: date) -> Launch:
    """Days from first to last, in one run."""
    if first == last:
        return Launch(job, partition=first.isoformat())
    return Launch(job, partition_range=(first.isoformat(), last.isoformat()))


def launch_of(job: str, verb: str, parameters: JobParameters, day: date) -> Launch:
    """A run of a day's partition; a dry run is that of an op `rehearse_{verb}` which takes the partition."""
    if parameters.dry_run:
        return Launch.of_op(f"{job}_dry_run", f"rehearse_{verb}", partition=day.isoformat())
    return Launch(job, partition=day.isoformat())


def within(day: date, last: date) -> date:
    """The day, where it lies between the first partition and the last. Raises `InvalidInput`."""
    if not BEGIN <= day <= last:
        raise InvalidInput(
            "outside-days",
            "{date} lies outside the days {first} to {last}",
            date=day,
            first=BEGIN,
            last=last,
            field="targetDate",
        )
    return day
