"""Options and arguments that several commands of staffing take."""

from __future__ import annotations

from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from batch_platform.core.terminal import print_json, say, write_out
from batch_platform.kit import session
from batch_platform.kit.options import day, parser
from batch_platform.staffing.instants import parse_instant
from batch_platform.staffing.opening import open_context

acting = partial(session.of_command, open_context, unnamed=True)
"""In the local environment the system's user may act where no account is named."""

instant = parser(parse_instant)
Day = Annotated[date, typer.Option("--date", parser=day, metavar="YYYY-MM-DD", help="A business day in Tokyo.")]


Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the PDF goes; default: stdout.")
]


def hand_out(pdf: bytes, output: Path | None, *, as_json: bool = False) -> None:
    """A PDF into a file, or onto stdout, or what it is as JSON. Raises `InvalidInput` where it cannot be written."""
    if output is not None or not as_json:
        write_out(pdf, output)
    digest = sha256(pdf).hexdigest()
    if as_json:
        print_json({"pdf_sha256": digest, "bytes": len(pdf)})
    elif output is not None:
        say(f"{output}: {len(pdf)} bytes, SHA-256 {digest}")
