"""What people see of a run in the Dagster UI: counts, the riskiest changes, a plot. Metadata by name."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from batch_platform.kit.assets import ROWS_SHOWN, tabled
from batch_platform.kit.assets import outcome as kept
from batch_platform.kit.charts import plot
from batch_platform.zengin import plots, service
from batch_platform.zengin.model import Risk

if TYPE_CHECKING:
    from batch_platform.zengin.service import ApplyOutcome, Proposal, SnapshotOutcome, ZenginContext

_CHANGESETS_PLOTTED: Final = 120
_RISKIEST_FIRST: Final = {Risk.HIGH: 0, Risk.MEDIUM: 1, Risk.LOW: 2}


def of_snapshot(outcome: SnapshotOutcome) -> dict[str, Any]:
    provenance = outcome.provenance
    return {
        "dagster/row_count": outcome.banks + outcome.branches,
        "banks": outcome.banks,
        "branches": outcome.branches,
        "orphans": list(outcome.orphans[:ROWS_SHOWN]),
        "source": provenance.source,
        "version": provenance.version,
        "encoding": outcome.encoding,
        "sha256": provenance.sha256,
        "content_hash": provenance.content_hash,
        "new": outcome.taken,
        **kept(outcome),
    }


def of_proposal(context: ZenginContext, proposal: Proposal) -> dict[str, Any]:
    changeset = proposal.changeset
    return {
        "changeset": changeset.id,
        "verdict": changeset.verdict.value,
        "reason": str(changeset.reason),
        "dagster/row_count": changeset.counts.get("rows", 0),
        "raised": proposal.raised,
        "carried": proposal.carried,
        "superseded": proposal.superseded,
        **dict(changeset.counts),
        **kept(proposal),
        **tabled("riskiest", _riskiest(service.changes_of(context, changeset.id))),
    }


def of_apply(outcome: ApplyOutcome) -> dict[str, Any]:
    rows = outcome.changesets
    conflicts = [key for row in rows for key in row.conflict_keys]
    return {
        "dagster/row_count": sum(row.applied for row in rows),
        "changesets": [row.changeset_id for row in rows],
        "already": sum(row.already for row in rows),
        "conflicts": sum(row.conflicts for row in rows),
        "waiting": sum(row.waiting for row in rows),
        **kept(outcome),
        **({"conflict_keys": conflicts[:ROWS_SHOWN]} if conflicts else {}),
    }


def of_master(context: ZenginContext, day: date) -> dict[str, Any]:
    banks, branches = service.master_as_of(context, day)
    newest, _ = service.changesets(context, limit=_CHANGESETS_PLOTTED)
    return {
        "dagster/row_count": banks.height + branches.height,
        "banks": banks.height,
        "branches": branches.height,
        "changes over time": plot(plots.changes_over_time(newest)),
    }


def _riskiest(changes: pl.DataFrame) -> pl.DataFrame:
    order = pl.col("risk").replace_strict(_RISKIEST_FIRST, return_dtype=pl.Int8, default=9)
    name = {side: pl.col(side).struct.field("name").alias(f"{side}_name") for side in ("old", "new")}
    return changes.sort(order, "table", "key").select(
        "risk", "change_class", "table", "key", "diff_type", name["old"], name["new"], "reason"
    )
