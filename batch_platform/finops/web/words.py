"""The words of states and measures, and amounts of tables: two decimals, half-even; exports hold every digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import polars as pl

from batch_platform.finops.budgets import share_of
from batch_platform.web.console import Words
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
MONTH_STATES: Final[Words] = {
    "open": (N_("In progress"), "busy"),
    "closing": (N_("Closing"), "warning"),
    "final": (N_("Final"), "good"),
    "restated": (N_("Restated"), "warning"),
}
FILE_STATES: Final[Words] = {
    "PENDING": (N_("Waiting to be read"), "neutral"),
    "PROCESSING": (N_("Being read"), "busy"),
    "DONE": (N_("Read"), "good"),
    "ERROR": (N_("In error"), "bad"),
    "SUPERSEDED": (N_("Superseded"), "neutral"),
}
BUDGET_STATES: Final[Words] = {
    "ok": (N_("Within budget"), "good"),
    "at_risk": (N_("At risk"), "warning"),
    "exceeded": (N_("Exceeded"), "bad"),
}
DIRECTIONS: Final[Words] = {
    "spike": (N_("Spike"), "bad"),
    "drop": (N_("Drop"), "warning"),
}


def percent(share: Decimal) -> Decimal:
    """A ratio of four decimals as per cent of two."""
    return (share * _HUNDRED).quantize(_CENT)


def named_states(states: Words, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Options of a select, with how many there are of each."""
    return [(key, f"{_(label)} ({counts.get(key, 0):,})") for key, (label, _tone) in states.items()]


def share_in_percent(amount: Decimal, total: Decimal) -> Decimal | None:
    """None of a total of zero."""
    return percent(share_of(amount, total)) if total else None


def short_arn(arn: str) -> str:
    """The name at its end."""
    return arn.rpartition("/")[2] or arn


def currencies(frame: pl.DataFrame) -> Sequence[str]:
    return frame["currency"].unique().sort().to_list()
