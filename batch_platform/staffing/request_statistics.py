"""How the API answered on a day: response times in milliseconds, share of errors, and how long the service was up.

Without requests there is no figure, and none is assumed. A request of unknown status is no error, and one of unknown
duration has no part in the response times. Percentiles are nearest rank: one of the durations, never between two.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from batch_platform.staffing.decimals import half_up
from batch_platform.staffing.instants import business_day

MINUTES_OF_A_DAY: Final = 1_440


@dataclass(frozen=True)
class Request:
    """One answer of the API."""

    status: int | None
    duration_ms: Decimal | None


@dataclass(frozen=True)
class RequestStatistics:
    """Of all requests of a day; `error_rate` is the share of 5xx, with 4 decimals, the average has 2."""

    count: int
    response_time_avg: Decimal | None
    error_rate: Decimal | None
    p50: Decimal | None
    p95: Decimal | None
    p99: Decimal | None


def request_statistics(requests: Collection[Request]) -> RequestStatistics:
    """What these requests come to."""
    durations = sorted(each.duration_ms for each in requests if each.duration_ms is not None)
    errors = sum(each.status is not None and each.status >= 500 for each in requests)
    average = half_up(sum(map(Fraction, durations), Fraction(0)) / len(durations), 2) if durations else None
    return RequestStatistics(
        count=len(requests),
        response_time_avg=average,
        error_rate=half_up(Fraction(errors, len(requests)), 4) if requests else None,
        p50=percentile(durations, 50),
        p95=percentile(durations, 95),
        p99=percentile(durations, 99),
    )


def percentile(ascending: Sequence[Decimal], percent: int) -> Decimal | None:
    """The value at rank ceil(percent/100 · n) of n, counted from 1."""
    if not ascending:
        return None
    return ascending[-(-percent * len(ascending) // 100) - 1]


def uptime(heartbeats: Collection[datetime], day: date) -> Decimal:
    """The share of a Tokyo day's minutes in which a heartbeat was seen, with 4 decimals."""
    minutes = {at.replace(second=0, microsecond=0) for at in heartbeats if business_day(at) == day}
    return half_up(Fraction(len(minutes), MINUTES_OF_A_DAY), 4)
