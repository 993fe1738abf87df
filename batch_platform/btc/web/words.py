"""What the console shows of batches: words of states and checks, amounts and rates as people read them, the plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.money import rate_text, to_btc
from batch_platform.btc.plan import Bucket, Summary
from batch_platform.web.console import Words
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _

STATUSES: Final[Words] = {
    "pending": (N_("Being prepared"), "neutral"),
    "planned": (N_("Planned"), "warning"),
    "processing": (N_("Processing"), "busy"),
    "completed": (N_("Completed"), "good"),
    "completed_with_failures": (N_("Failed in part"), "warning"),
    "failed": (N_("Failed"), "bad"),
    "cancelled": (N_("Cancelled"), "neutral"),
}
ROW_STATES: Final[Words] = {
    "applied": (N_("Booked"), "good"),
    "failed": (N_("Failed"), "bad"),
}
EXCLUSIONS: Final[Mapping[str, str]] = {
    "inactive": N_("Suspended or closed"),
    "clock_ahead": N_("Newest row lies in the future"),
    "zero_balance": N_("Balance is zero"),
    "below_zero": N_("Would go below zero"),
}
FAILURES: Final[Mapping[str, str]] = {
    "below_zero": N_("The balance no longer suffices"),
    "no_balance": N_("There is no balance"),
}
"""Why a user's row was not booked."""
ROUNDINGS: Final[Mapping[str, str]] = {
    "half_even": N_("Half to even"),
    "half_up": N_("Half up"),
    "toward_zero": N_("Toward zero"),
}
CHECKS: Final[Mapping[str, tuple[str, str]]] = {
    "hash_equal": (N_("Hash"), N_("The stored plan is the one that was sealed.")),
    "counters": (N_("Counters"), N_("Every target is in exactly one state, and the counters say so.")),
    "each_user_once": (N_("Each user once"), N_("Nobody was booked twice, nobody was left out.")),
    "amounts_equal": (N_("Amounts"), N_("What was booked is what was sealed.")),
    "zero_sum": (N_("Zero sum"), N_("The house took the opposite of what the users got.")),
    "no_negative": (N_("No negative balance"), N_("No target is planned below zero.")),
    "satoshi": (N_("To the satoshi"), N_("Every amount is the exact one, rounded by the rule of the batch.")),
    "negates": (N_("Reversed row by row"), N_("Each user gives back what the batch had booked.")),
    "nothing_booked": (N_("Nothing booked"), N_("A batch that never began has no row in the ledger.")),
    "balances_equal": (N_("Balances"), N_("Every balance is the sum of its ledger rows.")),
}
"""Name and meaning of each check of a proof."""

SHORT_ID: Final = 13
_HUNDREDTH: Final = Decimal("0.01")


@dataclass(frozen=True)
class Figures:
    """What is shown before anybody says yes, and sent back with the answer: count, sum (satoshi) and hash."""

    rate: Decimal
    count: int
    amount: int
    plan_sha256: str
    summary: Summary


def rate(percent: Decimal) -> str:
    """`+5%`: a rate with its sign."""
    return f"{'+' if percent > 0 else ''}{rate_text(percent)}%"


def signed(satoshi: int) -> str:
    """BTC with 8 decimals, grouped, with its sign."""
    return f"{to_btc(satoshi):{'+' if satoshi else ''},f}"


def short_id(batch_id: str) -> str:
    """The moment in a batch's id: no two batches begin in the same millisecond, since one is open at a time."""
    return batch_id[:SHORT_ID]


def total(batch: Batch) -> int | None:
    """What a batch has booked by now, or will book; None before its seal."""
    going = batch.status is BatchStatus.PROCESSING
    return batch.plan_sum if batch.applied_sum is None or going else batch.applied_sum


def taken_back(batch: Batch, others: Mapping[str, Batch]) -> str | None:
    """How far a batch is taken back by one of the `others`, as a msgid; None where nobody has begun to."""
    if batch.reversed_by is None:
        return None
    back = others.get(batch.reversed_by)
    if back is None or back.status is BatchStatus.COMPLETED:
        return N_("Taken back")
    if back.status is BatchStatus.COMPLETED_WITH_FAILURES:
        return N_("Taken back in part")
    return N_("Its reversal is not finished")


def share(part: int, whole: int) -> str:
    """`12.34%` of a whole, halves to even; never 100% of what is not all; a dash of nothing."""
    if not whole:
        return "–"
    percent = (Decimal(part) * 100 / Decimal(whole)).quantize(_HUNDREDTH)
    return ">99.99%" if percent == 100 and part != whole else f"{percent:,f}%"


def distribution(buckets: Sequence[Bucket]) -> dict[str, Any]:
    """The chart of users by the size of their amounts in BTC, a bar for each decade."""
    return {
        "kind": "bars",
        "x": [f"{to_btc(bucket.lower).normalize():,f}–" for bucket in buckets],
        "series": [{"name": _("Users"), "values": [str(bucket.users) for bucket in buckets]}],
    }
