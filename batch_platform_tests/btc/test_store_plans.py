"""Sealed plans in the lake, and the token buckets."""

from __future__ import annotations

import threading
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl
import pytest

from batch_platform.btc.model import PLAN_SCHEMA
from batch_platform.btc.plan import plan_sha256
from batch_platform.btc.store import BtcStore, RateLimiter
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PLAN = pl.DataFrame(
    [
        ("u1", 100, "0.000000050000", 5, 105, "pending", None),
        ("u2", 0, "0.000000000000", 0, 0, "excluded", "zero_balance"),
    ],
    schema=PLAN_SCHEMA,
    orient="row",
)


def test_a_plan_is_read_back_by_its_hash(store: BtcStore) -> None:
    digests = store.plans.put("batch-1", PLAN)
    digest = digests.plan
    assert digest == plan_sha256(PLAN)
    assert store.plans.put("batch-1", PLAN) == digests
    assert store.plans.get("batch-1", digest).equals(PLAN)
    assert store.plans.pending("batch-1", digest, digests.file).rows() == [("u1", 5)]
    with pytest.raises(NotFound, match="batch batch-2 has no such plan"):
        store.plans.get("batch-2", digest)
    with pytest.raises(NotFound, match="batch batch-2 has no such plan"):
        store.plans.pending("batch-2", digest, digests.file)


def test_another_plan_of_the_same_batch_stands_beside_it(store: BtcStore) -> None:
    first = store.plans.put("batch-3", PLAN).plan
    second = store.plans.put("batch-3", PLAN.head(1)).plan
    assert store.plans.get("batch-3", first).height == 2
    assert store.plans.get("batch-3", second).height == 1


def test_a_plan_that_was_touched_is_refused(store: BtcStore, s3: S3Client, provisioned: Settings) -> None:
    digests = store.plans.put("batch-4", PLAN)
    digest = digests.plan
    key = f"btc/plan/batch-4/{digest}.parquet"
    other = store.plans.put("batch-5", PLAN.with_columns(amount=pl.lit(6, pl.Int64))).plan
    bucket = provisioned.lake_bucket
    s3.copy_object(Bucket=bucket, Key=key, CopySource=f"{bucket}/btc/plan/batch-5/{other}.parquet")
    with pytest.raises(PermanentFailure, match="is not the plan that was sealed"):
        store.plans.get("batch-4", digest)
    with pytest.raises(PermanentFailure, match="is not the plan that was sealed"):
        store.plans.pending("batch-4", digest, digests.file)
    s3.put_object(Bucket=bucket, Key=key, Body=b"no parquet")
    with pytest.raises(PermanentFailure, match="is not a plan"):
        store.plans.get("batch-4", digest)
    with pytest.raises(PermanentFailure, match="is not a plan"):
        store.plans.pending("batch-4", digest, digests.file)


def test_the_same_plan_in_another_file_is_the_plan_that_was_sealed(
    store: BtcStore, s3: S3Client, provisioned: Settings
) -> None:
    """Of two planners the later one's file stays, and another release may write it otherwise."""
    digests = store.plans.put("batch-6", PLAN)
    file = BytesIO()
    PLAN.write_parquet(file, compression="uncompressed")
    s3.put_object(
        Bucket=provisioned.lake_bucket, Key=f"btc/plan/batch-6/{digests.plan}.parquet", Body=file.getvalue()
    )
    for sealed in (digests.file, None):
        assert store.plans.pending("batch-6", digests.plan, sealed).rows() == [("u1", 5)]


def test_the_file_that_was_sealed_is_not_hashed_row_by_row_again(
    store: BtcStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = store.plans.put("batch-7", PLAN)
    monkeypatch.setattr("batch_platform.btc.store.plans.plan_sha256", lambda plan: pytest.fail("hashed"))
    assert store.plans.pending("batch-7", digests.plan, digests.file).rows() == [("u1", 5)]


class Time:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_a_key_spends_a_second_at_once_and_then_its_rate() -> None:
    time = Time()
    limiter = RateLimiter(100, ticks=lambda: time.now, sleep=time.sleep)
    assert limiter.take("a", 100) == 0
    assert limiter.take("a", 50) == pytest.approx(0.5)
    assert limiter.take("b", 50) == 0
    time.now += 0.5
    assert limiter.take("a", 98) == pytest.approx(0.98)
    time.now += 60
    assert limiter.take("a", 250) == pytest.approx(1.5)
    assert time.slept == pytest.approx([0.5, 0.98, 1.5])


def test_keys_that_owe_nothing_are_forgotten() -> None:
    time = Time()
    limiter = RateLimiter(10, ticks=lambda: time.now, sleep=time.sleep)
    for number in range(1000):
        limiter.take(f"key-{number}", 1)
    time.now += 5
    limiter.take("a", 15)
    limiter.take("b", 1)
    assert set(limiter._free_at) == {"a", "b"}
    assert limiter.take("a", 5) == pytest.approx(1.0)


def test_without_a_rate_nobody_waits() -> None:
    time = Time()
    limiter = RateLimiter(None, ticks=lambda: time.now, sleep=time.sleep)
    assert limiter.take("a", 10**9) == 0
    assert not limiter.limits
    assert time.slept == []


def test_many_threads_share_one_bucket() -> None:
    time = Time()
    limiter = RateLimiter(10, ticks=lambda: time.now, sleep=time.sleep)
    threads = [threading.Thread(target=limiter.take, args=("a", 5)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(time.slept) == pytest.approx([0.5 * number for number in range(1, 19)])
