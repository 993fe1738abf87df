"""Whether a snapshot may become proposals at all. A feed that shrank, ran backwards or swelled overnight is held.

In this order, the first that holds decides:
    noop         the snapshot is the master as it stands
    bootstrap    the master is empty: filling it is asked for, or held
    regression   the rows are those of an earlier snapshot: a stale file published as new
    inverse      most changes undo what was applied lately
    truncation   the last rows of the code order are missing: a file cut off
    brake        more rows of a table are added, updated or deleted than the limits allow
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce
from typing import Final, NamedTuple

import polars as pl

from batch_platform.core.messages import Message
from batch_platform.zengin.model import DiffType, HoldReason, Limits, Table, Verdict

APPLIED_SCHEMA: Final = dict.fromkeys(("table", "key", "base_hash", "new_hash"), pl.String())
"""Changes that were applied, by what they made of which row."""

_DONE: Final = {
    DiffType.ADDITION: Message("rows-added", "added"),
    DiffType.UPDATE: Message("rows-updated", "updated"),
    DiffType.DELETION: Message("rows-deleted", "deleted"),
}
_TABLES: Final = {
    Table.BANKS: Message("banks-so-named", "banks"),
    Table.BRANCHES: Message("branches-so-named", "branches"),
}


class Judgement(NamedTuple):
    """A verdict with its one sentence; `hold_reason` only where it is `held`."""

    verdict: Verdict
    hold_reason: HoldReason | None
    reason: Message


def judge(
    changes: pl.DataFrame,
    old_banks: pl.DataFrame,
    old_branches: pl.DataFrame,
    *,
    content_hash: str,
    current_hash: str | None,
    accepted: Collection[str],
    applied: pl.DataFrame,
    limits: Limits,
    bootstrap: bool = False,
) -> Judgement:
    """What becomes of a snapshot whose `diff` against the master (`old_banks`, `old_branches`) is `changes`.

    `content_hash` names the snapshot's rows, `current_hash` those of the snapshot accepted last, `accepted` those of
    all that ever were. `applied` (`APPLIED_SCHEMA`) are the changes applied in the last `limits.inverse_days`.
    `bootstrap` allows filling an empty master, and nothing else.
    """
    if changes.is_empty():
        return Judgement(
            Verdict.NOOP, None, Message("snapshot-is-master", "The snapshot is the master as it stands.")
        )
    if old_banks.is_empty() and old_branches.is_empty():
        if bootstrap:
            return Judgement(
                Verdict.ACCEPTED,
                None,
                Message(
                    "master-filled", "The empty master is filled with {count} rows.", count=f"{changes.height:,}"
                ),
            )
        return _held(
            HoldReason.BOOTSTRAP,
            Message("bootstrap-not-asked-for", "The master is empty, and no bootstrap was asked for."),
        )
    if content_hash != current_hash and content_hash in accepted:
        return _held(
            HoldReason.REGRESSION,
            Message("stale-file", "The snapshot has exactly the rows of an earlier one: a stale file."),
        )
    undone = inverse_count(changes, applied)
    if changes.height >= limits.inverse_changes and undone * 2 > changes.height:
        return _held(
            HoldReason.INVERSE,
            Message(
                "changes-undo",
                "{undone} of {count} changes undo what was applied in the last {days} days.",
                undone=f"{undone:,}",
                count=f"{changes.height:,}",
                days=limits.inverse_days,
            ),
        )
    cut = next(_truncated(changes, old_banks, old_branches, limits), None)
    if cut:
        return _held(HoldReason.TRUNCATION, cut)
    sizes = {Table.BANKS: old_banks.height, Table.BRANCHES: old_branches.height}
    exceeded = list(_exceeded(changes, sizes, limits))
    if exceeded:
        return _held(
            HoldReason.BRAKE,
            Message(
                "too-much-changes", "Too much changes at once: {excesses}.", excesses=reduce(_and_more, exceeded)
            ),
        )
    return Judgement(
        Verdict.ACCEPTED,
        None,
        Message("changes-within-limits", "{count} changes within the limits.", count=f"{changes.height:,}"),
    )


def inverse_count(changes: pl.DataFrame, applied: pl.DataFrame) -> int:
    """How many of the changes take a row back to where an applied change had found it."""
    undoing = changes.join(
        applied,
        left_on=["table", "key", "base_hash", "new_hash"],
        right_on=["table", "key", "new_hash", "base_hash"],
        how="semi",
        nulls_equal=True,
    )
    return undoing.height


def _and_more(excess: Message, more: Message) -> Message:
    return Message("several-excesses", "{excess}; {more}", excess=excess, more=more)


def _held(hold_reason: HoldReason, reason: Message) -> Judgement:
    return Judgement(Verdict.HELD, hold_reason, reason)


def _truncated(
    changes: pl.DataFrame, old_banks: pl.DataFrame, old_branches: pl.DataFrame, limits: Limits
) -> Iterator[Message]:
    """A sentence for each table whose last rows are gone."""
    for table, old, least in (
        (Table.BANKS, old_banks, limits.truncation_banks),
        (Table.BRANCHES, old_branches, limits.truncation_branches),
    ):
        deleted = changes.filter((pl.col("table") == table) & (pl.col("diff_type") == DiffType.DELETION))
        code = ["bank_code"] if table is Table.BANKS else ["bank_code", "branch_code"]
        keys = old.select(pl.concat_str(*code, separator="-").alias("key")).get_column("key")
        kept = keys.filter(~keys.is_in(deleted.get_column("key").implode()))
        last = str(kept.max() or "")
        tail = keys.filter(keys > last)
        if len(tail) >= least:
            size = f"{len(tail):,}"
            if last:
                yield Message(
                    "rows-after-missing",
                    "All {count} {table} after {key} are missing: the file looks cut off.",
                    count=size,
                    table=_TABLES[table],
                    key=last,
                )
            else:
                yield Message(
                    "rows-missing",
                    "All {count} {table} are missing: the file looks cut off.",
                    count=size,
                    table=_TABLES[table],
                )


def _exceeded(changes: pl.DataFrame, sizes: dict[Table, int], limits: Limits) -> Iterator[Message]:
    """What of which table is more than its share of the rows there were."""
    counted = changes.group_by("table", "diff_type").len()
    counts = {(table, diff_type): rows for table, diff_type, rows in counted.iter_rows()}
    for table, size in sizes.items():
        for diff_type, done in _DONE.items():
            rows, percent = counts.get((table, diff_type), 0), limits.percent(table, diff_type)
            if rows * 100 > size * percent:
                yield Message(
                    "more-than-its-share",
                    "{rows} of {size} {table} would be {done}, more than {percent} %",
                    rows=f"{rows:,}",
                    size=f"{size:,}",
                    table=_TABLES[table],
                    done=done,
                    percent=percent,
                )
