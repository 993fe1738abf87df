"""Sealed plans in the lake: one Parquet file each, named by its hash, so that no worker overwrites another's."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final

import polars as pl

from batch_platform.btc.model import PLAN_SCHEMA
from batch_platform.btc.plan import IS_PENDING, plan_sha256
from batch_platform.core import objects
from batch_platform.core.failures import NotFound, PermanentFailure

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX: Final = "btc/plan"
_BYTES_AT_MOST: Final = 2 * 1024**3


@dataclass(frozen=True)
class PlanDigests:
    """SHA-256 of a plan's canonical text, which names it, and of the file that it was written as."""

    plan: str
    file: str


class PlanLake:
    """Plans under `s3://<lake>/btc/plan/<batch id>/<plan_sha256>.parquet`."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, batch_id: str, plan: pl.DataFrame) -> PlanDigests:
        """Write a plan (`PLAN_SCHEMA`) unless it is there."""
        digest = plan_sha256(plan)
        file = BytesIO()
        plan.write_parquet(file)
        key = _key(batch_id, digest)
        if objects.head(self._s3, self._bucket, key) is None:
            objects.put_bytes(self._s3, self._bucket, key, file.getvalue())
        return PlanDigests(digest, sha256(file.getbuffer()).hexdigest())

    def get(self, batch_id: str, digest: str) -> pl.DataFrame:
        """The plan with this hash. Raises `NotFound`, and `PermanentFailure` when its rows are not those hashed."""
        return self._checked(batch_id, digest, self._read(batch_id, digest))

    def pending(self, batch_id: str, digest: str, file_digest: str | None) -> pl.DataFrame:
        """`user_id` and `amount` (satoshi) of the rows to apply, in the sealed order. Raises as `get`.

        Whoever resumes waits for them. The very file that was sealed is not hashed row by row again; what another
        planner has written in its place, or was sealed without its digest, is.
        """
        data = self._read(batch_id, digest)
        if sha256(data).hexdigest() == file_digest:
            plan = pl.scan_parquet(BytesIO(data))
        else:
            plan = self._checked(batch_id, digest, data).lazy()
        return plan.filter(IS_PENDING).select("user_id", "amount").collect()

    def _read(self, batch_id: str, digest: str) -> bytes:
        key = _key(batch_id, digest)
        data = objects.get_bytes(self._s3, self._bucket, key, limit=_BYTES_AT_MOST)
        if data is None:
            raise NotFound(
                "plan-missing",
                "{uri} is not there: batch {batch} has no such plan",
                uri=objects.uri(self._bucket, key),
                batch=batch_id,
            )
        return data

    def _checked(self, batch_id: str, digest: str, data: bytes) -> pl.DataFrame:
        where = objects.uri(self._bucket, _key(batch_id, digest))
        try:
            plan = pl.read_parquet(BytesIO(data))
        except pl.exceptions.PolarsError as error:
            raise PermanentFailure(
                "file-no-plan", "{uri} is not a plan: {reason}", uri=where, reason=str(error)
            ) from error
        if dict(plan.schema) != PLAN_SCHEMA or plan_sha256(plan) != digest:
            raise PermanentFailure("plan-not-sealed-one", "{uri} is not the plan that was sealed", uri=where)
        return plan


def _key(batch_id: str, digest: str) -> str:
    return f"{PREFIX}/{batch_id}/{digest}.parquet"
