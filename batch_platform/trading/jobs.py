"""What the jobs of trading take, and what they launch for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from batch_platform.core.failures import InvalidInput
from batch_platform.operations.model import JobParameters, Launch
from batch_platform.trading.cadence import window_of
from batch_platform.trading.instants import day_start
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool

BEGIN: Final = date(2026, 1, 1)
"""The first partition; that of weeks is the first Sunday from it on."""

CAMPAIGNS: Final = "trading_campaign"
"""The dynamic partitions: a campaign each."""

INSTANT_KEY: Final = "%Y-%m-%d-%H:%M"
"""How ten minutes and hours are named, UTC."""

PRICES: Final = "trading_price_update"
INTEREST: Final = "trading_daily_interest"
FUNDING: Final = "trading_funding_rate"
SNAPSHOTS: Final = "trading_portfolio_snapshot"
RETENTION: Final = "trading_snapshot_retention"
DISTRIBUTION: Final = "trading_initial_distribution"

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


class SnapshotParameters(JobParameters):
    """What portfolio-snapshot takes: nothing named is the newest hour, a date alone all hours of its day."""

    hour: Annotated[int, Field(ge=0, le=23)] | None = Field(
        default=None, title=N_("Hour"), description=N_("UTC. Empty: all hours of the date.")
    )


class DistributionParameters(JobParameters):
    """What initial-distribution takes."""

    campaign: Annotated[str, Field(min_length=1, max_length=200)] = Field(default="main", title=N_("Campaign"))


def plan_prices(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """The ten minutes of now: a tick that was missed stays missing."""
    return _launch(PRICES, "prices", parameters, window_of(now).strftime(INSTANT_KEY))


def plan_interest(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """A UTC day that has ended, by default the last. Raises `InvalidInput`."""
    yesterday = now.astimezone(UTC).date() - _DAY
    return _launch(INTEREST, "interest", parameters, _between(parameters.target_date or yesterday, yesterday))


def plan_snapshots(_pool: Pool, parameters: SnapshotParameters, now: datetime) -> Launch:
    """An hour, or those of a UTC day that have come. Raises `InvalidInput`."""
    newest = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day = parameters.target_date
    if day is None and parameters.hour is not None:
        raise InvalidInput("hour-without-date", "an hour needs its date", field="targetDate")
    if day is not None:
        _between(day, newest.date())
    if day is None:
        first = last = newest
    elif parameters.hour is not None:
        first = last = day_start(day) + parameters.hour * _HOUR
    else:
        first, last = day_start(day), min(day_start(day) + 23 * _HOUR, newest)
    if last > newest:
        raise InvalidInput("hour-to-come", "the hour {hour} has not come yet", hour=f"{last:%H}:00", field="hour")
    if parameters.dry_run:
        return _launch(SNAPSHOTS, "snapshots", parameters, last.strftime(INSTANT_KEY))
    return of_hours(first, last)


def plan_retention(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """A Sunday, by default the last. Raises `InvalidInput`."""
    today = now.astimezone(UTC).date()
    sunday = parameters.target_date or today - today.isoweekday() % 7 * _DAY
    if sunday.isoweekday() != 7:
        raise InvalidInput("not-a-sunday", "{day} is not a Sunday", day=sunday, field="targetDate")
    return _launch(RETENTION, "thinning", parameters, _between(sunday, today))


def plan_distribution(_pool: Pool, parameters: DistributionParameters, _now: datetime) -> Launch:
    """A campaign."""
    campaign = parameters.campaign
    if parameters.dry_run:
        return Launch.of_op(f"{DISTRIBUTION}_dry_run", "rehearse_distribution", campaign=campaign)
    tags = {"trading/campaign": campaign}
    return Launch(DISTRIBUTION, partition=campaign, tags=tags, dynamic_partitions={CAMPAIGNS: (campaign,)})


def of_hours(first: datetime, last: datetime) -> Launch:
    """Snapshots of the hours from first to last, in one run."""
    return _of_range(SNAPSHOTS, first.strftime(INSTANT_KEY), last.strftime(INSTANT_KEY))


def of_days(job: str, first: date, last: date) -> Launch:
    """Days or weeks from first to last, in one run."""
    return _of_range(job, first.isoformat(), last.isoformat())


def _of_range(job: str, first: str, last: str) -> Launch:
    if first == last:
        return Launch(job, partition=first)
    return Launch(job, partition_range=(first, last))


def _launch(job: str, verb: str, parameters: JobParameters, partition: str) -> Launch:
    if parameters.dry_run:
        return Launch.of_op(f"{job}_dry_run", f"rehearse_{verb}", partition=partition)
    return Launch(job, partition=partition)


def _between(day: date, last: date) -> str:
    if not BEGIN <= day <= last:
        raise InvalidInput(
            "outside-days",
            "{date} lies outside the days {first} to {last}",
            date=day,
            first=BEGIN,
            last=last,
            field="targetDate",
        )
    return day.isoformat()
