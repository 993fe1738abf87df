"""`staffing load`: facts of the SaaS from JSON Lines."""

from __future__ import annotations

from batch_platform.core.json_lines import read_lines
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, print_rows, say, showing
from batch_platform.kit import session
from batch_platform.kit.options import DryRun, File, Json
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.service.loading import LOAD


@writes(LOAD)
def load_command(file: File, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Load facts from JSON Lines, all of them or none; lines that are there already are passed over."""
    from batch_platform.staffing.service import loading

    lines = read_lines(file)
    with session.of_command(open_context) as mine, showing("loading"):
        if dry_run:
            done = loading.load(mine.context, lines, dry_run=True)
        else:
            with mine.log.intent(LOAD, "facts") as intent:
                done = loading.load(mine.context, lines)
                intent.after = {"added": dict(done.added)}
    for warning in done.warnings:
        say(f"warning: {warning}", err=True)
    if as_json:
        warnings = list(map(str, done.warnings))
        print_json({"added": done.added, "skipped": done.skipped, "warnings": warnings, "dry_run": dry_run})
        return
    would = "would be added" if dry_run else "added"
    rows = [{"kind": kind, would: added, "there already": done.skipped[kind]} for kind, added in done.added.items()]
    print_rows(rows, empty="no lines")
