"""A figure in /metrics as data: a statement that gives its samples at each scrape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg.sql import SQL


@dataclass(frozen=True)
class Gauge:
    """`statement` gives rows `(label, value)` and may use `%(now)s`; `label` names what tells them apart.

    Gauges of one name are one metric: each adds its samples.
    """

    name: str
    documentation: str
    label: str
    statement: SQL
