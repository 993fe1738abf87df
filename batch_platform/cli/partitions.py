"""`batch-platform jobs partitions …`: when a partition of an asset was made, and its wiping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.cli import jobs
from batch_platform.cli.backfills import jobs_app as jobs_app
from batch_platform.core.surfaces import writes
from batch_platform.kit.options import DryRun, Json

if TYPE_CHECKING:
    from batch_platform.operations.partitions import Partition

partitions_app = typer.Typer(no_args_is_help=True, help="Partitions of assets, as Dagster remembers them.")
jobs_app.add_typer(partitions_app, name="partitions")

Asset = Annotated[str, typer.Argument(metavar="ASSET", help="The asset's key, e.g. finops/cur_line_items.")]
Key = Annotated[str, typer.Argument(metavar="PARTITION", help="The partition's key.")]


@partitions_app.command("show")
def show_partition(asset: Asset, partition: Key, as_json: Json = False) -> None:
    """Show when and by which runs a partition was materialized, newest first."""
    from batch_platform.operations import partitions

    with jobs.operations_opened() as operations:
        _print(partitions.partition(operations, asset, partition), as_json=as_json)


@partitions_app.command("wipe")
@writes("partition.wipe")
def wipe_partition(
    asset: Asset,
    partition: Key,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let Dagster forget that a partition was materialized; its data stays. Prints what is forgotten."""
    from batch_platform.operations import actions, partitions

    with jobs.operations_opened() as operations:
        if dry_run:
            wiped = partitions.wipeable(operations, asset, partition, reason=reason)
        else:
            wiped = actions.wipe(operations, jobs.log_here(operations), asset, partition, reason=reason)
    _print(wiped, as_json=as_json)


def _print(partition: Partition, *, as_json: bool) -> None:
    from batch_platform.operations.web.partition_schemas import PartitionAnswer
    from batch_platform.operations.web.schemas import written

    rows: list[dict[str, Any]] = [{"at": made.at, "run": made.run_id} for made in partition.materializations]
    jobs.print_answer(rows, written(PartitionAnswer.of(partition)), as_json=as_json, empty="never materialized")
