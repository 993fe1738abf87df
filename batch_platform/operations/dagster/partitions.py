"""One partition of an asset in Dagster's event log: what it remembers of it, and how it forgets that.

Dagster's storage in PostgreSQL wipes whole assets only: its `wipe_asset_partitions` is not implemented (1.13).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from batch_platform.operations.runner import Materialization

if TYPE_CHECKING:
    import dagster as dg

    from batch_platform.operations.model import Registry


def materializations(instance: dg.DagsterInstance, asset: str, partition: str) -> list[Materialization]:
    """Newest first."""
    import dagster as dg

    filters = dg.AssetRecordsFilter(asset_key=dg.AssetKey.from_user_string(asset), asset_partitions=[partition])
    made: list[Materialization] = []
    cursor = None
    while True:
        page = instance.fetch_materializations(filters, limit=1_000, cursor=cursor)
        made += [
            Materialization(record.run_id or None, datetime.fromtimestamp(record.timestamp, UTC))
            for record in page.records
        ]
        if not page.has_more:
            return made
        cursor = page.cursor


def at_work(instance: dg.DagsterInstance, registry: Registry, asset: str, partition: str) -> str | None:
    """A run of the asset that has not ended, unless it is of one other partition.

    What lies in a range, or what a run of no partition makes, is for the asset's own code to say: each counts.
    """
    import dagster as dg
    from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

    for record in instance.get_run_records(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))):
        run = record.dagster_run
        if run.tags.get("dagster/partition", partition) != partition:
            continue
        chosen = {key.to_user_string() for key in run.asset_selection or ()}
        job = registry.of_run(run.job_name, run.tags, chosen)
        if asset in (chosen or (job.assets if job else ())):
            return run.run_id
    return None


def wipe(instance: dg.DagsterInstance, asset: str, partition: str) -> int:
    """Forget all that is said of the partition, in one transaction; how many materializations that were.

    The events of the runs go with it; the asset's other partitions, its dynamic partitions and its data stay.
    """
    import dagster as dg
    from dagster._core.storage.event_log.schema import (
        AssetCheckExecutionsTable,
        AssetEventTagsTable,
        AssetKeyTable,
        SqlEventLogStorageTable,
    )

    key = dg.AssetKey.from_user_string(asset).to_string()
    events, tags = SqlEventLogStorageTable.c, AssetEventTagsTable.c
    kinds = (
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        dg.DagsterEventType.ASSET_FAILED_TO_MATERIALIZE,
        dg.DagsterEventType.ASSET_OBSERVATION,
    )
    storage: Any = instance.event_log_storage
    with storage.index_transaction() as connection:
        rows = connection.execute(
            SqlEventLogStorageTable.delete()
            .where(events.asset_key == key, events.partition == partition)
            .where(events.dagster_event_type.in_([kind.value for kind in kinds]))
            .returning(events.id, events.dagster_event_type)
        ).fetchall()
        gone = [row.id for row in rows]
        connection.execute(AssetEventTagsTable.delete().where(tags.event_id.in_(gone)))
        connection.execute(
            AssetCheckExecutionsTable.delete().where(
                AssetCheckExecutionsTable.c.materialization_event_storage_id.in_(gone)
            )
        )
        # both are kept beside the events and made anew from them where they are missing
        connection.execute(
            AssetKeyTable.update()
            .where(AssetKeyTable.c.asset_key == key)
            .values(cached_status_data=None, last_materialization=None)
        )
    return sum(row.dagster_event_type == kinds[0].value for row in rows)
