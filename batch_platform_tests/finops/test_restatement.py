"""Restatement: exactly the groups that changed, with both sides."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from batch_platform.finops.model import MONEY
from batch_platform.finops.restatement import KEYS, RESTATED_MEASURES, difference

SCHEMA = {
    "usage_date": pl.Date,
    **dict.fromkeys(KEYS, pl.String),
    **dict.fromkeys(RESTATED_MEASURES, MONEY),
}
SIDES = (("before", "after"), ("after", "before"))
money = st.decimals(min_value=-1000, max_value=1000, places=12)
row = st.tuples(
    st.dates(date(2026, 10, 1), date(2026, 10, 3)),
    st.sampled_from(["000000000001", "000000000002"]),
    st.sampled_from(["AmazonEC2", "AmazonS3"]),
    st.sampled_from(["usage", "credit"]),
    st.sampled_from(["USD", "JPY"]),
    money,
    money,
    money,
)
rows_strategy = st.lists(row, max_size=12)


def frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def line(service: str, *measures: str, charge_class: str = "usage", day: int = 1) -> tuple[object, ...]:
    amounts = [Decimal(measure) for measure in measures]
    return (date(2026, 10, day), "000000000001", service, charge_class, "USD", *amounts)


def test_names_the_groups_that_changed_came_or_went():
    before = frame([line("a", "1", "1", "1"), line("b", "2", "2", "2"), line("c", "3", "3", "3")])
    after = frame([line("a", "1", "1", "1"), line("b", "2", "2.5", "2"), line("d", "4", "5", "6")])
    found = difference(before, after)
    assert found.columns == [
        *KEYS,
        "unblended_before",
        "unblended_after",
        "amortized_before",
        "amortized_after",
        "net_unblended_before",
        "net_unblended_after",
    ]
    assert found.drop("usage_account_id", "charge_class", "currency").rows() == [
        ("b", 2, 2, 2, Decimal("2.5"), 2, 2),
        ("c", 3, 0, 3, 0, 3, 0),
        ("d", 0, 4, 0, 5, 0, 6),
    ]


def test_money_moved_between_days_is_no_difference_between_classes_it_is():
    before = frame([line("a", "1", "1", "1", day=1)])
    assert difference(before, frame([line("a", "1", "1", "1", day=2)])).is_empty()
    assert difference(before, frame([line("a", "1", "1", "1", charge_class="credit")])).height == 2


def test_the_last_digit_is_a_difference():
    before = frame([line("a", "1", "1", "1")])
    assert difference(before, frame([line("a", "1", "1", "1.000000000001")])).height == 1


@given(rows_strategy)
@settings(max_examples=50)
def test_a_version_does_not_differ_from_itself(rows: list[tuple[object, ...]]):
    assert difference(frame(rows), frame(rows[::-1])).is_empty()


@given(rows_strategy, rows_strategy)
@settings(max_examples=50)
def test_swapping_the_versions_swaps_the_sides(before: list[tuple[object, ...]], after: list[tuple[object, ...]]):
    forth, back = difference(frame(before), frame(after)), difference(frame(after), frame(before))
    swapped = {f"{name}_{side}": f"{name}_{other}" for name in RESTATED_MEASURES for side, other in SIDES}
    assert_frame_equal(back.rename(swapped).select(forth.columns), forth)


@given(rows_strategy, rows_strategy)
@settings(max_examples=50)
def test_the_differences_add_up_to_the_change_of_the_month(
    before: list[tuple[object, ...]], after: list[tuple[object, ...]]
):
    found = difference(frame(before), frame(after))
    for name in RESTATED_MEASURES:
        change = frame(after)[name].sum() - frame(before)[name].sum()
        assert (found[f"{name}_after"] - found[f"{name}_before"]).sum() == change
