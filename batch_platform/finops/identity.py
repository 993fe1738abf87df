"""Whether amortised + true-up + upfront fees = unblended, and what a report cannot prove of it.

The identity holds for an organisation: the account that uses a reservation or savings plan need not be the one that
pays its fees. So it is judged for each payer and currency over the whole report, before any account is left out. A
report of one member account may hold a commitment's usage without its fees, or its fees without all of its usage,
and an export may lack a term's column; such a commitment proves nothing, and what is left must still be whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from batch_platform.core.messages import Message
from batch_platform.finops.columns import CUR_MONEY

# AWS computes each row at ten decimals, so the parts of a commitment may miss its whole by half a digit a row.
TOLERANCE_PER_ROW: Final = Decimal("0.00000000005")


@dataclass(frozen=True)
class Term:
    """A column of the identity: in which type of line item it counts, and what it does there (measures.sql).

    `sign`: +1 is added and -1 subtracted, so without the column, which is never negative, the sum can only be too low
    or too high. 0: without it, the row has no figure to spread it by.
    """

    line_item_type: str
    sign: int


TERMS: Final = {
    "ri_effective_cost": Term("DiscountedUsage", 0),
    "ri_unused_upfront": Term("RIFee", +1),
    "ri_unused_recurring": Term("RIFee", +1),
    "ri_amortized_upfront": Term("RIFee", -1),
    "sp_effective_cost": Term("SavingsPlanCoveredUsage", 0),
    "sp_total_commitment": Term("SavingsPlanRecurringFee", 0),
    "sp_used_commitment": Term("SavingsPlanRecurringFee", -1),
    "sp_amortized_upfront": Term("SavingsPlanRecurringFee", -1),
}

_NAMED_AT_MOST: Final = 3


@dataclass(frozen=True)
class Residual:
    """What amortised + true-up + upfront - unblended comes to in a payer's books; zero where the identity holds."""

    payer_account_id: str
    currency: str
    amount: Decimal
    row_count: int

    @property
    def broken(self) -> bool:
        return abs(self.amount) > self.row_count * TOLERANCE_PER_ROW

    def __str__(self) -> str:
        return f"{self.payer_account_id}: {self.amount:f} {self.currency}"


@dataclass(frozen=True)
class Unproven:
    """Why a commitment's part of the identity cannot be proved: which columns are missing, or what else is."""

    kind: Literal["fees", "columns", "unamortized", "used elsewhere"]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Commitment:
    """What the report holds of one reservation or savings plan (`arn`, blank when its rows name none).

    `usage_rows` are the rows it covers, `fee_rows` those of its fees, `unamortized_rows` those without a figure to
    spread it by. `absent`: terms whose column the files of its rows do not have. `owner_only`: its owner, who is not
    the payer, is the only account in the report.
    """

    payer_account_id: str
    currency: str
    arn: str
    residual: Decimal
    row_count: int
    usage_rows: int
    fee_rows: int
    unamortized_rows: int
    savings_plan: bool
    owner_only: bool
    absent: frozenset[str]

    @property
    def unproven_by(self) -> Unproven | None:
        """Why the report cannot prove this commitment's part of the identity; None when it can, or need not."""
        if abs(self.residual) <= self.row_count * TOLERANCE_PER_ROW:
            return None
        if self.usage_rows and not self.fee_rows:
            return Unproven("fees")
        lacking = sorted(CUR_MONEY[term] for term in self.absent if TERMS[term].sign * self.residual <= 0)
        if lacking:
            return Unproven("columns", tuple(lacking))
        if self.unamortized_rows:
            return Unproven("unamortized")
        # a plan says itself what was used of it; of a reservation it is known only where nobody else is in the report
        used_elsewhere = self.owner_only or (self.savings_plan and not self.usage_rows)
        if self.residual < 0 and self.fee_rows and used_elsewhere:
            return Unproven("used elsewhere")
        return None


@dataclass(frozen=True)
class Identity:
    """The residuals of every payer and currency, and the commitments of those that are not zero."""

    residuals: tuple[Residual, ...] = ()
    commitments: tuple[Commitment, ...] = ()

    @property
    def broken(self) -> tuple[Residual, ...]:
        return tuple(residual for residual in self.residuals if residual.broken)

    def unproven(self) -> list[Message] | None:
        """Why none of the broken residuals proves a wrong cost; None when one of them does."""
        reasons: dict[Unproven, list[str]] = {}
        for residual in self.broken:
            place = (residual.payer_account_id, residual.currency)
            left = residual.amount
            for commitment in self.commitments:
                if (commitment.payer_account_id, commitment.currency) != place:
                    continue
                if (reason := commitment.unproven_by) is not None:
                    left -= commitment.residual
                    reasons.setdefault(reason, []).append(
                        commitment.arn or Message("unnamed-commitment", "an unnamed commitment")
                    )
            if abs(left) > residual.row_count * TOLERANCE_PER_ROW:
                return None
        return [_sentence(reason, arns) for reason, arns in reasons.items()]


def _sentence(reason: Unproven, arns: Sequence[str]) -> Message:
    more = len(arns) - _NAMED_AT_MOST
    named = [*arns[:_NAMED_AT_MOST], *([f"+{more}"] if more > 0 else [])]
    match reason.kind:
        case "fees":
            return Message(
                "identity-no-fees", "the fee rows of {commitments} are not in the report", commitments=named
            )
        case "columns":
            if len(reason.columns) == 1:
                return Message("identity-no-column", "column {column} is missing", column=reason.columns[0])
            return Message("identity-no-columns", "columns {columns} are missing", columns=reason.columns)
        case "unamortized":
            return Message(
                "identity-unamortized", "not all rows of {commitments} carry amortisation figures", commitments=named
            )
        case "used elsewhere":
            return Message(
                "identity-used-elsewhere",
                "usage of {commitments} by other accounts is not in the report",
                commitments=named,
            )
