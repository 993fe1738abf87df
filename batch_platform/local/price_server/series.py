"""Recorded prices: the bundled ones of two days, or what somebody has sent; before and after them they repeat.

`series.json`: `{start, step, prices: {mint: [price, …]}}`, the start an instant, the step in seconds, prices in USD
as text, null where the sources knew none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Price = Annotated[Decimal, Field(gt=0, lt=10**18, allow_inf_nan=False)]


class Series(BaseModel):
    """Prices of each mint from `start` on, one a `step` of seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: AwareDatetime
    step: Annotated[int, Field(ge=1, le=86_400)]
    prices: dict[str, Annotated[list[Price | None], Field(min_length=1)]]

    def price(self, mint: str, at: datetime) -> Decimal | None:
        """The newest recorded price of a recorded mint at an instant."""
        recorded = self.prices[mint]
        return recorded[(at - self.start) // timedelta(seconds=self.step) % len(recorded)]


@cache
def bundled() -> Series:
    """The file beside this module."""
    return Series.model_validate_json(Path(__file__).with_name("series.json").read_bytes())
