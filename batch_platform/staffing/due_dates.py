"""When invoices are issued and due (支払条件).

An invoice of a month is issued on the 1st after it, however late it is made, and due

- `closing`: at the closing day that is the first not before the month's last, then so many months on, at the payment
  day of that month (20日締め翌月20日払い: closing 20, months 1, day 20),
- `net_days`: so many days after it is issued.

A day that a month does not have is its last. What falls on no bank day then goes to the next or previous one, or
stays. With 0 months the payment day may lie before the closing day, even before the issue: terms are taken as agreed.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from batch_platform.core.json_lines import Strict
from batch_platform.core.messages import Message
from batch_platform.staffing.bank_days import Holiday, moved
from batch_platform.staffing.months import clipped, last_day, shifted


def _day_of_month(value: object) -> object:
    if value == "end" or (type(value) is int and 1 <= value <= 31):
        return value
    raise ValueError(Message("day-of-month", "must be a day of the month from 1 to 31, or end"))


DayOfMonth = Annotated[int | Literal["end"], BeforeValidator(_day_of_month)]
MovedTo = Annotated[Holiday, Field(strict=False)]


class Closing(Strict):
    """Paid at a day of a month after the closing day; by default 月末締め翌月末払い."""

    kind: Literal["closing"] = "closing"
    closing: DayOfMonth = "end"
    months: Annotated[int, Field(ge=0, le=120)] = 1
    day: DayOfMonth = "end"
    holiday: MovedTo = Holiday.NEXT


class NetDays(Strict):
    """Paid so many days after the issue."""

    kind: Literal["net_days"]
    days: Annotated[int, Field(ge=0, le=3_660)]
    holiday: MovedTo = Holiday.NEXT


Payment = Annotated[Closing | NetDays, Field(discriminator="kind")]
DEFAULT: Final = Closing()


def issue_date(month: date) -> date:
    """The 1st after the billed month."""
    return shifted(month, 1)


def due_date(payment: Closing | NetDays, month: date) -> date:
    """When what was billed for a month is to be paid."""
    if isinstance(payment, NetDays):
        return moved(issue_date(month) + timedelta(days=payment.days), payment.holiday)
    closing_month = month if _day(month, payment.closing) == last_day(month) else shifted(month, 1)
    return moved(_day(shifted(closing_month, payment.months), payment.day), payment.holiday)


def _day(month: date, day: DayOfMonth) -> date:
    return last_day(month) if day == "end" else clipped(month, day)
