"""A proof holds for what was booked as sealed, and each way of booking something else fails the check of its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.btc.model import (
    BALANCE_SCHEMA,
    HOUSE,
    LEDGER_SCHEMA,
    USER_SCHEMA,
    Batch,
    BatchStatus,
    Counters,
    Options,
    Rounding,
)
from batch_platform.btc.plan import adjustment, pending, plan_sha256, plan_sum, reversal
from batch_platform.btc.proof import Difference, Proof, applied_sum, balances_equal, prove, recount

RATE = Decimal("2.5")
HELD = {"a": 1000, "b": 61, "c": 1, "d": 0, "e": 2_099_999_997_690_000, "f": 20}
"""f's exact amount is half a satoshi, c's and d's are nothing."""
NAMES = ("hash_equal", "counters", "each_user_once", "amounts_equal", "zero_sum", "no_negative", "satoshi")


def plan_of(held: dict[str, int], rate: Decimal = RATE, **options) -> pl.DataFrame:
    users = pl.DataFrame({"user_id": list(held), "status": ["active"] * len(held)}, schema=USER_SCHEMA)
    balances = pl.DataFrame({"user_id": list(held), "balance": list(held.values())}, schema=BALANCE_SCHEMA)
    return adjustment(users, balances, rate=rate, options=Options(**options))


def with_house(rows: pl.DataFrame) -> pl.DataFrame:
    house = pl.DataFrame([(HOUSE, -int(rows["amount"].sum()), "applied", None)], schema=LEDGER_SCHEMA, orient="row")
    return pl.concat([rows, house])


def booked(plan: pl.DataFrame, *, failed: tuple[str, ...] = ()) -> pl.DataFrame:
    """The ledger of a plan that was applied, some users failing."""
    fails = pl.col("user_id").is_in(failed)
    return with_house(
        pending(plan).select(
            "user_id",
            amount=pl.when(fails).then(0).otherwise("amount").cast(pl.Int64),
            state=pl.when(fails).then(pl.lit("failed")).otherwise(pl.lit("applied")),
            reason=pl.when(fails).then(pl.lit("below zero")),
        )
    )


def batch_of(plan: pl.DataFrame, ledger: pl.DataFrame, **values) -> Batch:
    counters = recount(plan, ledger)
    batch = Batch(
        "b",
        RATE,
        status=BatchStatus.PROCESSING,
        created_by="admin",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        target_user_count=counters.target,
        processed_user_count=counters.applied,
        failed_user_count=counters.failed,
        skipped_zero_count=counters.skipped_zero,
        excluded_count=counters.excluded,
        plan_sha256=plan_sha256(plan),
        plan_sum=plan_sum(plan),
        plan_rows=plan.height,
        applied_sum=applied_sum(ledger),
    )
    return replace(batch, **values)


def broken(proof: Proof) -> set[str]:
    for check in proof.checks:
        assert len(check.differences) == min(check.difference_count, 20)
        assert not (check.ok and check.differences)
        if check.ok and check.name in ("hash_equal", "zero_sum"):
            assert check.expected == check.found
    assert proof.ok is (not proof.failed)
    return {check.name for check in proof.failed}


def differences(proof: Proof, name: str) -> tuple[Difference, ...]:
    [check] = [check for check in proof.checks if check.name == name]
    return check.differences


PLAN = plan_of(HELD)
LEDGER = booked(PLAN)
BATCH = batch_of(PLAN, LEDGER)


def change(frame: pl.DataFrame, user: str, **values) -> pl.DataFrame:
    mine = pl.col("user_id") == user
    return frame.with_columns(
        pl.when(mine).then(pl.lit(value)).otherwise(name).cast(frame.schema[name]).alias(name)
        for name, value in values.items()
    )


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 10**15), max_size=10),
    st.integers(-(10**10) + 1, 10**11).filter(bool).map(lambda units: Decimal(f"{units}e-8")),
    st.sampled_from(list(Rounding)),
    st.data(),
)
def test_what_was_booked_as_planned_is_proved(held, rate, rounding, data):
    plan = plan_of(held, rate, rounding=rounding)
    users = pending(plan)["user_id"].to_list()
    failed = tuple(data.draw(st.sets(st.sampled_from(users)))) if users else ()
    ledger = booked(plan, failed=failed).sample(fraction=1, shuffle=True, seed=1)
    batch = batch_of(plan, ledger, adjustment_rate=rate, rounding=rounding)
    proof = prove(batch, plan, ledger)
    assert broken(proof) == set()
    assert tuple(check.name for check in proof.checks) == NAMES
    assert proof.counters.hold
    assert proof.counters == batch.counters
    assert (proof.counters.failed, proof.counters.pending) == (len(failed), 0)
    assert proof.applied_sum == sum(
        n for user, n in pending(plan).select("user_id", "amount").rows() if user not in failed
    )

    assert {check.expected == check.found for check in proof.checks if check.name == "counters"} == {True}

    # at any moment before: some rows, perhaps no house yet, counters at their start
    some = ledger.filter(pl.col("user_id") != HOUSE).head(data.draw(st.integers(0, ledger.height)))
    before = replace(batch, processed_user_count=0, failed_user_count=0)
    partial = prove(before, plan, some, finished=False)
    assert broken(partial) == set()
    assert partial.counters.hold
    assert partial.counters.pending == ledger.height - 1 - some.height


