"""What was applied, and what was in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from batch_platform.zengin.content import content_hash
from batch_platform.zengin.model import BANK_SCHEMA, BRANCH_SCHEMA, CHANGE_SCHEMA, VALUES
from batch_platform.zengin.store.statements import ZenginStatements

HISTORY_SCHEMA: Final = {"diff_id": pl.String(), **CHANGE_SCHEMA}
_FLAT: Final = dict.fromkeys(
    (
        *("diff_id", "table", "key", "bank_code", "branch_code", "diff_type"),
        *(f"old_{value}" for value in VALUES),
        *(f"new_{value}" for value in VALUES),
        *("base_hash", "new_hash"),
    ),
    pl.String(),
)
_HASHES: Final = dict.fromkeys(("table", "key", "base_hash", "new_hash"), pl.String())


class History(ZenginStatements):
    """`change_history` and `conflicts`."""

    def history(self, changeset_id: str) -> pl.DataFrame:
        """What a changeset applied, as `HISTORY_SCHEMA`, in the order in which it was written."""
        flat = self._frame("history", _FLAT, changeset_id=changeset_id)
        sides = [
            pl.when(pl.col(f"{side}_name").is_not_null())
            .then(pl.struct(pl.col(f"{side}_{value}").alias(value) for value in VALUES))
            .alias(side)
            for side in ("old", "new")
        ]
        return flat.with_columns(sides).select(*HISTORY_SCHEMA)

    def history_page(
        self, *, changeset_id: str | None = None, key: str | None = None, before: int | None = None, limit: int
    ) -> list[dict[str, Any]]:
        """Applied changes, the newest first; `before` is the last page's last `id`."""
        return self._rows("history_page", changeset_id=changeset_id, key=key, before=before, limit=limit)

    def history_counts(self, changeset_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Applied rows of changesets by `{table}.{diff_type}`; of those that applied any."""
        counts: dict[str, dict[str, int]] = {}
        for row in self._rows("history_counts", changeset_ids=list(changeset_ids)):
            name = f"{row['table_name']}.{row['operation_type']}"
            counts.setdefault(row["changeset_id"], {})[name] = row["rows"]
        return counts

    def history_by_day(self, *, since: date) -> list[dict[str, Any]]:
        """Applied rows by business date, table and operation."""
        return self._rows("history_by_day", since=since)

    def recent_applied(self, *, since: date) -> pl.DataFrame:
        """`table`, `key`, `base_hash`, `new_hash` of what was applied for business dates after `since`.

        Without what filled an empty master: else every deletion after it would undo one of its additions.
        """
        # not at import: polars would start its threads, and a process forked later would wait for them forever
        nothing = content_hash(pl.DataFrame(schema=BANK_SCHEMA), pl.DataFrame(schema=BRANCH_SCHEMA))
        return self._frame("recent_applied", _HASHES, since=since, empty_master=nothing)

    def conflicts(
        self, changeset_id: str, *, after: Mapping[str, Any] | None = None, limit: int
    ) -> list[dict[str, Any]]:
        """Approved rows of a changeset that were left out, by table and key; `after` is the last page's last row."""
        place = {
            "after_table": after and after["table_name"],
            "after_key": after and after["record_id"],
            "after_id": after and after["diff_id"],
        }
        return self._rows("conflicts", changeset_id=changeset_id, limit=limit, **place)

    def purge_history(self, *, before: datetime, dry_run: bool = False) -> int:
        """Delete what was executed before a moment; how many rows."""
        if dry_run:
            [row] = self._rows("count_history_before", before=before)
            return int(row["rows"])
        return self._run("purge_history", before=before)
