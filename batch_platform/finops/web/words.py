"""The words of states and measures, and amounts of tables: two decimals, half-even; exports hold every digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import polars as pl

from batch_platform.finops.budgets import share_of
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _

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


def short_arn(arn: str) -> str:
    """The name at its end."""
    return arn.rpartition("/")[2] or arn


def currencies(frame: pl.DataFrame) -> Sequence[str]:
    return frame["currency"].unique().sort().to_list()


SHARED: Final[Mapping[str, Any]] = {
    "measures": MEASURES,
    "groups": GROUPS,
    "charge_classes": CHARGE_CLASSES,
    "month_states": MONTH_STATES,
    "restatement_reasons": RESTATEMENT_REASONS,
    "file_states": FILE_STATES,
    "budget_states": BUDGET_STATES,
    "directions": DIRECTIONS,
    "cents": cents,
    "percent": percent,
    "named": named,
    "named_states": named_states,
    "zipped": zipped,
}
"""What every template of finops knows."""
