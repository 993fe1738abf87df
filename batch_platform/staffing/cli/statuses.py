"""`staffing status`: what every engineer's status is on a day."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from batch_platform.core.terminal import print_rows
from batch_platform.kit.options import Json
from batch_platform.staffing.cli.options import Day, instant
from batch_platform.staffing.opening import open_context

KnownAt = Annotated[
    datetime | None,
    typer.Option(
        "--known-at",
        parser=instant,
        metavar="YYYY-MM-DDTHH:MM:SSZ",
        help="By what was recorded up to this moment; default: by all that is known.",
    ),
]


def status_command(day: Day, known_at: KnownAt = None, as_json: Json = False) -> None:
    """Show every engineer's status on a day, by the facts, whether or not the job has run."""
    from batch_platform.staffing.service import statuses

    with open_context() as context:
        rows = statuses.statuses(context, day, known_at=known_at)
    print_rows([asdict(each) for each in rows], as_json=as_json, empty="no engineers")
