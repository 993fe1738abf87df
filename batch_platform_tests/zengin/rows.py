"""Small masters and the changes between them, for tests of the stores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from batch_platform.zengin.diff import diff
from batch_platform.zengin.model import (
    BANK_SCHEMA,
    BRANCH_SCHEMA,
    Changeset,
    ChangesetStatus,
    DiffType,
    Record,
    Risk,
    Status,
    Table,
    Verdict,
)

DAY = date(2026, 11, 10)
NOW = datetime(2026, 11, 10, 14, tzinfo=UTC)
Frames = tuple[pl.DataFrame, pl.DataFrame]


def master(rows: Mapping[str, str]) -> Frames:
    """Frames of banks ("0001": name) and branches ("0001-001": name), whose other columns follow from the name."""
    banks, branches = [], []
    for key, name in sorted(rows.items()):
        values = [name, f"カ{name}", f"か{name}", f"ka-{key}"]
        if len(key) == 4:
            banks.append([key, *values])
        else:
            branches.append([key[:4], key[5:], *values])
    return (
        pl.DataFrame(banks, schema=BANK_SCHEMA, orient="row"),
        pl.DataFrame(branches, schema=BRANCH_SCHEMA, orient="row"),
    )


EMPTY = master({})


def changes(old: Frames, new: Frames, *, prefix: str = "d") -> pl.DataFrame:
    """The changes between two masters, each of a record of its own."""
    changes = diff(*old, *new)
    return changes.select(pl.concat_str(pl.lit(f"{prefix}-"), "table", pl.lit("-"), "key").alias("diff_id"), pl.all())


def changeset(name: str = "c1", **more: Any) -> Changeset:
    values: dict[str, Any] = {
        "id": name,
        "snapshot_hash": "5" * 64,
        "business_date": DAY,
        "verdict": Verdict.ACCEPTED,
        "hold_reason": None,
        "reason": "A few rows differ.",
        "counts": {"rows": 1, "banks.update": 1},
        "payload_hash": "7" * 64,
        "base_content_hash": "8" * 64,
        "status": ChangesetStatus.PENDING,
        "needs_approvals": 1,
        "created_at": NOW,
    }
    return Changeset(**{**values, **more})


def record(number: int = 1, **more: Any) -> Record:
    key = f"0001-{number % 1000:03d}"
    before, after = {"branch_name": "本店"}, {"branch_name": f"本店{number}"}
    values: dict[str, Any] = {
        "id": f"diff-20261110-{number:012x}",
        "timestamp": NOW,
        "status": Status.PENDING,
        "diff_type": DiffType.UPDATE,
        "changeset_id": "c1",
        "table": Table.BRANCHES,
        "key": key,
        "zengin_data": {"bank_code": "0001", "branch_code": key[5:], **after},
        "current_data": {"bank_code": "0001", "branch_code": key[5:], **before},
        "changes": {"branch_name": {"old": "本店", "new": after["branch_name"]}},
        "base_hash": "a" * 64,
        "new_hash": f"{number:064x}",
        "risk": Risk.LOW,
        "change_class": None,
        "reason": "The name differs.",
        "metadata": {"source": "test"},
    }
    return Record(**{**values, **more})
