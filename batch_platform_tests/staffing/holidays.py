"""Japan's national holidays by another library than the product's."""

from __future__ import annotations

from datetime import date
from functools import cache


@cache
def national_holidays() -> frozenset[date]:
    from holidays import country_holidays

    return frozenset(country_holidays("JP", years=range(2019, 2043)))
