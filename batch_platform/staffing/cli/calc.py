"""`staffing calc`: the rules alone."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from batch_platform.core.terminal import print_json, say
from batch_platform.kit.options import File


class Kind(StrEnum):
    """What is calculated."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit-note"
    TAX_NUMBER = "tax-number"
    DUE_DATE = "due-date"
    NEXT = "next"
    CATCH_UP = "catch-up"
    USAGE = "usage"


def calc_command(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=f"One of {', '.join(Kind)}.")],
    file: File,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, an answer a line.")] = False,
) -> None:
    """The rules alone: JSON Lines in, an answer a line out, nothing stored. The README of staffing has the fields."""
    from batch_platform.core.json_lines import objects, read_decimals, read_lines
    from batch_platform.staffing.calc import CALCULATIONS

    # all lines are known to be good before anything is printed
    answers = [
        CALCULATIONS[kind.value](number, value) for number, value in objects(read_lines(file), read=read_decimals)
    ]
    for answer in answers:
        if as_json:
            say(json.dumps(answer, ensure_ascii=False))
        else:
            print_json(answer)
