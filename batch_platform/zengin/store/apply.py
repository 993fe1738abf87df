"""The guarded apply: approved changes into the master, all that still hold in one transaction, or none.

Each row is written only if the master is as it was when the row was proposed. What is not so is a conflict and stays
as it was found; the rest is applied, in an order in which no branch is ever without its bank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import polars as pl
import psycopg

from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.zengin.content import row_hashes, row_text
from batch_platform.zengin.model import VALUES, DiffType, Table
from batch_platform.zengin.store.master import Master, search_expr

OUTCOME_SCHEMA: Final = dict.fromkeys(("diff_id", "table", "key", "diff_type", "outcome", "reason"), pl.String())
"""What became of each row. `outcome`: `applied`, `already` (by an earlier run, or an addition that is there as
proposed), `conflict` (`reason`: changed, exists, missing) or `waiting` (no_bank: its bank is not there yet;
has_branches: a bank whose branches are not all gone)."""

_ORDER: Final = (
    (Table.BANKS, DiffType.ADDITION),
    (Table.BANKS, DiffType.UPDATE),
    (Table.BRANCHES, DiffType.ADDITION),
    (Table.BRANCHES, DiffType.UPDATE),
    (Table.BRANCHES, DiffType.DELETION),
    (Table.BANKS, DiffType.DELETION),
)


@dataclass(frozen=True, eq=False)
class ApplyResult:
    """What an apply did, in rows. `counts` are those applied, by `{table}.{diff_type}`; `outcomes` every row."""

    applied: int
    already: int
    conflicts: int
    waiting: int
    counts: Mapping[str, int]
    outcomes: pl.DataFrame


class Apply(Master):
    """Writes `banks`, `branches`, `change_history` and `conflicts`; triggers keep the validity history."""

    def stage_and_apply(
        self, changeset_id: str, changes: pl.DataFrame, *, business_date: date, now: datetime, dry_run: bool = False
    ) -> ApplyResult:
        """Apply the approved changes of a changeset (`RECORD_SCHEMA`, or its `diff_id` + `CHANGE_SCHEMA` columns).

        Waits for any other apply, and for whoever is editing the master. A dry run executes the same statements
        and rolls them back. Raises `PermanentFailure`, with nothing applied, for rows that are not what was hashed,
        a key that occurs twice, or when other than the rows judged were written.
        """
        _require_once(changeset_id, changes)
        _require_hashed(changeset_id, changes)
        with _refusals(changeset_id), self.connection.transaction(force_rollback=dry_run):
            self._run("lock_apply")
            if not self._rows("changesets", **_only(changeset_id)):
                raise NotFound(
                    "unknown-changeset",
                    "there is no changeset {changeset}",
                    changeset=changeset_id,
                    field="changeset_id",
                )
            self._run("lock_master")
            self._run("set_business_date", business_date=business_date)
            self._stage(changes)
            result = self._write(changeset_id, business_date, now)
            self.mend_search()
            self._run("drop_staged")
            self._run("forget_business_date")
        return result

    def _stage(self, changes: pl.DataFrame) -> None:
        self._run("create_staged")
        sides = [
            pl.col(side).struct.field(value).alias(f"{side}_{value}") for side in ("old", "new") for value in VALUES
        ]
        self._copy_temporary(
            "zengin_staged",
            changes.select(
                "diff_id",
                pl.col("table").alias("table_name"),
                pl.col("key").alias("record_id"),
                *("bank_code", "branch_code", "diff_type"),
                *sides,
                *("base_hash", "new_hash"),
                search_expr("new").alias("search"),
            ),
        )
        self._run("analyze_staged")
        self._run("judge_staged")
        self._run("analyze_judged")
        self._run("await_banks")
        self._run("await_branches")

    def _write(self, changeset_id: str, business_date: date, now: datetime) -> ApplyResult:
        judged = self._rows("judged_counts")
        totals = dict.fromkeys(("applied", "already", "conflict", "waiting"), 0)
        for row in judged:
            totals[row["outcome"]] += row["rows"]
        counts = {
            f"{row['table_name']}.{row['diff_type']}": row["rows"] for row in judged if row["outcome"] == "applied"
        }
        for table, diff_type in _ORDER:
            if expected := counts.get(f"{table}.{diff_type}", 0):
                written = self._run(f"apply_{table}_{diff_type}", now=now)
                _require(changeset_id, written, expected, f"{diff_type} rows of {table}")
        kept = self._run("insert_history", changeset_id=changeset_id, business_date=business_date, now=now)
        _require(changeset_id, kept, totals["applied"], "rows of change_history")
        self._run("save_conflicts", changeset_id=changeset_id, now=now)
        self._run("settle_conflicts")
        return ApplyResult(
            applied=totals["applied"],
            already=totals["already"],
            conflicts=totals["conflict"],
            waiting=totals["waiting"],
            counts=counts,
            outcomes=self._texts("outcomes", OUTCOME_SCHEMA).sort("table", "key", "diff_id"),
        )


def _only(changeset_id: str) -> dict[str, object]:
    """Parameters of the statement `changesets` for one of them."""
    nothing = dict.fromkeys(("statuses", "business_date", "inverse_of", "before", "before_id"))
    return {**nothing, "ids": [changeset_id], "limit": 1}


def _require(changeset_id: str, written: int, expected: int, what: str) -> None:
    if written != expected:
        raise PermanentFailure(
            "rows-not-written",
            "changeset {changeset} was not applied: {expected} {what} were to be written, not {found}",
            changeset=changeset_id,
            expected=expected,
            what=what,
            found=written,
        )


def _require_once(changeset_id: str, changes: pl.DataFrame) -> None:
    twice = changes.filter(pl.struct("table", "key").is_duplicated())
    if not twice.is_empty():
        row = twice.row(0, named=True)
        raise PermanentFailure(
            "row-changed-twice",
            "changeset {changeset} was not applied: it changes {table} {key} twice",
            changeset=changeset_id,
            table=row["table"],
            key=row["key"],
        )


def _require_hashed(changeset_id: str, changes: pl.DataFrame) -> None:
    """What is applied is what was approved: every row is the one its hash names."""
    for side, name in (("old", "base_hash"), ("new", "new_hash")):
        values = [pl.col(side).struct.field(value) for value in VALUES]
        # a bank has no branch code, and its hash leaves it out
        texts = changes.select(
            pl.when(pl.col("branch_code").is_null())
            .then(row_text(["bank_code", *values]))
            .otherwise(row_text(["bank_code", "branch_code", *values]))
            .alias("text")
        ).get_column("text")
        wrong = changes.filter(row_hashes(texts).ne_missing(changes.get_column(name)))
        if not wrong.is_empty():
            row = wrong.row(0, named=True)
            raise PermanentFailure(
                "row-not-as-hashed",
                "changeset {changeset} was not applied: {table} {key} of {record} is not the row that {hash} names",
                changeset=changeset_id,
                table=row["table"],
                key=row["key"],
                record=row["diff_id"],
                hash=name,
            )


@contextmanager
def _refusals(changeset_id: str) -> Iterator[None]:
    """A constraint of the tables speaks last."""
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        reason = error.diag.message_detail or error.diag.message_primary or str(error)
        raise PermanentFailure(
            "changeset-not-applied",
            "changeset {changeset} was not applied: {reason}",
            changeset=changeset_id,
            reason=reason,
        ) from error
