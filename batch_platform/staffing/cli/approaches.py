"""`staffing approaches …`: what is due, what became of it, and failed ones again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from batch_platform.core.terminal import print_rows
from batch_platform.kit import actions, lists
from batch_platform.kit.options import Json
from batch_platform.staffing.cli.options import acting, instant
from batch_platform.staffing.instants import instant_text
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.web.approaches import APPROACHES, OCCURRENCES, RETRY, DecidedOccurrence

app = typer.Typer(no_args_is_help=True, help="Periodic approaches: when they are due, and what became of them.")

Now = Annotated[
    datetime | None,
    typer.Option("--now", parser=instant, metavar="YYYY-MM-DDTHH:MM:SSZ", help="As of this moment; default: now."),
]


def _occurrences(decided: Sequence[DecidedOccurrence], as_json: bool) -> None:
    rows = [{**asdict(each), "scheduled_for": instant_text(each.scheduled_for)} for each in decided]
    print_rows(rows, as_json=as_json, empty="nothing has failed")


@app.command("due")
def due_command(now: Now = None, as_json: Json = False) -> None:
    """Show which occurrences are due, and whether their policy delivers or skips them."""
    from batch_platform.staffing.service import approaches

    with open_context() as context:
        due = approaches.due(context, now or context.clock())
    rows = [{**asdict(each), "scheduled_for": instant_text(each.scheduled_for)} for each in due]
    print_rows(rows, as_json=as_json, empty="nothing is due")


lists.command(app, APPROACHES, "list", doc="List periodic approaches with their next moments.", opened=open_context)
lists.command(app, OCCURRENCES, "occurrences", doc="List what became of each occurrence.", opened=open_context)
actions.command(
    app,
    RETRY,
    "retry",
    doc="Deliver the failed occurrences of an approach, by its criteria as they are now.",
    opened=partial(acting, permission=RETRY.permission),
    target=Annotated[str, typer.Argument(metavar="APPROACH", help="Its id.")],
    looked=_occurrences,
    done=_occurrences,
)
