"""How btc is partitioned: a batch each, added when it is created."""

from __future__ import annotations

from typing import Final

import dagster as dg

from batch_platform.btc import jobs

BATCHES: Final = dg.DynamicPartitionsDefinition(name=jobs.BATCHES)


def batches(context: dg.AssetExecutionContext) -> list[tuple[str, str]]:
    """The key and id of the batches of this run, the oldest first: an id begins with the moment it was made."""
    return [(batch_id, batch_id) for batch_id in sorted(map(str, context.partition_keys))]
