"""The batches of DynamoDB in Postgres, where alert rules judge them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from psycopg.types.json import Jsonb

from batch_platform.btc.model import REVERSIBLE, Batch
from batch_platform.btc.money import to_btc
from batch_platform.core.messages import kept
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore


class MirrorSession(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.btc.sql")

    def lock(self) -> None:
        """Keep others from the mirror until the end of the transaction: what is read after this is the newest."""
        self._rows("lock_mirror")

    def open_batches(self) -> frozenset[str]:
        """The batches that may still change, as they were last seen."""
        return frozenset(row["batch_id"] for row in self._rows("open_batches"))

    def are_closed(self, ids: Collection[str]) -> bool:
        """Whether each of these batches is here, and none of them changes any more."""
        return bool(self._value("closed_batches", ids=list(ids)) == len(ids))

    def save(self, batches: Sequence[Batch], approvals_missing: Sequence[int], *, now: datetime) -> int:
        """Write batches, each with the number of its missing approvals; how many were new or had changed."""
        return self._run(
            "save_batches",
            batch_id=[batch.batch_id for batch in batches],
            status=[str(batch.status) for batch in batches],
            is_open=[batch.is_open for batch in batches],
            reverses=[batch.reverses for batch in batches],
            adjustment_rate=[batch.adjustment_rate for batch in batches],
            target_count=[batch.target_user_count for batch in batches],
            processed_count=[batch.processed_user_count for batch in batches],
            failed_count=[batch.failed_user_count for batch in batches],
            sum=[None if (amount := _sum(batch)) is None else to_btc(amount) for batch in batches],
            created_by=[batch.created_by for batch in batches],
            created_at=[batch.created_at for batch in batches],
            planned_at=[batch.planned_at for batch in batches],
            approvals_missing=list(approvals_missing),
            approved_by=[Jsonb([given.account for given in batch.approvals]) for batch in batches],
            completed_at=[batch.completed_at for batch in batches],
            error_message=[batch.error_message for batch in batches],
            failure=[kept(batch.error_message) for batch in batches],
            now=now,
        )

    def forget(self, ids: Collection[str]) -> int:
        return self._run("forget_batches", ids=list(ids))


class Mirror(BaseStore[MirrorSession]):
    """Opens transactions on the mirror."""

    _session = MirrorSession


def _sum(batch: Batch) -> int | None:
    return batch.applied_sum if batch.status in REVERSIBLE else batch.plan_sum
