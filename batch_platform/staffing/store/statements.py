"""What every part of the store is made of: the statements of `sql/`, run by name in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from psycopg.types.json import Jsonb

from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession

Row = dict[str, Any]

# decimals, days and moments as text, which the database reads exactly
_exact: Final = partial(json.dumps, default=str)


class StaffingStatements(BaseSession):
    """Runs the statements of staffing."""

    _sql = load("batch_platform.staffing.sql")


def rows_of(values: Sequence[Row]) -> Jsonb:
    """Many rows as one parameter."""
    return Jsonb(list(values), dumps=_exact)


def one_row(value: Row) -> Jsonb:
    """A row as a parameter."""
    return Jsonb(value, dumps=_exact)
