"""Every release that was received, and what was said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from batch_platform.zengin.model import HoldReason, Provenance, Verdict
from batch_platform.zengin.store.statements import ZenginStatements


@dataclass(frozen=True)
class SnapshotRow:
    """A snapshot as it is registered; its rows lie in the lake at `location`. `checks` are JSON of the ingest."""

    id: str
    business_date: date
    provenance: Provenance
    banks: int
    branches: int
    orphans: tuple[str, ...]
    bootstrap: bool
    location: str
    checks: Sequence[dict[str, Any]] = ()
    verdict: Verdict | None = None
    hold_reason: HoldReason | None = None
    reason: str | None = None
    judged_at: datetime | None = None


class Snapshots(ZenginStatements):
    """`snapshots`."""

    def save_snapshot(self, snapshot: SnapshotRow) -> bool:
        """Register it once its frames stand in the lake; False when the day has this content already.

        A bootstrap asked for later is noted on the snapshot that is there.
        """
        what = snapshot.provenance
        added = self._run(
            "insert_snapshot",
            id=snapshot.id,
            business_date=snapshot.business_date,
            content_hash=what.content_hash,
            source=what.source,
            version=what.version,
            sha256=what.sha256,
            received_at=what.received_at,
            banks=snapshot.banks,
            branches=snapshot.branches,
            orphans=list(snapshot.orphans),
            bootstrap=snapshot.bootstrap,
            location=snapshot.location,
            checks=Jsonb(list(snapshot.checks)),
        )
        if not added and snapshot.bootstrap:
            self._run("ask_for_bootstrap", id=snapshot.id)
        return added == 1

    def judge_snapshot(
        self, snapshot_id: str, verdict: Verdict, hold_reason: HoldReason | None, reason: str, *, now: datetime
    ) -> bool:
        """Note the verdict; False when it was so already. An override turns `held` into `accepted`."""
        changed = self._run(
            "judge_snapshot", id=snapshot_id, verdict=verdict, hold_reason=hold_reason, reason=reason, now=now
        )
        return changed == 1

    def snapshot(self, snapshot_id: str) -> SnapshotRow | None:
        snapshots = self._snapshots(id=snapshot_id)
        return snapshots[0] if snapshots else None

    def newest_snapshot(self, day: date | None = None, *, until: date | None = None) -> SnapshotRow | None:
        """The one received last: of a business date, up to one, or at all."""
        snapshots = self._snapshots(business_date=day, until=until)
        return snapshots[0] if snapshots else None

    def snapshots_page(self, *, before: tuple[datetime, str] | None = None, limit: int) -> list[SnapshotRow]:
        """The newest first; `before` is `received_at` and id of the last page's last row."""
        moment, last = before or (None, None)
        return self._snapshots(before=moment, before_id=last, limit=limit)

    def accepted_hashes(self) -> list[str]:
        """Contents of snapshots that were accepted, in the order in which they last were."""
        return [row["content_hash"] for row in self._rows("accepted_hashes")]

    def _snapshots(self, *, limit: int = 1, **filters: Any) -> list[SnapshotRow]:
        nothing = dict.fromkeys(("id", "business_date", "until", "before", "before_id"))
        return [_snapshot(row) for row in self._rows("snapshots", limit=limit, **{**nothing, **filters})]


def _snapshot(row: dict[str, Any]) -> SnapshotRow:
    provenance = Provenance(row["source"], row["version"], row["sha256"], row["content_hash"], row["received_at"])
    return SnapshotRow(
        id=row["id"],
        business_date=row["business_date"],
        provenance=provenance,
        banks=row["banks"],
        branches=row["branches"],
        orphans=tuple(row["orphans"]),
        bootstrap=row["bootstrap"],
        location=row["location"],
        checks=row["checks"],
        verdict=row["verdict"] and Verdict(row["verdict"]),
        hold_reason=row["hold_reason"] and HoldReason(row["hold_reason"]),
        reason=row["reason"],
        judged_at=row["judged_at"],
    )
