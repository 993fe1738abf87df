"""What people see of a batch in the Dagster UI: its seal, its counts, plots and the largest changes. By name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import dagster as dg
import polars as pl

from batch_platform.btc import plots, service
from batch_platform.btc.model import Batch, RowState
from batch_platform.btc.money import btc_text, btc_texts, rate_text
from batch_platform.btc.plan import Summary, summarise
from batch_platform.btc.service import BtcContext, Draft
from batch_platform.kit.charts import plot

FAILURES_SHOWN: Final = 20

Metadata = dict[str, Any]


def of_plan(context: BtcContext, batch: Batch) -> Metadata:
    """The seal as an administrator confirms it: count, sum and hash, the cut-off, who is left out and why."""
    if batch.plan_sha256 is None:
        return _standing(batch)
    summary = service.summary(context, batch)
    return {
        **_standing(batch),
        "dagster/row_count": summary.rows,
        "targets": summary.targets,
        "sum, BTC": btc_text(summary.amount),
        "plan_sha256": batch.plan_sha256,
        "cut-off": _moment(batch.cutoff_at),
        "approvals missing": service.approvals_missing(batch, context.options),
        **{f"excluded, {reason}": users for reason, users in summary.excluded.items()},
        "skipped, rounded to zero": summary.counts[RowState.SKIPPED_ZERO],
        "amounts by size": _plot(summary, "Planned amounts by size"),
    }


def of_transactions(batch: Batch) -> Metadata:
    """How far the ledger is."""
    return {
        **_standing(batch),
        "dagster/row_count": batch.processed_user_count,
        **_counts(batch),
        "booked, BTC": btc_text(batch.applied_sum or 0),
        "started": _moment(batch.started_at),
        "completed": _moment(batch.completed_at),
        "workers": batch.fencing,
    }


def of_report(context: BtcContext, batch: Batch) -> Metadata:
    """What was booked: counts, sum, amounts by size, the largest changes, and who was not."""
    if batch.plan_sha256 is None:
        return _standing(batch)
    rows = service.sealed_rows(context, batch.batch_id)
    # the rows that were booked, summed up as those of a plan are
    booked = rows.filter(pl.col("state") == RowState.APPLIED).with_columns(state=pl.lit(str(RowState.PENDING)))
    summary = summarise(booked)
    shown: Metadata = {
        **_standing(batch),
        "dagster/row_count": summary.targets,
        **_counts(batch),
        "sum, BTC": btc_text(summary.amount),
        "before, BTC": btc_text(summary.balance_before),
        "after, BTC": btc_text(summary.balance_after),
        "amounts by size": _plot(summary, "Booked amounts by size"),
        "top changes": dg.MetadataValue.md(_top(summary)),
    }
    if failures := service.failed_users(context, batch.batch_id)[:FAILURES_SHOWN]:
        table = _table(("user", "reason"), ((failure.user_id, failure.reason) for failure in failures))
        shown["failed users"] = dg.MetadataValue.md(table)
    return shown


def by_state(context: BtcContext, batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Rows of a dry run: users and BTC of a sealed batch by what has become of them by now."""
    rows = service.sealed_rows(context, batch.batch_id)
    states = rows.group_by("state").agg(pl.len().alias("users"), pl.col("amount").sum()).sort("state")
    return states.select("state", "users", btc_texts("amount").alias("btc")).to_dicts()


def of_draft(draft: Draft) -> Sequence[Mapping[str, Any]]:
    """Rows of a dry run: what a seal of now would hold."""
    summary = draft.summary
    users = {"to book": summary.counts[RowState.PENDING], "rounded to zero": summary.counts[RowState.SKIPPED_ZERO]}
    users |= {f"excluded, {reason}": count for reason, count in summary.excluded.items()}
    return [
        {"rows": name, "users": count, "btc": btc_text(summary.amount if name == "to book" else 0)}
        for name, count in users.items()
    ]


def _standing(batch: Batch) -> Metadata:
    """What every asset of a batch tells; empty fields are left out."""
    shown = {
        "batch": batch.batch_id,
        "status": str(batch.status),
        "adjustment_rate, %": rate_text(batch.adjustment_rate),
        "created by": batch.created_by,
        "approved by": ", ".join(approval.account for approval in batch.approvals),
        "memo": batch.memo,
        "reverses": batch.reverses,
        "error": batch.error_message,
    }
    return {name: value for name, value in shown.items() if value}


def _counts(batch: Batch) -> Metadata:
    return {name.replace("_", " "): value for name, value in batch.counters._asdict().items()}


def _top(summary: Summary) -> str:
    rows = ((change.user_id, change.balance_before, change.amount, change.balance_after) for change in summary.top)
    return _table(
        ("user", "before, BTC", "change, BTC", "after, BTC"),
        ((user, *map(btc_text, amounts)) for user, *amounts in rows),
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar in a user's name must not end its cell."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plot(summary: Summary, title: str) -> dg.MarkdownMetadataValue:
    return plot(plots.amounts_by_size(summary.distribution, title=title))


def _moment(at: Any) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
