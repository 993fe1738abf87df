"""Options and arguments that several commands of staffing take."""

from __future__ import annotations

import sys
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import print_json, say
from batch_platform.kit.options import day, parser
from batch_platform.staffing.instants import parse_instant

instant = parser(parse_instant)
Day = Annotated[date, typer.Option("--date", parser=day, metavar="YYYY-MM-DD", help="A business day in Tokyo.")]


Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the PDF goes; default: stdout.")
]


def hand_out(pdf: bytes, output: Path | None, *, as_json: bool = False) -> None:
    """A PDF into a file, or onto stdout, or what it is as JSON. Raises `InvalidInput` where it cannot be written."""
    digest = sha256(pdf).hexdigest()
    if output is not None:
        try:
            output.write_bytes(pdf)
        except OSError as error:
            raise InvalidInput(
                "output-not-written",
                "{file} cannot be written: {reason}",
                file=str(output),
                reason=str(error.strerror),
                field="output",
            ) from None
    if as_json:
        print_json({"pdf_sha256": digest, "bytes": len(pdf)})
    elif output is None:
        sys.stdout.buffer.write(pdf)
    else:
        say(f"{output}: {len(pdf)} bytes, SHA-256 {digest}")
