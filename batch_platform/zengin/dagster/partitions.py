"""How zengin is partitioned: the JST business date."""

from __future__ import annotations

from datetime import date
from typing import Final

import dagster as dg

# The 23:00 run works on the partition of its own day.
DAYS: Final = dg.DailyPartitionsDefinition(start_date="2016-04-01", timezone="Asia/Tokyo", end_offset=1)


def days(context: dg.AssetExecutionContext) -> list[tuple[str, date]]:
    """The key and the day of every partition of this run, oldest first: releases are replayed in their order."""
    return sorted((str(key), date.fromisoformat(str(key))) for key in context.partition_keys)
