"""Anomalies: planted ones are found, steady and weekly series are left alone, the arithmetic is exact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.anomalies import MINIMUM_CHANGE, SCHEMA, detect, usage_daily
from batch_platform.finops.model import MEASURES, MONEY

START = date(2026, 10, 1)
DAILY_SCHEMA = {"usage_date": pl.Date, "service": pl.String, "currency": pl.String, "amount": MONEY}


def series(
    amounts: Sequence[object], *, service: str = "AmazonEC2", currency: str = "USD", start: date = START
) -> pl.DataFrame:
    """One row per day from `start`; None leaves a day out."""
    rows = [
        (start + timedelta(day), service, currency, Decimal(str(amount)))
        for day, amount in enumerate(amounts)
        if amount is not None
    ]
    return pl.DataFrame(rows, schema=DAILY_SCHEMA, orient="row")


amounts_strategy = st.lists(st.decimals(min_value=0, max_value=1000, places=4), min_size=8, max_size=40)


def test_explains_a_spike_in_figures_worked_out_by_hand():
    # Median 10, deviations 1 0 1 0 2 1 0 -> MAD 1: score = (30 - 10) / 1.4826 = 13.4898...
    found = detect(series([9, 10, 11, 10, 12, 9, 10, 30]))
    assert found.rows(named=True) == [
        {
            "usage_date": date(2026, 10, 8),
            "service": "AmazonEC2",
            "currency": "USD",
            "amount": Decimal(30),
            "expected": Decimal(10),
            "deviation": Decimal(20),
            "score": Decimal("13.4898"),
            "direction": "spike",
            "explanation": "AmazonEC2 cost 30.00 USD on 2026-10-08 against a median of 10.00 USD "
            "over the preceding 7 days (score 13.5)",
        }
    ]
    assert found.schema == pl.Schema(SCHEMA)


def test_the_threshold_is_exact_and_itself_no_anomaly():
    history = [9, 10, 11, 10, 12, 9, 10]
    limit = Decimal("3.5") * Decimal("1.4826")
    assert detect(series([*history, 10 + limit])).is_empty()
    assert detect(series([*history, 10 + limit + Decimal("0.000000000001")])).height == 1


def test_a_service_that_stops_is_a_drop():
    stopped = pl.concat([series([100] * 10), series([1] * 11, service="AmazonS3")])
    found = detect(stopped)
    assert found.select("service", "usage_date", "amount", "deviation", "direction").rows() == [
        ("AmazonEC2", date(2026, 10, 11), Decimal(0), Decimal(-100), "drop")
    ]


def test_days_without_a_row_count_as_zero_and_days_before_the_first_do_not():
    assert detect(series([50, None, None, None, None, None, None, 50]))["expected"].to_list() == [0]
    assert detect(series([50, None, None, None, None, None, 50])).is_empty()


def test_judges_no_day_before_seven_days_of_history():
    assert detect(series([10] * 6 + [500])).is_empty()
    assert detect(series([10] * 7 + [500])).height == 1


def test_only_the_28_preceding_days_count():
    old_level_then_new = series([1000] * 28 + [10] * 28 + [12])
    last = START + timedelta(56)
    assert detect(old_level_then_new, first=last)["expected"].to_list() == [10]


def test_small_changes_of_a_steady_service_are_dust():
    assert detect(series([3] * 20 + [4])).is_empty(), "a change of MINIMUM_CHANGE"
    assert detect(series([3] * 20 + ["4.01"])).height == 1
    assert detect(series([1000] * 20 + [1100])).is_empty(), "a change of a tenth"
    assert detect(series([1000] * 20 + ["1100.01"])).height == 1


def test_a_weekly_rhythm_is_no_anomaly_but_a_busy_weekend_is():
    weeks = [100, 100, 100, 100, 100, 10, 10] * 5
    start = date(2026, 9, 7)  # a Monday
    judged_from = start + timedelta(28)
    assert detect(series(weeks, start=start), first=judged_from).is_empty()
    busy = [*weeks[:33], 60, 10]
    found = detect(series(busy, start=start), first=judged_from)
    assert found["usage_date"].to_list() == [start + timedelta(33)]


def test_first_and_last_limit_the_days_judged():
    daily = series([10] * 10 + [500] + [10] * 5 + [700])
    assert detect(daily)["usage_date"].dt.day().to_list() == [11, 17]
    assert detect(daily, first=date(2026, 10, 12))["usage_date"].dt.day().to_list() == [17]
    assert detect(daily, last=date(2026, 10, 16))["usage_date"].dt.day().to_list() == [11]


def test_series_are_kept_apart_by_currency():
    daily = pl.concat([series([10] * 9), series([900] * 9, currency="JPY")])
    assert detect(daily).is_empty()


def test_no_rows_give_no_anomalies():
    assert_frame_equal(detect(series([])), pl.DataFrame(schema=SCHEMA))


def test_refuses_a_minimum_change_of_zero():
    with pytest.raises(InvalidInput, match="positive") as failure:
        detect(series([1]), minimum_change=Decimal(0))
    assert failure.value.field == "minimum_change"


@given(amounts_strategy)
@settings(max_examples=50)
def test_expected_is_the_median_of_the_preceding_days(amounts: list[Decimal]):
    for row in detect(series(amounts)).rows(named=True):
        day = (row["usage_date"] - START).days
        before = amounts[max(0, day - 28) : day]
        exact = median(before)
        mad = median(abs(amount - exact) for amount in before)
        limit = max(Decimal("5.1891") * mad, MINIMUM_CHANGE, exact / 10)
        assert row["expected"] == exact
        assert row["deviation"] == amounts[day] - exact
        assert abs(amounts[day] - exact) > limit
        assert abs(row["score"] - Decimal("3.5") * abs(amounts[day] - exact) / limit) <= Decimal("0.00005")


@given(amounts_strategy, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rows_does_not_matter(amounts: list[Decimal], random):
    daily = pl.concat([series(amounts), series(amounts[::-1], service="AmazonS3")])
    order = list(range(daily.height))
    random.shuffle(order)
    assert_frame_equal(detect(daily[order]), detect(daily))


@given(amounts_strategy, st.integers(2, 1000))
@settings(max_examples=50)
def test_another_unit_of_money_changes_no_verdict(amounts: list[Decimal], factor: int):
    plain = detect(series(amounts))
    scaled = detect(series([amount * factor for amount in amounts]), minimum_change=MINIMUM_CHANGE * factor)
    keys = ["usage_date", "service", "direction", "score"]
    assert_frame_equal(scaled.select(keys), plain.select(keys))
    assert scaled["deviation"].to_list() == [value * factor for value in plain["deviation"].to_list()]


@given(st.lists(st.integers(95, 105), min_size=10, max_size=40), st.data())
@settings(max_examples=50)
def test_a_planted_spike_is_found(amounts: list[int], data: st.DataObject):
    day = data.draw(st.integers(7, len(amounts) - 1))
    planted = [*amounts[:day], 1000, *amounts[day + 1 :]]
    spikes = detect(series(planted)).filter(pl.col("direction") == "spike")
    assert START + timedelta(day) in spikes["usage_date"].to_list()


@given(st.decimals(min_value=-1000, max_value=100_000, places=12), st.integers(1, 60))
@settings(max_examples=50)
def test_a_constant_series_has_no_anomaly(amount: Decimal, days: int):
    assert detect(series([amount] * days)).is_empty()


def test_usage_daily_sums_the_measure_without_one_off_charges():
    classes = ["usage", "discount", "unknown", "commitment_fee", "fee", "refund", "credit", "tax"]
    summary = pl.DataFrame(
        {
            "usage_date": [START] * len(classes),
            "service": "AmazonEC2",
            "currency": "USD",
            "charge_class": classes,
            "amortized": [Decimal(10) ** power for power in range(len(classes))],
        },
        schema_overrides={"amortized": MONEY},
    )
    assert usage_daily(summary, "amortized").rows() == [(START, "AmazonEC2", "USD", Decimal(111))]


def test_usage_daily_names_the_measures_it_knows():
    with pytest.raises(InvalidInput, match=", ".join(MEASURES)) as failure:
        usage_daily(pl.DataFrame(), "cost")
    assert failure.value.field == "measure"
