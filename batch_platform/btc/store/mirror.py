"""The batches of DynamoDB in Postgres, where alert rules judge them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from batch_platform.btc.model import REVERSIBLE, Batch
from batch_platform.btc.money import to_btc
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
            batch_id=[one.batch_id for one in batches],
            status=[str(one.status) for one in batches],
            is_open=[one.is_open for one in batches],
            reverses=[one.reverses for one in batches],
            adjustment_rate=[one.adjustment_rate for one in batches],
            target_count=[one.target_user_count for one in batches],
            processed_count=[one.processed_user_count for one in batches],
            failed_count=[one.failed_user_count for one in batches],
            sum=[None if (amount := _sum(one)) is None else to_btc(amount) for one in batches],
            created_by=[one.created_by for one in batches],
            created_at=[one.created_at for one in batches],
            planned_at=[one.planned_at for one in batches],
            approvals_missing=list(approvals_missing),
            completed_at=[one.completed_at for one in batches],
            error_message=[one.error_message for one in batches],
            now=now,
        )

    def forget(self, ids: Collection[str]) -> int:
        return self._run("forget_batches", ids=list(ids))


class Mirror(BaseStore[MirrorSession]):
    """Opens transactions on the mirror."""

    _session = MirrorSession


def _sum(batch: Batch) -> int | None:
    return batch.applied_sum if batch.status in REVERSIBLE else batch.plan_sum
