"""`staffing reports …`: what the months came to, as PDF."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from batch_platform.core.terminal import print_fields, print_json, say
from batch_platform.kit import actions, lists
from batch_platform.kit.options import Json
from batch_platform.staffing.cli.options import Output, acting, hand_out
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.web.reports import MAIL, REPORTS, Mailing, ReportAnswer

app = typer.Typer(no_args_is_help=True, help="Reports of months: list, look at, print, mail.")

Report = Annotated[str, typer.Argument(metavar="REPORT", help="The id of a version.")]


def _mailing(done: Mailing, as_json: bool) -> None:
    if as_json:
        print_json({"id": done.id, "mailed_to": done.mailed_to})
    else:
        say(f"report {done.id}: {', '.join(done.mailed_to)}")


lists.command(
    app,
    REPORTS,
    "list",
    doc="List reports, the newest first: the newest version of each, or all of them.",
    opened=open_context,
)


@app.command("show")
def show_command(report: Report, as_json: Json = False) -> None:
    """Show a version of a report."""
    from batch_platform.staffing.service.reports import reading

    with open_context() as context:
        answer = lists.written(ReportAnswer.of(reading.report(context, report)))
    if as_json:
        print_json(answer)
        return
    print_fields({name: value for name, value in answer.items() if value not in (None, [])})


@app.command("render")
def render_command(
    report: Report,
    output: Output = None,
    original: Annotated[bool, typer.Option("--original", help="The stored PDF, not a new print.")] = False,
    as_json: Json = False,
) -> None:
    """Print a report of the data as they are now; nothing is stored."""
    from batch_platform.staffing.service.reports import reading

    with open_context() as context:
        pdf = reading.pdf(context, report)[1] if original else reading.render(context, report).pdf
    hand_out(pdf, output, as_json=as_json)


actions.command(
    app,
    MAIL,
    "mail",
    doc="Mail a version to its company, or to the operators; to nobody twice.",
    opened=partial(acting, permission=MAIL.permission),
    target=Report,
    looked=_mailing,
    done=_mailing,
)
