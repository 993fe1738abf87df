"""What every command prints: JSON for programs, tables for people, a spinner for who waits at a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.table import Table

from batch_platform.core import progress
from batch_platform.core.failures import InvalidInput

_WIDTH_OF_PIPES: Final = 220


E = TypeVar("E", bound=StrEnum)


def chosen(option: str, text: str, kind: type[E]) -> E:
    """One of the values of `kind`, given by an option. Raises `InvalidInput` naming them all."""
    if text not in set(kind):
        raise InvalidInput(
            "option-not-one-of",
            "--{option} is {choices}, not {value}",
            option=option.replace("_", "-"),
            choices=list(kind),
            value=text,
            field=option,
        )
    return kind(text)


class Figure(str):
    """A number as people read it; it stands at the right of its column."""

    __slots__ = ()


def say(text: str, *, err: bool = False) -> None:
    """A line for people; with `err` on standard error, where output may be a file or JSON."""
    stream = sys.stderr if err else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def print_json(value: object) -> None:
    """Decimals as plain digits, dates and times in ISO 8601."""
    say(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def plain(value: object) -> Any:
    """A dataclass as its JSON reads back: dictionaries, lists, texts and numbers."""
    return json.loads(json.dumps(value, default=_plain))


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool = False, empty: str) -> None:
    """A table with the columns of the first row; `empty` is what people are told when there is none."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    table = Table(box=None)
    for name, value in rows[0].items():
        number = isinstance(value, int | Decimal | Figure)
        table.add_column(name, justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in rows:
        table.add_row(*(shown(value) for value in row.values()))
    console().print(table)


def print_fields(record: Mapping[str, Any], *, label: str = "field") -> None:
    """One record, a row a field."""
    print_rows([{label: name, "value": value} for name, value in record.items()], empty="nothing")


def write_out(content: bytes, output: Path | None) -> None:
    """Into the file, or onto standard output. Raises `InvalidInput` where it cannot be written."""
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise InvalidInput(
            "output-not-written",
            "{file} cannot be written: {reason}",
            file=str(output),
            reason=error.strerror or str(error),
            field="output",
        ) from None


def console() -> Console:
    """As wide as the terminal; wide enough for whole rows where there is none."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH_OF_PIPES)


def shown(value: object) -> str:
    """A value for people: times of this machine, amounts digit by digit, `{"USD": 1}` as 1 USD."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{shown(amount)} {name}" for name, amount in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(shown(each) for each in value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone().isoformat(" ", "seconds")
    return str(value)


@contextmanager
def showing(what: str) -> Iterator[None]:
    """A spinner with what the work reports, on a terminal; silence elsewhere."""
    if not Console(stderr=True).is_terminal:
        yield
        return
    # a stream of its own: while a step of Dagster runs in this process, standard error goes to the step's log
    with (
        os.fdopen(os.dup(sys.stderr.fileno()), "w") as own,
        Console(file=own).status(what) as spinner,
        progress.listening(spinner.update),
    ):
        yield


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return dict(vars(value)) if is_dataclass(value) else str(value)
