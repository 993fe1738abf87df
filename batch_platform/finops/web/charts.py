"""Charts of costs as the console draws them: specs that carry every digit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import polars as pl

from batch_platform.finops import service
from batch_platform.finops.commitments import CommitmentUse, Coverage
from batch_platform.finops.groups import Filter, Group
from batch_platform.finops.service import CostQuery, Insight
from batch_platform.finops.web.context import FinopsState
from batch_platform.finops.web.cost_words import named_value
from batch_platform.finops.web.words import short_arn
from batch_platform.web.i18n import gettext as _

TOP: Final = 8
"""Services with a colour of their own; more cannot be told apart."""

_KEYS_READ: Final = 1_000
"""Keys among which those that weigh most are looked for."""
_LEGEND: Final = 40
_DAY: Final = Group("day")

Amounts = Iterable[Decimal | None]


def daily(state: FinopsState, query: CostQuery, currency: str) -> dict[str, Any] | None:
    """Bars a day, stacked by the first group that is no day: what weighs most, the rest summed; None without."""

    def amounts(limit: int | None = None, **part: Any) -> dict[tuple[str, ...], Decimal]:
        rows = service.cost_rows(state.context, state.costs, replace(query, **part), limit=limit)
        frames = [report.rows for report in rows.reports if report.currency == currency]
        return {tuple(map(str, keys)): amount for frame in frames for *keys, amount in frame.iter_rows()}

    by = next((group for group in query.groups if group.text != "day"), Group("service"))
    keys = amounts(_KEYS_READ, groups=(by,))
    if not keys:
        return None
    heaviest = sorted(keys, key=lambda key: (-abs(keys[key]), key))[:TOP]
    top = [key for (key,) in heaviest]
    others = [given for given in query.filters if given.group != by]
    filters = tuple(sorted((*others, Filter(by, tuple(sorted(top)))), key=lambda given: given.group.text))
    days = _days(query.start, query.end)
    by_key = amounts(groups=(_DAY, by), filters=filters)
    series: list[tuple[str, Amounts]] = [
        (_short(named_value(by.text, key)), [by_key.get((str(day), key)) for day in days]) for key in top
    ]
    if len(keys) > len(top):
        whole = amounts(groups=(_DAY,))
        nothing = Decimal(0)
        rest = [
            whole.get((str(day),), nothing) - sum((by_key.get((str(day), key), nothing) for key in top), nothing)
            for day in days
        ]
        name = _("Other services") if by.text == "service" else _("Others")
        series.append((name, [amount or None for amount in rest]))
    return _bars(days, series, currency)


def uses(commitments: Sequence[CommitmentUse], currency: str) -> dict[str, Any] | None:
    """A bar a commitment: used and unused."""
    shown = [use for use in commitments if use.currency == currency][:TOP]
    series = [(_("Used"), [use.used for use in shown]), (_("Unused"), [use.unused for use in shown])]
    return _bars([short_arn(use.arn) for use in shown], series, currency)


def coverage(services: Sequence[Coverage], currency: str) -> dict[str, Any] | None:
    """A bar a service: covered by plans and by reservations, and what could have been."""
    shown = [service for service in services if service.currency == currency][:TOP]
    series: list[tuple[str, Amounts]] = [
        (_("Savings Plans"), [service.by_savings_plans for service in shown]),
        (_("Reservations"), [service.by_reservations for service in shown]),
        (_("On demand"), [service.on_demand for service in shown]),
    ]
    return _bars([service.service for service in shown], series, currency)


def anomalies(insight: Insight, currency: str) -> dict[str, Any] | None:
    """The month's days, those with an anomaly marked; None without costs."""
    totals = _by_day(insight.daily, currency)
    if not totals:
        return None
    flagged = set(insight.rows.filter(pl.col("currency") == currency)["usage_date"])
    days = _days(min(totals), max(totals))
    marked = [totals.get(day) if day in flagged else None for day in days]
    lines = ((_("Cost per day"), None, [totals.get(day) for day in days]), (_("Anomaly"), "points", marked))
    return _lines(days, lines, currency)


def forecast(insight: Insight, currency: str) -> dict[str, Any] | None:
    """The days that were seen, then those expected with their band; None without a forecast."""
    expected = {row["target_date"]: row for row in insight.rows.filter(pl.col("currency") == currency).to_dicts()}
    if not expected:
        return None
    actual = _by_day(insight.daily, currency)
    days = _days(min([*actual, *expected]), max(expected))
    lines: list[tuple[str, str | None, Amounts]] = [(_("Actual"), None, [actual.get(day) for day in days])]
    for name, style, column in (
        (_("Forecast"), "dashed", "amount"),
        (_("Lower bound"), "band_low", "lower_bound"),
        (_("Upper bound"), "band_high", "upper_bound"),
    ):
        lines.append((name, style, [expected[day][column] if day in expected else None for day in days]))
    return _lines(days, lines, currency)


def _bars(x: Sequence[object], series: Iterable[tuple[str, Amounts]], unit: str) -> dict[str, Any] | None:
    parts = [{"name": name, "values": list(map(_plain, amounts))} for name, amounts in series]
    return {"kind": "bars", "stacked": True, "x": list(map(str, x)), "series": parts, "unit": unit} if x else None


def _lines(x: Sequence[date], lines: Iterable[tuple[str, str | None, Amounts]], unit: str) -> dict[str, Any]:
    series = [
        {"name": name, **({"style": style} if style else {}), "values": list(map(_plain, amounts))}
        for name, style, amounts in lines
    ]
    return {"kind": "lines", "x": list(map(str, x)), "series": series, "unit": unit}


def _short(name: str) -> str:
    """What a legend has room for; names that are told apart by their end keep it."""
    return name if len(name) <= _LEGEND else f"…{name[1 - _LEGEND :]}"


def _by_day(days: pl.DataFrame, currency: str) -> Mapping[date, Decimal]:
    return dict(days.filter(pl.col("currency") == currency).select("usage_date", "amount").iter_rows())


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]


def _plain(amount: Decimal | None) -> str | None:
    """Every digit that says something: at least two decimals, no zeros behind them."""
    if amount is None:
        return None
    whole, _point, decimals = f"{amount:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