def test_counters_are_recounted_from_rows():
    ledger = booked(PLAN, failed=("b",))
    assert recount(PLAN, ledger) == Counters(target=5, applied=2, skipped_zero=2, failed=1, pending=0, excluded=1)
    assert recount(PLAN, ledger.clear()) == Counters(5, 0, 2, 0, 3, 1)
    assert recount(PLAN, pl.concat([ledger, ledger])) == recount(PLAN, ledger)


def test_another_plan_than_the_sealed_one_is_seen():
    assert broken(prove(replace(BATCH, plan_sha256="0" * 64), PLAN, LEDGER)) == {"hash_equal"}
    assert broken(prove(replace(BATCH, plan_rows=7), PLAN, LEDGER)) == {"hash_equal"}
    assert "hash_equal" in broken(prove(BATCH, change(PLAN, "a", amount=26, balance_after=1026), LEDGER))


@pytest.mark.parametrize(
    "counter",
    ["target_user_count", "processed_user_count", "failed_user_count", "skipped_zero_count", "excluded_count"],
)
@pytest.mark.parametrize("by", [1, -1])
def test_each_counter_is_compared(counter, by):
    batch = replace(BATCH, **{counter: getattr(BATCH, counter) + by})
    assert broken(prove(batch, PLAN, LEDGER)) == {"counters"}


def test_counters_may_lag_but_not_lead_while_it_runs():
    rows = LEDGER.filter(pl.col("user_id") != HOUSE).head(1)
    assert broken(prove(replace(BATCH, processed_user_count=0), PLAN, rows, finished=False)) == set()
    assert broken(prove(replace(BATCH, processed_user_count=2), PLAN, rows, finished=False)) == {"counters"}


def test_a_missing_row_is_seen_at_the_end():
    rows = with_house(LEDGER.filter(~pl.col("user_id").is_in(["a", HOUSE])))
    proof = prove(batch_of(PLAN, rows), PLAN, rows)
    assert broken(proof) == {"counters", "each_user_once"}
    assert differences(proof, "each_user_once") == (Difference("a", "1", "0"),)
    assert broken(prove(batch_of(PLAN, rows), PLAN, rows, finished=False)) == set()


@pytest.mark.parametrize("finished", [True, False])
def test_a_row_too_many_is_seen_at_any_time(finished):
    twice = with_house(
        pl.concat([LEDGER.filter(pl.col("user_id") != HOUSE), LEDGER.filter(pl.col("user_id") == "b")])
    )
    proof = prove(batch_of(PLAN, twice), PLAN, twice, finished=finished)
    assert differences(proof, "each_user_once") == (Difference("b", "1", "2"),)
    assert broken(proof) == {"each_user_once"}
    for stranger in ("c", "d", "nobody"):
        rows = pl.concat([LEDGER, change(LEDGER.filter(pl.col("user_id") == "b"), "b", amount=0, user_id=stranger)])
        found = prove(BATCH, PLAN, rows, finished=finished)
        assert differences(found, "each_user_once") == (Difference(stranger, "0", "1"),)
    houses = pl.concat([LEDGER, change(LEDGER.tail(1), HOUSE, amount=0)])
    assert broken(prove(BATCH, PLAN, houses, finished=finished)) == {"each_user_once"}


@pytest.mark.parametrize("finished", [True, False])
def test_a_satoshi_booked_wrongly_is_seen(finished):
    rows = with_house(change(LEDGER, "a", amount=26).filter(pl.col("user_id") != HOUSE))
    proof = prove(batch_of(PLAN, rows), PLAN, rows, finished=finished)
    assert broken(proof) == {"amounts_equal"}
    assert differences(proof, "amounts_equal") == (Difference("a", "25", "26"),)
    failed = change(LEDGER, "a", state="failed")
    found = prove(batch_of(PLAN, failed), PLAN, failed, finished=finished)
    assert differences(found, "amounts_equal") == (Difference("a", "0", "25"),)


