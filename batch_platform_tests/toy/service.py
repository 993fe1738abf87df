"""The use cases of toy, on `toy.toys`."""

from __future__ import annotations

from typing import Any

from batch_platform.core import postgres
from batch_platform.core.failures import NotFound


def toys(pool: postgres.Pool) -> list[dict[str, Any]]:
    """Name and turns left of every toy."""
    with postgres.transaction(pool) as connection:
        rows = connection.execute("SELECT name, turns FROM toy.toys ORDER BY name").fetchall()
    return [{"name": name, "turns": turns} for name, turns in rows]


def wind(pool: postgres.Pool, name: str, turns: int) -> None:
    """Give a toy its turns. Raises `NotFound`."""
    with postgres.transaction(pool) as connection:
        found = connection.execute("UPDATE toy.toys SET turns = %s WHERE name = %s", (turns, name))
        if not found.rowcount:
            raise NotFound("unknown-toy", "no toy {toy}", toy=name)


def wind_all(pool: postgres.Pool, turns: int) -> int:
    """Give every toy its turns; how many there are."""
    with postgres.transaction(pool) as connection:
        return connection.execute("UPDATE toy.toys SET turns = %s", (turns,)).rowcount
