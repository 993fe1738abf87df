"""What was moved by day, of all that the reader may see: the movements of the domains, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.operations.movements import Movement

if TYPE_CHECKING:
    from batch_platform.operations.context import OperationsContext
    from batch_platform.web.access.model import Principal


@dataclass(frozen=True)
class Day:
    """What was moved on a day: `amount` in the movement's unit, or the things themselves."""

    day: date
    amount: Decimal
    things: int


@dataclass(frozen=True)
class Moved:
    """A movement's days from `since` to `today`, each there, oldest first."""

    of: Movement
    today: date
    days: tuple[Day, ...]

    @property
    def yesterday(self) -> Day:
        return next(day for day in self.days if day.day == self.today - timedelta(days=1))

    @property
    def month(self) -> Day:
        """This month so far."""
        first = self.today.replace(day=1)
        days = [day for day in self.days if day.day >= first]
        return Day(first, sum((day.amount for day in days), Decimal(0)), sum(day.things for day in days))


def listed(ctx: OperationsContext, reader: Principal) -> list[Moved]:
    """Each movement that the reader may see, of the last 31 days, so of this month too: a statement each."""
    from batch_platform.core import postgres

    shown = [movement for movement in ctx.movements if reader.may(movement.reads)]
    today = ctx.clock().astimezone(BUSINESS_ZONE).date()
    since = today - timedelta(days=30)
    if not shown:
        return []
    with postgres.transaction(ctx.pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return [
            Moved(
                movement, today, _days(cursor.execute(movement.statement, {"since": since}).fetchall(), since, today)
            )
            for movement in shown
        ]


def _days(rows: Sequence[dict[str, object]], since: date, today: date) -> tuple[Day, ...]:
    known = {row["day"]: row for row in rows}
    days = [since + timedelta(days=number) for number in range((today - since).days + 1)]
    return tuple(_day(day, known.get(day)) for day in days)


def _day(day: date, row: dict[str, object] | None) -> Day:
    if row is None:
        return Day(day, Decimal(0), 0)
    things = int(str(row["things"]))
    return Day(day, Decimal(things if row["amount"] is None else str(row["amount"])), things)