def test_the_house_takes_the_opposite_total():
    off = change(LEDGER, HOUSE, amount=-1)
    assert broken(prove(BATCH, PLAN, off)) == broken(prove(BATCH, PLAN, off, finished=False)) == {"zero_sum"}
    none = LEDGER.filter(pl.col("user_id") != HOUSE)
    assert broken(prove(BATCH, PLAN, none)) == {"zero_sum"}
    assert broken(prove(replace(BATCH, applied_sum=1), PLAN, LEDGER)) == {"zero_sum"}


def test_nobody_but_the_house_owes():
    balances = pl.DataFrame({"user_id": ["a", "b", HOUSE], "balance": [0, 5, -9]}, schema=BALANCE_SCHEMA)
    assert broken(prove(BATCH, PLAN, LEDGER, balances=balances)) == set()
    proof = prove(BATCH, PLAN, LEDGER, balances=change(balances, "a", balance=-1))
    assert broken(proof) == {"no_negative"}
    assert differences(proof, "no_negative") == (Difference("a", "0", "-1"),)
    below = change(PLAN, "a", balance_after=-1)
    assert broken(prove(batch_of(below, LEDGER), below, LEDGER)) == {"no_negative", "satoshi"}


@pytest.mark.parametrize(
    ("rate", "held", "right"),
    [
        # 1.5, 2.5, 0.4, 0.6 satoshi
        ("50", (3, 5), {Rounding.HALF_EVEN: (2, 2), Rounding.HALF_UP: (2, 3), Rounding.TOWARD_ZERO: (1, 2)}),
        ("-50", (3, 5), {Rounding.HALF_EVEN: (-2, -2), Rounding.HALF_UP: (-2, -3), Rounding.TOWARD_ZERO: (-1, -2)}),
        ("20", (7, 8), {Rounding.HALF_EVEN: (1, 2), Rounding.HALF_UP: (1, 2), Rounding.TOWARD_ZERO: (1, 1)}),
    ],
)
@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("off", [-2, -1, 0, 1, 2])
def test_an_amount_is_rounded_as_the_batch_says(rate, held, right, rounding, off):
    base = plan_of(dict(zip("ab", held, strict=True)), Decimal(rate), rounding=rounding)
    first, second = right[rounding]
    plan = change(base, "a", amount=first + off, balance_after=held[0] + first + off)
    plan = change(plan, "b", amount=second, balance_after=held[1] + second)
    ledger = booked(plan)
    batch = batch_of(plan, ledger, adjustment_rate=Decimal(rate), rounding=rounding)
    proof = prove(batch, plan, ledger)
    assert ("satoshi" in broken(proof)) is (off != 0)
    assert [each.user_id for each in differences(proof, "satoshi")] == (["a"] if off else [])


def test_sums_and_exact_texts_are_proved():
    assert broken(prove(replace(BATCH, plan_sum=1), PLAN, LEDGER)) == {"satoshi"}
    other = change(PLAN, "a", amount_exact="0.00000026")
    assert broken(prove(BATCH, other, LEDGER)) == {"satoshi"}
    total = plan_sum(PLAN) + 1
    plan = plan_of(HELD, target_total=total)
    ledger = booked(plan)
    assert broken(prove(batch_of(plan, ledger, target_total=total), plan, ledger)) == set()
    assert broken(prove(batch_of(plan, ledger, target_total=total + 1), plan, ledger)) == {"satoshi"}


def test_a_reversal_is_proved_though_it_may_plan_below_zero():
    plan = reversal(LEDGER, pl.DataFrame({"user_id": ["a"], "balance": [3]}, schema=BALANCE_SCHEMA))
    ledger = booked(plan, failed=("b",))
    batch = batch_of(plan, ledger, reverses="x", adjustment_rate=-RATE)
    assert plan["balance_after"].min() < 0
    assert broken(prove(batch, plan, ledger)) == set()
    assert broken(prove(batch, change(plan, "a", amount_exact="1"), ledger)) == {"satoshi"}


def test_balances_are_the_sum_of_their_rows():
    balances = pl.DataFrame({"user_id": ["a", "b", HOUSE], "balance": [5, 7, -12]}, schema=BALANCE_SCHEMA)
    totals = balances.rename({"balance": "amount"})
    assert broken(prove(BATCH, PLAN, LEDGER, balances=balances, totals=totals)) == set()
    found = balances_equal(change(balances, "a", balance=6), totals.filter(pl.col("user_id") != "b"))
    assert not found.ok
    assert found.differences == (Difference("a", "5", "6"), Difference("b", "0", "7"))


def test_only_the_first_differences_are_named():
    users = [f"u{n:02}" for n in range(50)]
    balances = pl.DataFrame({"user_id": users, "balance": [1] * 50}, schema=BALANCE_SCHEMA)
    found = balances_equal(balances, pl.DataFrame(schema={"user_id": pl.String(), "amount": pl.Int64()}))
    assert [each.user_id for each in found.differences] == users[:20]
    assert (found.difference_count, found.found) == (50, "50 users differ")
