"""The use cases of toy, on `toy.toys`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from batch_platform.core import postgres
from batch_platform.core.failures import NotFound

Row = dict[str, Any]
Record = Callable[[postgres.Connection, str, str, Any, Any], None]
"""Records a change in its own transaction: what is done, to what, and the state before and after."""


@dataclass(frozen=True)
class ToyContext:
    """What every use case works with."""

    pool: postgres.Pool
    turns: int


def toys(context: ToyContext) -> list[Row]:
    """Name and turns left of every toy."""
    with postgres.transaction(context.pool) as connection:
        rows = connection.execute("SELECT name, turns FROM toy.toys ORDER BY name").fetchall()
    return [{"name": name, "turns": turns} for name, turns in rows]


def toy(context: ToyContext, name: str) -> Row:
    """Raises `NotFound`."""
    toy = next((row for row in toys(context) if row["name"] == name), None)
    if toy is None:
        raise NotFound("unknown-toy", "no toy {toy}", toy=name)
    return toy


def wind(context: ToyContext, name: str, *, record: Record) -> Row:
    """Give a toy its turns, and record it in the same transaction. Raises `NotFound`."""
    before, after = toy(context, name), {"name": name, "turns": context.turns}
    with postgres.transaction(context.pool) as connection:
        connection.execute("UPDATE toy.toys SET turns = %s WHERE name = %s", (context.turns, name))
        record(connection, "toy.wind", name, before, after)
    return after


def wind_all(pool: postgres.Pool, turns: int) -> int:
    """Give every toy its turns; how many there are."""
    with postgres.transaction(pool) as connection:
        return connection.execute("UPDATE toy.toys SET turns = %s", (turns,)).rowcount
