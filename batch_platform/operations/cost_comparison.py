"""What domains cost, read by day and currency: the newest month against the former one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from psycopg.rows import dict_row

from batch_platform.operations.costs import Costs

if TYPE_CHECKING:
    from batch_platform.operations.context import OperationsContext
    from batch_platform.web.access.model import Principal

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Comparison:
    """A month's costs in one currency against the former month's, by day of the month, each list from its first.

    `month` is the month's first day and `until` its last one that has costs in any currency; `days` ends there,
    `former` at the end of the former month. It is None where nobody knows that month's costs in any currency.
    """

    currency: str
    month: date
    until: date
    days: tuple[Decimal, ...]
    former: tuple[Decimal, ...] | None

    @property
    def former_month(self) -> date:
        """Its first day."""
        return _former(self.month)[0]

    @property
    def so_far(self) -> Decimal:
        return sum(self.days, Decimal(0))

    @property
    def same_days(self) -> Decimal | None:
        """The former month up to the same day; all of it where it has no such day."""
        return None if self.former is None else sum(self.former[: len(self.days)], Decimal(0))

    @property
    def former_total(self) -> Decimal | None:
        return None if self.former is None else sum(self.former, Decimal(0))

    @property
    def difference(self) -> Decimal | None:
        return None if self.same_days is None else self.so_far - self.same_days

    def cumulated(self) -> tuple[list[Decimal], list[Decimal]]:
        """What had come together by the end of each day, of the month and of the former one."""
        return list(accumulate(self.days)), list(accumulate(self.former or ()))


@dataclass(frozen=True)
class Compared:
    """The costs that a domain declares, a comparison a currency; none where nothing has cost anything yet."""

    of: Costs
    today: date
    by_currency: tuple[Comparison, ...]

    @property
    def is_old(self) -> bool:
        """Whether this month has no costs yet: an older one is shown."""
        return any(shown.month != self.today.replace(day=1) for shown in self.by_currency)


def compare(ctx: OperationsContext, reader: Principal) -> list[Compared]:
    """What the reader may see of the domains' costs: a statement each."""
    from batch_platform.core import postgres

    shown = [costs for costs in ctx.costs if reader.may(costs.reads)]
    if not shown:
        return []
    today = ctx.clock().astimezone(UTC).date()
    with postgres.transaction(ctx.pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return [
            Compared(costs, today, _by_currency(cursor.execute(costs.statement, {"today": today}).fetchall()))
            for costs in shown
        ]


def _by_currency(rows: Sequence[Mapping[str, object]]) -> tuple[Comparison, ...]:
    amounts: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for row in rows:
        day, currency, amount = row["day"], row["currency"], row["amount"]
        assert isinstance(day, date)
        assert isinstance(currency, str)
        assert isinstance(amount, Decimal)
        amounts[currency][day] = amount
    if not amounts:
        return ()
    until = max(day for days in amounts.values() for day in days)
    month = until.replace(day=1)
    first, last = _former(month)
    known = any(day < month for days in amounts.values() for day in days)
    return tuple(
        Comparison(currency, month, until, _days(days, month, until), _days(days, first, last) if known else None)
        for currency, days in sorted(amounts.items())
    )


def _former(month: date) -> tuple[date, date]:
    """The first and the last day of the month before it."""
    last = month - _DAY
    return last.replace(day=1), last


def _days(amounts: Mapping[date, Decimal], first: date, last: date) -> tuple[Decimal, ...]:
    return tuple(amounts.get(first + number * _DAY, Decimal(0)) for number in range((last - first).days + 1))
