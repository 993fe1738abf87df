"""Lines of a run's log: what matters of them comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

LineKind = Literal["failure", "retry", "warning", "progress", "other"]

FIRST: Final[tuple[LineKind, ...]] = ("failure", "retry", "warning", "progress")
"""What people look for, most urgent first; the rest is Dagster's bookkeeping."""


@dataclass(frozen=True)
class LogLine:
    """`text` may be a message."""

    at: datetime
    text: str
    kind: LineKind


def that_matter(lines: Sequence[LogLine]) -> list[LogLine]:
    """Failures, then retries, warnings and what the work itself has said; each oldest first."""
    return [line for kind in FIRST for line in lines if line.kind == kind]
