"""Sealed plans in the lake: one Parquet file each, named by its hash, so that no worker overwrites another's."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final

import polars as pl

from batch_platform.btc.model import PLAN_SCHEMA
from batch_platform.btc.plan import plan_sha256
from batch_platform.core import objects
from batch_platform.core.failures import NotFound, PermanentFailure

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX: Final = "btc/plan"
_BYTES_AT_MOST: Final = 2 * 1024**3


class PlanLake:
    """Plans under `s3://<lake>/btc/plan/<batch id>/<plan_sha256>.parquet`."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, batch_id: str, plan: pl.DataFrame) -> str:
        """Write a plan (`PLAN_SCHEMA`) unless it is there; its `plan_sha256`."""
        digest = plan_sha256(plan)
        key = _key(batch_id, digest)
        if objects.head(self._s3, self._bucket, key) is None:
            body = BytesIO()
            plan.write_parquet(body)
            objects.put_bytes(self._s3, self._bucket, key, body.getvalue())
        return digest

    def get(self, batch_id: str, digest: str) -> pl.DataFrame:
        """The plan with this hash. Raises `NotFound`, and `PermanentFailure` when its rows are not those hashed."""
        key = _key(batch_id, digest)
        where = objects.uri(self._bucket, key)
        stored = objects.head(self._s3, self._bucket, key)
        if stored is None:
            raise NotFound(f"{where} is not there: batch {batch_id} has no such plan")
        data = objects.read_bytes(self._s3, stored, limit=_BYTES_AT_MOST)
        try:
            plan = pl.read_parquet(BytesIO(data))
        except pl.exceptions.PolarsError as error:
            raise PermanentFailure(f"{where} is not a plan: {error}") from error
        if dict(plan.schema) != PLAN_SCHEMA or plan_sha256(plan) != digest:
            raise PermanentFailure(f"{where} is not the plan that was sealed")
        return plan


def _key(batch_id: str, digest: str) -> str:
    return f"{PREFIX}/{batch_id}/{digest}.parquet"
