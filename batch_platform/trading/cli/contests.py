"""Contests as lines: in, beside everything, out; and what is stored against what they come to."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from batch_platform.core.json_lines import read_lines
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, say, showing
from batch_platform.kit.options import DryRun, File, Json
from batch_platform.trading import printing
from batch_platform.trading.cli.options import Campaign, acting, instant
from batch_platform.trading.opening import open_context
from batch_platform.trading.service.contests import LOAD


@writes(LOAD)
def load_command(file: File, campaign: Campaign = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Load a contest into an empty campaign, which is made if it is missing; the same file again changes nothing."""
    from batch_platform.trading.service import contests

    lines = read_lines(file)
    with acting() as mine, showing("playing"):
        name = campaign or mine.context.campaign
        if dry_run:
            done = contests.load(mine.context, lines, name=name, dry_run=True)
        else:
            with mine.log.intent(LOAD, name) as intent:
                done = contests.load(mine.context, lines, name=name)
                intent.after = vars(done)
    if as_json:
        print_json({**vars(done), "dry_run": dry_run})
        return
    counts = f"{done.users:,} players, {done.orders:,} orders, {done.ticks:,} ticks, {done.snapshots:,} snapshots"
    outcome = "would be loaded" if dry_run else "loaded" if done.loaded else "is there already"
    say(f"campaign {done.campaign} {outcome}: {counts}")


def replay_command(
    file: File,
    until: Annotated[
        datetime | None,
        typer.Option("--until", parser=instant, metavar="YYYY-MM-DDTHH:MM:SSZ", help="Leave out what happens later."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play a contest beside everything, touching nothing, and print what it comes to."""
    from batch_platform.trading.service import contests

    lines = read_lines(file)
    with open_context() as context, showing("playing"):
        replayed = contests.replay(context, lines, until=until)
    if as_json:
        say(json.dumps(replayed, ensure_ascii=False, indent=1))
    else:
        printing.contest(replayed)


def export_command(campaign: Campaign = None) -> None:
    """Print a campaign as the lines of a contest, which `replay` and `load` take."""
    from batch_platform.trading.service.export import export

    with open_context() as context, showing("reading"):
        lines = export(context, campaign or context.campaign)
    for line in lines:
        say(line.decode())


def verify_command(campaign: Campaign = None, as_json: Json = False) -> None:
    """Make everything of a campaign again from its facts. Prints equal, or the differences and exits 1."""
    from batch_platform.trading.service.verify import verify

    with open_context() as context, showing("verifying"):
        verified = verify(context, campaign or context.campaign)
    if as_json:
        print_json(printing.verification_json(verified))
    else:
        for line in printing.verification(verified):
            say(line)
    if not verified.is_equal:
        raise typer.Exit(1)
