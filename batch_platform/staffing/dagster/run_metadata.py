"""What people see of a run in the Dagster UI: counts, tables of the first rows, plots. By name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from batch_platform.kit.assets import outcome, table
from batch_platform.kit.charts import plot
from batch_platform.staffing import plots
from batch_platform.staffing.service.backups import Outcome

Metadata = dict[str, Any]


def of_backup(done: Outcome, nights: Sequence[Mapping[str, Any]]) -> Metadata:
    """What was stored and proved, what was deleted, and how large the backups of these nights are, newest first."""
    shown = {
        **outcome(done),
        "dagster/row_count": done.rows,
        "tables": done.tables,
        "bytes": done.bytes,
        "files": done.files,
        "files without an object": done.missing_files,
        "deleted nights": ", ".join(map(str, done.deleted)) or "none",
    }
    if done.proof and done.proof.faults:
        shown["faults"] = table(pl.DataFrame([asdict(fault) for fault in done.proof.faults]))
    sizes = [(row["night"], row["bytes"]) for row in reversed(nights) if row["bytes"] is not None]
    if sizes:
        shown["size by night"] = plot(plots.sizes(sizes, title="Backups by night"))
    return shown
