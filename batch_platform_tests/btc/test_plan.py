"""A plan is the same for the same money in any order, loses nobody, takes nobody below zero and misses no satoshi."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from batch_platform.btc.model import (
    BALANCE_SCHEMA,
    HOUSE,
    PLAN_SCHEMA,
    USER_SCHEMA,
    Exclusion,
    Options,
    Rounding,
    RowState,
    UserStatus,
)
from batch_platform.btc.plan import (
    Bucket,
    Change,
    adjustment,
    canonical_text,
    pending,
    plan_sha256,
    plan_sum,
    reversal,
    summarise,
)
from batch_platform.core.failures import InvalidInput, PermanentFailure

Accounts = dict[str, tuple[str | None, int | None]]
"""user_id -> (status, balance); None where one of the two is missing."""

BTC = 10**8
FIVE = Decimal(5)

statuses = st.sampled_from(["active"] * 5 + ["suspended", "closed", None])
balances = st.none() | st.integers(0, 400) | st.integers(-5, 21_000_000 * BTC)
accounts = st.dictionaries(
    st.text("abcdefあ0123", min_size=1, max_size=4), st.tuples(statuses, balances), max_size=12
)
rates = st.integers(-(10**10) + 1, 10**12).filter(bool).map(lambda units: Decimal(f"{units}e-8"))
roundings = st.sampled_from(list(Rounding))


def frames(people: Accounts) -> tuple[pl.DataFrame, pl.DataFrame]:
    users = [(user, status) for user, (status, _) in people.items() if status is not None]
    held = [(user, balance) for user, (_, balance) in people.items() if balance is not None]
    return (
        pl.DataFrame(users, schema=USER_SCHEMA, orient="row"),
        pl.DataFrame(held, schema=BALANCE_SCHEMA, orient="row"),
    )


def planned(people: Accounts, rate: Decimal = FIVE, **options) -> pl.DataFrame:
    return adjustment(*frames(people), rate=rate, options=Options(**options))


PEOPLE: Accounts = {
    "rich": ("active", 2_099_999_997_690_000),
    "poor": ("active", 1),
    "ten": ("active", 10),
    "thirty": ("active", 30),
    "none": ("active", 0),
    "new": ("active", None),
    "gone": ("closed", 500),
    "held": ("suspended", 0),
    "owes": ("active", -7),
    "lost": (None, 300),
    HOUSE: ("house", -2_099_999_997_690_848),
}


def test_a_plan_reads_like_this():
    plan = planned(PEOPLE)
    assert dict(plan.schema) == PLAN_SCHEMA
    assert [tuple(row) for row in plan.iter_rows()] == [
        ("gone", 500, "0.00000025", 0, 500, "excluded", "inactive"),
        ("held", 0, "0", 0, 0, "excluded", "inactive"),
        ("lost", 300, "0.00000015", 0, 300, "excluded", "inactive"),
        ("new", 0, "0", 0, 0, "excluded", "zero_balance"),
        ("none", 0, "0", 0, 0, "excluded", "zero_balance"),
        ("owes", -7, "-0.0000000035", 0, -7, "excluded", "below_zero"),
        ("poor", 1, "0.0000000005", 0, 1, "skipped_zero", None),
        (
            "rich",
            2_099_999_997_690_000,
            "1049999.998845",
            104_999_999_884_500,
            2_204_999_997_574_500,
            "pending",
            None,
        ),
        ("ten", 10, "0.000000005", 0, 10, "skipped_zero", None),
        ("thirty", 30, "0.000000015", 2, 32, "pending", None),
    ]


def test_the_canonical_text_is_what_is_hashed():
    plan = planned({"b": ("active", 1000), "a": ("closed", 3), "c": ("active", 1)}, Decimal(-3))
    text = "a\t3\t0\t3\texcluded\tinactive\nb\t1000\t-30\t970\tpending\t\nc\t1\t0\t1\tskipped_zero\t\n"
    assert canonical_text(plan) == text
    assert plan_sha256(plan) == sha256(text.encode()).hexdigest()


@given(accounts, rates, roundings)
def test_a_plan_lists_everybody_once_and_takes_nobody_below_zero(people, rate, rounding):
    plan = planned(people, rate, rounding=rounding)
    there = {user for user, (status, balance) in people.items() if (status, balance) != (None, None)}
    assert plan["user_id"].to_list() == sorted(there, key=str.encode)
    for row in plan.iter_rows(named=True):
        status, balance = people[row["user_id"]]
        assert row["balance_before"] == (balance or 0)
        assert row["balance_after"] == row["balance_before"] + row["amount"]
        expected = (
            Exclusion.INACTIVE
            if status != UserStatus.ACTIVE
            else (Exclusion.BELOW_ZERO if balance and balance < 0 else None if balance else Exclusion.ZERO_BALANCE)
        )
        assert row["reason"] == expected
        assert (row["state"] == RowState.EXCLUDED) is (expected is not None)
        assert (row["amount"] != 0) is (row["state"] == RowState.PENDING)
        assert row["balance_after"] >= 0 or row["state"] == RowState.EXCLUDED


@given(accounts, rates, roundings, st.randoms())
def test_the_hash_does_not_see_the_order_of_what_was_read(people, rate, rounding, random):
    users, held = frames(people)
    seed = random.randrange(2**32)
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=seed + i) for i, frame in enumerate((users, held))]
    plan = planned(people, rate, rounding=rounding)
    again = adjustment(*shuffled, rate=rate, options=Options(rounding=rounding))
    assert_frame_equal(plan, again)
    assert plan_sha256(plan) == plan_sha256(again)


@given(accounts.filter(bool), rates, st.data())
def test_the_hash_sees_every_satoshi_and_every_name(people, rate, data):
    plan = planned(people, rate)
    if plan.is_empty():
        return
    place = data.draw(st.integers(0, plan.height - 1))
    column = data.draw(st.sampled_from(["balance_before", "amount", "balance_after"]))
    here = pl.int_range(pl.len()) == place
    by = data.draw(st.sampled_from([1, -1]))
    changed = [
        plan.with_columns(pl.col(column) + here.cast(pl.Int64) * by),
        plan.with_columns(user_id=pl.when(here).then(pl.col("user_id") + "x").otherwise("user_id")),
        plan.with_columns(state=pl.when(here).then(pl.lit("applied")).otherwise("state")),
        plan.with_columns(reason=pl.when(here).then(pl.lit("other")).otherwise("reason")),
        plan.filter(~here),
    ]
    assert len({plan_sha256(each) for each in [plan, *changed]}) == 6


def test_the_hash_of_many_rows_is_that_of_their_one_text():
    people: Accounts = {f"u{n:06}": ("active", n) for n in range(50_001)}
    plan = planned(people)
    assert plan_sha256(plan) == sha256(canonical_text(plan).encode()).hexdigest()


@given(accounts, rates, roundings, st.data())
def test_a_target_total_is_met_to_the_satoshi(people, rate, rounding, data):
    targets = planned(people, rate, rounding=Rounding.TOWARD_ZERO).filter(pl.col("state") != RowState.EXCLUDED)
    exact = [row["balance_before"] * int(rate.scaleb(8)) for row in targets.iter_rows(named=True)]
    least = sum(abs(n) // 10**10 for n in exact)
    most = least + sum(abs(n) % 10**10 > 0 for n in exact)
    sign = -1 if rate < 0 else 1
    total = sign * data.draw(st.integers(least, most))
    plan = planned(people, rate, rounding=rounding, target_total=total)
    assert plan_sum(plan) == total
    assert summarise(plan).amount == total
    assert plan.filter(pl.col("state") != RowState.EXCLUDED)["user_id"].to_list() == targets["user_id"].to_list()
    assert plan.filter((pl.col("balance_after") < 0) & (pl.col("state") != RowState.EXCLUDED)).is_empty()
    for impossible in (sign * (most + 1), sign * (least - 1)):
        with pytest.raises(InvalidInput) as refused:
            planned(people, rate, target_total=impossible)
        assert refused.value.field == "target_total"


def test_equal_remainders_go_by_user_id():
    plan = planned(dict.fromkeys("cab", ("active", 10)), target_total=1)
    assert plan.select("user_id", "amount", "state").rows() == [
        ("a", 1, "pending"),
        ("b", 0, "skipped_zero"),
        ("c", 0, "skipped_zero"),
    ]


@pytest.mark.parametrize("target_total", [None, -15])
def test_a_rate_that_takes_more_than_there_is_takes_nothing(target_total):
    plan = planned({"a": ("active", 10), "b": ("active", 1)}, Decimal("-150"), rounding=Rounding.TOWARD_ZERO)
    assert plan.select("user_id", "amount", "reason").rows() == [("a", 0, "below_zero"), ("b", -1, None)]


def test_with_a_target_total_nobody_could_be_rounded_below_zero():
    plan = planned({"a": ("active", 10), "b": ("active", 1)}, Decimal("-150"), target_total=0)
    assert plan["reason"].to_list() == ["below_zero", "below_zero"]


def test_an_amount_beyond_64_bits_is_refused():
    with pytest.raises(InvalidInput, match="balance of whale than there can be") as refused:
        planned({"whale": ("active", 21_000_000 * BTC), "poor": ("active", 5)}, Decimal(10**9))
    assert refused.value.field == "adjustment_rate"
    assert planned({"poor": ("active", 5)}, Decimal(10**9))["amount"].to_list() == [5 * 10**7]


@pytest.mark.parametrize("where", ["users", "balances"])
def test_a_user_that_is_there_twice_stops_everything(where):
    users, held = frames({"a": ("active", 5), "b": ("active", 5)})
    doubled = {
        "users": (pl.concat([users, users.head(1)]), held),
        "balances": (users, pl.concat([held, held.tail(1)])),
    }
    with pytest.raises(PermanentFailure, match=f"more than once in {where}"):
        adjustment(*doubled[where], rate=FIVE, options=Options())


def test_a_name_that_could_pass_for_two_fields_is_refused():
    with pytest.raises(PermanentFailure, match=r"'a\\t1'"):
        planned({"a\t1": ("active", 5)})


def test_no_users_make_an_empty_plan():
    plan = planned({})
    assert dict(plan.schema) == PLAN_SCHEMA
    assert plan_sha256(plan) == sha256(b"").hexdigest()
    summary = summarise(plan)
    assert (summary.rows, summary.amount, summary.median, summary.top, summary.distribution) == (0, 0, None, (), ())


@given(accounts, rates)
def test_a_reversal_takes_back_exactly_what_was_booked(people, rate):
    users, held = frames(people)
    applied = pending(adjustment(users, held, rate=rate, options=Options())).select("user_id", "amount")
    house = pl.DataFrame({"user_id": [HOUSE], "amount": [-int(applied["amount"].sum())]})
    now = applied.select("user_id", pl.lit(3, dtype=pl.Int64).alias("balance"))
    plan = reversal(pl.concat([house, applied]), now)
    assert dict(plan.schema) == PLAN_SCHEMA
    assert plan.select("user_id", -pl.col("amount")).rows() == applied.rows()
    assert plan["balance_after"].to_list() == [3 - amount for amount in applied["amount"]]
    assert set(plan["state"]) <= {"pending"}
    assert [Decimal(text) for text in plan["amount_exact"]] == [-Decimal(n).scaleb(-8) for n in applied["amount"]]


def test_a_reversal_knows_every_user_once():
    twice = pl.DataFrame({"user_id": ["a", "a"], "amount": [1, 1]})
    with pytest.raises(PermanentFailure, match="more than once in ledger"):
        reversal(twice, pl.DataFrame(schema=BALANCE_SCHEMA))
    once = reversal(twice.head(1), pl.DataFrame(schema=BALANCE_SCHEMA))
    assert once.select("balance_before", "amount", "balance_after", "state").rows() == [(0, -1, -1, "pending")]


def test_a_summary_says_what_people_ask():
    people: Accounts = {**PEOPLE, **{f"u{n:02}": ("active", 1000 + n) for n in range(25)}}
    summary = summarise(planned(people, Decimal(-10)))
    assert summary.rows == 35
    assert summary.targets == 29
    assert summary.counts == {"pending": 28, "skipped_zero": 1, "excluded": 6, "applied": 0, "failed": 0}
    assert summary.excluded == {"inactive": 3, "clock_ahead": 0, "zero_balance": 2, "below_zero": 1}
    per_user = [-100] * 6 + [-101] * 9 + [-102] * 10
    assert summary.amount == sum(per_user) - 209_999_999_769_000 - 3 - 1
    assert summary.balance_before == sum(range(1000, 1025)) + 2_099_999_997_690_000 + 41
    assert summary.balance_after == summary.balance_before + summary.amount
    assert (summary.smallest, summary.largest, summary.median) == (-1, -209_999_999_769_000, -101)
    assert len(summary.top) == 20
    assert summary.top[0] == Change("rich", 2_099_999_997_690_000, -209_999_999_769_000, 1_889_999_997_921_000)
    assert summary.top[1] == Change("u15", 1015, -102, 913)
    assert summary.distribution[0] == Bucket(1, 10, 2, -4)
    assert summary.distribution[1] == Bucket(10, 100, 0, 0)
    assert summary.distribution[2] == Bucket(100, 1000, 25, sum(per_user))
    assert summary.distribution[-1] == Bucket(10**14, 10**15, 1, -209_999_999_769_000)
    assert sum(bucket.users for bucket in summary.distribution) == 28


def test_sums_do_not_wrap_around():
    plan = planned(dict.fromkeys("abcd", ("active", 2**62)), Decimal(50))
    assert summarise(plan).balance_before == 2**64
    assert plan_sum(plan) == 2**63


def test_a_debt_is_not_forgiven_by_a_share_of_it():
    plan = planned({"owes": ("active", -1)}, Decimal(-60))
    assert plan.select("amount", "balance_after", "reason").rows() == [(0, -1, "below_zero")]
