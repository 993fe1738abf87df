"""Due dates and the bank calendar, by days looked up in calendars."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import calc
from batch_platform.staffing.bank_days import Holiday, is_bank_day, moved
from batch_platform.staffing.due_dates import Closing, due_date
from batch_platform.staffing.months import last_day, shifted


def closing(closing: int | str, months: int, day: int | str, holiday: str = "none") -> dict[str, object]:
    return {"kind": "closing", "closing": closing, "months": months, "day": day, "holiday": holiday}


def net_days(days: int, holiday: str = "next") -> dict[str, object]:
    return {"kind": "net_days", "days": days, "holiday": holiday}


DUE = {
    # a Thursday, but banks are closed from 12-31 to 01-03, a Sunday
    "new-year-next": ("2026-11", closing("end", 1, "end", "next"), "2027-01-04"),
    "new-year-previous": ("2026-11", closing("end", 1, "end", "previous"), "2026-12-30"),
    "new-year-none": ("2026-11", closing("end", 1, "end"), "2026-12-31"),
    # 05-02 is a Saturday, then Constitution, Greenery and Children's Day with a substitute on Wednesday
    "golden-week-next": ("2026-03", closing("end", 2, 2, "next"), "2026-05-07"),
    "golden-week-previous": ("2026-03", closing("end", 2, 2, "previous"), "2026-05-01"),
    "february-is-clipped": ("2026-01", closing(31, 1, 31), "2026-02-28"),
    "and-then-moved": ("2026-01", closing(31, 1, 31, "next"), "2026-03-02"),
    "leap-day": ("2024-01", closing("end", 1, 30), "2024-02-29"),
    "closing-30-in-january": ("2026-01", closing(30, 1, "end"), "2026-03-31"),
    "closing-30-in-february": ("2026-02", closing(30, 1, 30), "2026-03-30"),
    "closing-29-in-a-leap-february": ("2024-02", closing(29, 0, 29), "2024-02-29"),
    "closing-28-in-a-leap-february": ("2024-02", closing(28, 0, 28), "2024-03-28"),
    "closing-20-next-month-10": ("2026-12", closing(20, 1, 10), "2027-02-10"),
    "no-months": ("2026-09", closing("end", 0, 10), "2026-09-10"),
    "a-year": ("2026-09", closing("end", 13, 1), "2027-10-01"),
    "net-0-at-new-year": ("2026-12", net_days(0), "2027-01-04"),
    "net-30-previous": ("2026-11", net_days(30, "previous"), "2026-12-30"),
    "net-60": ("2026-09", net_days(60, "none"), "2026-11-30"),
}


@pytest.mark.parametrize("name", DUE)
def test_due_dates(name):
    period, payment, due = DUE[name]
    assert calc.due_date(1, {"period": period, "payment": payment}) == {"due_date": due}


def test_by_default_the_end_of_the_next_month_or_the_bank_day_after():
    assert calc.due_date(1, {"period": "2026-09", "payment": {"kind": "closing"}}) == {"due_date": "2026-11-02"}


BAD = {
    "closing": (closing(0, 1, "end"), "must be a day of the month from 1 to 31, or end"),
    "day": (closing("end", 1, "31"), "must be a day of the month from 1 to 31, or end"),
    "months": (closing("end", -1, "end"), "months: Input should be greater than or equal to 0"),
    "holiday": (net_days(1, "after"), "holiday: Input should be 'next', 'previous' or 'none'"),
    "mixed": ({**net_days(1), "months": 1}, "months: Extra inputs are not permitted"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_terms_name_their_field(name):
    payment, said = BAD[name]
    with pytest.raises(InvalidInput, match="line 2: payment") as failure:
        calc.due_date(2, {"period": "2026-09", "payment": payment})
    assert said in str(failure.value)


def test_bank_days_around_a_new_year():
    closed = [day for day in (date(2025, 12, 29) + timedelta(days=n) for n in range(8)) if not is_bank_day(day)]
    assert closed == [date(2025, 12, 31), *(date(2026, 1, day) for day in (1, 2, 3, 4))]


@given(day=st.dates(date(2020, 1, 1), date(2060, 1, 1)))
def test_a_date_moves_to_the_nearest_bank_day(day):
    later, earlier = moved(day, Holiday.NEXT), moved(day, Holiday.PREVIOUS)
    assert earlier <= day <= later
    assert is_bank_day(later)
    assert is_bank_day(earlier)
    between = (earlier + timedelta(days=n) for n in range(1, (later - earlier).days))
    assert not any(map(is_bank_day, between))


@given(
    month=st.dates(date(2020, 1, 1), date(2060, 1, 1)).map(lambda day: day.replace(day=1)),
    closing=st.integers(1, 31) | st.just("end"),
    months=st.integers(0, 24),
)
def test_what_is_due_at_the_end_is_due_after_the_first_closing_day(month, closing, months):
    payment = Closing(closing=closing, months=months, day="end", holiday=Holiday.NONE)
    of_this_month = closing == "end" or closing >= last_day(month).day
    assert due_date(payment, month) == last_day(shifted(month, months if of_this_month else months + 1))
