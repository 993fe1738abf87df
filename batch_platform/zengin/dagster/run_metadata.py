"""What people see of a run in the Dagster UI: counts, the riskiest changes, a plot. Metadata by name."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from batch_platform.kit.assets import ROWS_SHOWN, table
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
    shown: dict[str, Any] = {
        "changeset": changeset.id,
        "verdict": changeset.verdict.value,
        "reason": str(changeset.reason),
        "dagster/row_count": changeset.counts.get("rows", 0),
        "raised": proposal.raised,
        "carried": proposal.carried,
        "superseded": proposal.superseded,
        **dict(changeset.counts),
        **kept(proposal),
    }
    changes = service.changes_of(context, changeset.id)
    if changes.height:
        shown["riskiest"] = table(_riskiest(changes))
    return shown


def of_apply(outcome: ApplyOutcome) -> dict[str, Any]:
    rows = outcome.changesets
    shown: dict[str, Any] = {
        "dagster/row_count": sum(one.applied for one in rows),
        "changesets": [one.changeset_id for one in rows],
        "already": sum(one.already for one in rows),
        "conflicts": sum(one.conflicts for one in rows),
        "waiting": sum(one.waiting for one in rows),
        **kept(outcome),
    }
    if conflicts := [key for one in rows for key in one.conflict_keys]:
        shown["conflict_keys"] = conflicts[:ROWS_SHOWN]
    return shown


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
