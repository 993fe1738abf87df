"""What the console shows of costs: chart specs and tables, with the words of states and measures.

Charts carry every digit; tables show two decimals, half-even, of amounts whose every digit the exports hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import polars as pl

from batch_platform.finops.budgets import share_of
from batch_platform.finops.service import Insight
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _

TOP: Final = 8
"""Services with a colour of their own; more cannot be told apart."""

_CENT: Final = Decimal("0.01")
_HUNDRED: Final = Decimal(100)

MEASURES: Final[Mapping[str, str]] = {
    "unblended": N_("Unblended cost"),
    "amortized": N_("Amortized cost"),
    "net_unblended": N_("Net unblended cost"),
    "net_amortized": N_("Net amortized cost"),
    "billed": N_("Billed cost"),
    "list": N_("List cost"),
}
GROUPS: Final[Mapping[str, str]] = {
    "service": N_("Service"),
    "account": N_("Account"),
    "region": N_("Region"),
    "charge_class": N_("Charge type"),
    "day": N_("Day"),
}
CHARGE_CLASSES: Final[Mapping[str, str]] = {
    "usage": N_("Usage"),
    "commitment_fee": N_("Commitment fee"),
    "fee": N_("Fee"),
    "refund": N_("Refund"),
    "credit": N_("Credit"),
    "tax": N_("Tax"),
    "discount": N_("Discount"),
    "unknown": N_("Unknown"),
}
RESTATEMENT_REASONS: Final[Mapping[str, str]] = {
    "redelivered": N_("delivered again by AWS"),
    "connection_changed": N_("connection changed"),
}
# label and tone of badges
MONTH_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "open": (N_("In progress"), "busy"),
    "closing": (N_("Closing"), "warning"),
    "final": (N_("Final"), "good"),
    "restated": (N_("Restated"), "warning"),
}
FILE_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "PENDING": (N_("Waiting to be read"), "neutral"),
    "PROCESSING": (N_("Being read"), "busy"),
    "DONE": (N_("Read"), "good"),
    "ERROR": (N_("In error"), "bad"),
    "SUPERSEDED": (N_("Superseded"), "neutral"),
}
BUDGET_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "ok": (N_("Within budget"), "good"),
    "at_risk": (N_("At risk"), "warning"),
    "exceeded": (N_("Exceeded"), "bad"),
}
DIRECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "spike": (N_("Spike"), "bad"),
    "drop": (N_("Drop"), "warning"),
}


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)


def percent(share: Decimal) -> Decimal:
    """A ratio of four decimals as per cent of two."""
    return (share * _HUNDRED).quantize(_CENT)


def zipped(keys: Sequence[str], texts: Sequence[str]) -> list[tuple[str, str]]:
    """Options of a select."""
    return list(zip(keys, texts, strict=True))


def named(words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Options of a select, in the visitor's language."""
    return [(key, _(label)) for key, label in words.items()]


def named_states(states: Mapping[str, tuple[str, str]], counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """As `named`, with how many there are of each."""
    return [(key, f"{_(label)} ({counts.get(key, 0):,})") for key, (label, _tone) in states.items()]


def share_in_percent(amount: Decimal, total: Decimal) -> Decimal | None:
    """None of a total of zero."""
    return percent(share_of(amount, total)) if total else None


def anomaly_chart(insight: Insight, *, currency: str) -> dict[str, Any] | None:
    """The month's days, those with an anomaly marked; None without costs."""
    totals = _by_day(insight.daily, currency)
    if not totals:
        return None
    flagged = set(insight.rows.filter(pl.col("currency") == currency)["usage_date"])
    days = _days(min(totals), max(totals))
    return {
        "kind": "lines",
        "x": [str(day) for day in days],
        "series": [
            {"name": _("Cost per day"), "values": [plain(totals.get(day)) for day in days]},
            {
                "name": _("Anomaly"),
                "style": "points",
                "values": [plain(totals.get(day)) if day in flagged else None for day in days],
            },
        ],
        "unit": currency,
    }


def forecast_chart(insight: Insight, *, currency: str) -> dict[str, Any] | None:
    """The days that were seen, then those expected with their band; None without a forecast."""
    expected = {row["target_date"]: row for row in insight.rows.filter(pl.col("currency") == currency).to_dicts()}
    if not expected:
        return None
    actual = _by_day(insight.daily, currency)
    days = _days(min([*actual, *expected]), max(expected))

    def of(name: str) -> list[str | None]:
        return [plain(expected[day][name]) if day in expected else None for day in days]

    return {
        "kind": "lines",
        "x": [str(day) for day in days],
        "series": [
            {"name": _("Actual"), "values": [plain(actual.get(day)) for day in days]},
            {"name": _("Forecast"), "style": "dashed", "values": of("amount")},
            {"name": _("Lower bound"), "style": "band_low", "values": of("lower_bound")},
            {"name": _("Upper bound"), "style": "band_high", "values": of("upper_bound")},
        ],
        "unit": currency,
    }


def restated_months(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Restatements summed: one row a month, delivery and currency, newest first."""
    if rows.is_empty():
        return []
    return (
        rows.group_by("billing_month", "from_version", "to_version", "detected_at", "reason", "currency")
        .agg(
            pl.len().alias("groups"),
            pl.col("unblended_before").sum().alias("before"),
            pl.col("unblended_after").sum().alias("after"),
        )
        .with_columns(difference=pl.col("after") - pl.col("before"))
        .sort("detected_at", "billing_month", "currency", descending=[True, True, False])
        .to_dicts()
    )


def currencies(frame: pl.DataFrame) -> Sequence[str]:
    return frame["currency"].unique().sort().to_list()


def _by_day(daily: pl.DataFrame, currency: str) -> dict[date, Decimal]:
    rows = daily.filter(pl.col("currency") == currency).select("usage_date", "amount")
    return dict(rows.iter_rows())


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]


def plain(amount: Decimal | None) -> str | None:
    """Every digit that says something: at least two decimals, no zeros behind them."""
    if amount is None:
        return None
    whole, _point, decimals = f"{amount:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
