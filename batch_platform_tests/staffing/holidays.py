"""Japan's national holidays by another library than the product's."""

from __future__ import annotations

from typing import Final

from holidays import country_holidays

HOLIDAYS: Final = frozenset(country_holidays("JP", years=range(2019, 2043)))
