"""`staffing verify`: what was billed, against the facts."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from batch_platform.core.terminal import plain, print_json, print_rows, showing
from batch_platform.kit.options import Json, parser
from batch_platform.staffing.months import parse_month
from batch_platform.staffing.opening import open_context

month = parser(parse_month, "is not a month YYYY-MM")
Month = Annotated[date, typer.Option("--month", parser=month, metavar="YYYY-MM", help="The billed month.")]


def verify_command(month: Month, as_json: Json = False) -> None:
    """Work the invoices of a month out again from the facts. Prints equal, or the differences and exits 1."""
    from batch_platform.staffing.service.invoices.verifying import verify

    with open_context() as context, showing("verifying"):
        differences = verify(context, month)
    rows = [plain(each) for each in differences]
    if as_json:
        print_json({"equal": not rows, "differences": rows})
    else:
        print_rows(rows, empty="equal")
    if rows:
        raise typer.Exit(1)
