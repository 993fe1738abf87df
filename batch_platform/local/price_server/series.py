"""The bundled prices of two days, every ten minutes; before and after them they repeat.

`series.json`: `{start, step, prices: {mint: [price, …]}}`, the start an instant, the step in seconds, prices as text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Series:
    """Prices of each mint from `start` on, one a `step`."""

    start: datetime
    step: timedelta
    prices: dict[str, tuple[Decimal, ...]]


def price(mint: str, at: datetime) -> Decimal | None:
    """The newest recorded price at an instant, USD; None for a token that was not recorded."""
    recorded = bundled().prices.get(mint)
    if recorded is None:
        return None
    return recorded[(at - bundled().start) // bundled().step % len(recorded)]


@cache
def bundled() -> Series:
    """The file beside this module."""
    read = json.loads(Path(__file__).with_name("series.json").read_text())
    prices = {mint: tuple(map(Decimal, row)) for mint, row in read["prices"].items()}
    return Series(datetime.fromisoformat(read["start"]), timedelta(seconds=read["step"]), prices)
