"""Old snapshots, thinned by hand."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, print_rows, showing
from batch_platform.kit.options import DryRun, Json, day
from batch_platform.trading import answer
from batch_platform.trading.cli.options import acting
from batch_platform.trading.service.retention import PRUNE


@writes(PRUNE)
def prune_command(
    day: Annotated[date, typer.Option("--date", parser=day, metavar="YYYY-MM-DD", help="As of this day, a Sunday.")],
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="NAME", help="This competition alone; default: all of them.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Thin the snapshots as of a day: 30 days stay whole, to 90 days one in three hours, older ones one a day.

    What sources of prices answered goes after 30 days.
    """
    from batch_platform.trading.service.retention import prune

    with acting() as mine, showing("thinning"):
        if dry_run:
            done = prune(mine.context, day, campaign=campaign, dry_run=True)
        else:
            with mine.log.intent(PRUNE, campaign or "all") as intent:
                done = prune(mine.context, day, campaign=campaign)
                intent.after = {"date": day.isoformat(), "removed": done.removed}
    if as_json:
        pruned = {"date": day, "removed": done.removed, "dry_run": dry_run}
        print_json({**pruned, "campaigns": answer.json_of(done.campaigns), "partitions": done.partitions})
        return
    would = "would go" if dry_run else "gone"
    rows = [
        {"campaign": each.campaign, "as of": str(each.date), would: each.removed, "looks at prices": each.looks}
        for each in done.campaigns
    ]
    print_rows(rows, empty="no campaigns")
