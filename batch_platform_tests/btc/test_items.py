"""Items of DynamoDB and the values they stand for."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.btc import items
from batch_platform.btc.model import (
    Approval,
    Balance,
    Batch,
    BatchStatus,
    LedgerRow,
    Rounding,
    RowState,
    TransactionType,
    User,
    UserStatus,
)
from batch_platform.btc.money import btc_text
from batch_platform.core.failures import PermanentFailure

NOW = datetime(2026, 11, 20, 3, 0, 0, 120, tzinfo=UTC)
BARE = Batch("b", Decimal("-3"), BatchStatus.PENDING, "ann", NOW)
FULL = Batch(
    batch_id="b",
    adjustment_rate=Decimal("0.00000001"),
    status=BatchStatus.PROCESSING,
    created_by="ann",
    created_at=NOW,
    memo="m",
    rounding=Rounding.TOWARD_ZERO,
    target_total=-1,
    shards=16,
    chunk_users=7,
    cutoff_at=NOW,
    planned_at=NOW,
    target_user_count=5,
    processed_user_count=1,
    failed_user_count=1,
    skipped_zero_count=1,
    excluded_count=4,
    plan_sha256="c" * 64,
    plan_file_sha256="d" * 64,
    plan_sum=2_099_999_997_690_000,
    plan_rows=9,
    approvals=(Approval("ann", NOW), Approval("bob", NOW + timedelta(hours=1))),
    started_at=NOW,
    completed_at=NOW,
    error_message="e",
    lease_owner="w",
    lease_expires_at=NOW,
    fencing=3,
    reverses="a",
    reversed_by="c",
    applied_sum=0,
    key_hash="d",
)


@pytest.mark.parametrize("batch", [BARE, FULL])
def test_a_batch_and_its_item(batch: Batch) -> None:
    item = items.batch_item(batch)
    assert items.to_batch(item) == batch
    assert items.to_batch({**item, "ttl": {"N": "5"}}) == batch
    assert all(isinstance(next(iter(value.values())), str | list | bool) for value in item.values())


def test_every_field_of_a_batch_is_tried() -> None:
    unset = [one.name for one in fields(Batch) if getattr(FULL, one.name) in (None, "", ())]
    assert unset == []


def test_amounts_are_numbers_of_btc() -> None:
    item = items.batch_item(FULL)
    assert item["target_total"] == {"N": "-0.00000001"}
    assert item["plan_sum"] == {"N": "20999999.97690000"}
    assert item["adjustment_rate"] == {"N": "0.00000001"}
    assert item["created_at"] == {"S": "2026-11-20T03:00:00.000120Z"}


@given(st.integers(-21 * 10**14, 21 * 10**14))
def test_any_amount_comes_back(amount: int) -> None:
    assert items.satoshi(btc_text(amount)) == amount
    assert items.satoshi(str(Decimal(btc_text(amount)).normalize())) == amount


@pytest.mark.parametrize("text", ["0.000000001", "1E-9", "NaN", "Infinity", "ten", ""])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(PermanentFailure, match=r"satoshi|is not an amount"):
        items.satoshi(text)


def test_moments_sort_as_their_texts() -> None:
    whole = datetime(2026, 11, 20, 3, tzinfo=UTC)
    there = datetime(2026, 11, 20, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=9)))
    assert items.moment_text(whole) == "2026-11-20T03:00:00.000000Z"
    assert items.moment_text(whole) < items.moment_text(there) == "2026-11-20T03:00:00.000001Z"
    assert items.moment(items.moment_text(there)) == there


ROW = LedgerRow("b#03", "u", -5, TransactionType.ADJUSTMENT, NOW, NOW, "ann", "m")


@pytest.mark.parametrize(
    "row", [ROW, replace(ROW, memo=None), replace(ROW, amount=0, state=RowState.FAILED, reason="below_zero")]
)
def test_a_ledger_row_and_its_item(row: LedgerRow) -> None:
    assert items.to_row(items.row_item(row)) == row
    assert ("state" in items.row_item(row)) is (row.state is RowState.FAILED)


def test_a_user_a_balance_and_their_items() -> None:
    user, balance = User("u", UserStatus.HOUSE), Balance("u", -1, 3, NOW)
    assert items.to_user(items.user_item(user)) == user
    assert items.to_balance(items.balance_item(balance)) == balance
    assert items.balance_item(balance)["balance"] == {"N": "-0.00000001"}


def test_rows_spread_over_the_shards_and_stay_there() -> None:
    assert items.partition("b", "u", 1) == "b"
    keys = [items.partition("b", f"user-{number}", 16) for number in range(2000)]
    assert set(keys) == set(items.partitions("b", 16))
    assert min(keys.count(key) for key in set(keys)) > 60
    assert items.partition("b", "user-7", 16) == "b#01"
    assert items.partitions("b", 1) == ["b"]
