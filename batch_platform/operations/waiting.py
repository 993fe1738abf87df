"""What waits for whom, since when and until when; and reminders, before it ends or once it has waited long.

A reminder is an incident of one of two rules, judged over what waits now: opened once, told once, resolved when it
waits no more. The index that keeps one incident open per rule and subject keeps monitors apart, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import dict_row

from batch_platform.core.caller import person
from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.messages import Message, Parameter, to_json
from batch_platform.core.sql import load
from batch_platform.operations import alerts
from batch_platform.operations.alerts import Rule
from batch_platform.operations.model import Severity
from batch_platform.operations.waiting_lists import WaitingList
from batch_platform.web.access.model import Principal, Role, allowed
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.operations.context import OperationsContext

AT_MOST: Final = 200
"""So much of each kind is shown, what ends first first."""
_REMINDED_AT_MOST: Final = 10_000

_SQL: Final = load("batch_platform.operations.sql")
_UNKNOWN: Final = "batch:execute"  # of a job that only a newer release of this platform knows
_DONE: Final = N_("it was decided, or has ended")
_SUBJECT_OF: Final = {"subjects": (), "jobs": (), "summaries": ()}

EXPIRING: Final = Rule("waiting-expires", Severity.WARNING, _SQL["rule_reminder"], _DONE, _SUBJECT_OF)
LONG: Final = Rule("waiting-long", Severity.WARNING, _SQL["rule_reminder"], _DONE, _SUBJECT_OF)
REMINDERS: Final = (EXPIRING, LONG)


@dataclass(frozen=True)
class Waiting:
    """One thing that waits: a row of a waiting list. `permission` is what deciding it takes."""

    of: WaitingList
    subject: str
    job: str | None
    since: datetime
    until: datetime | None
    not_by: tuple[str, ...]
    what: Message
    path: str
    permission: str

    @property
    def id(self) -> str:
        return f"{self.of.name} {self.subject}"

    @property
    def then(self) -> Message | None:
        """What happens at `until`."""
        return self.of.then if self.until is not None else None

    def roles(self, reader: Principal) -> list[Role]:
        """Who may decide it, by roles."""
        return [role for role in Role if allowed([role], self.permission, reader.grants)]

    def may_decide(self, reader: Principal) -> bool:
        """Whether the reader himself may decide it: by his permissions, and nothing of it is his own word."""
        return reader.may(self.permission) and person(reader.subject) not in map(person, self.not_by)


def listed(
    ctx: OperationsContext, reader: Principal, *, mine: bool = False, domain: str | None = None
) -> list[Waiting]:
    """What waits now of all that the reader may see, what ends first first; `mine`: what he may decide himself."""
    lists = [each for each in ctx.waiting if reader.may(each.reads) and domain in (None, each.domain)]
    rows = _read(ctx, lists, limit=AT_MOST)
    return sorted((row for row in rows if not mine or row.may_decide(reader)), key=_urgency)


def count(ctx: OperationsContext, reader: Principal) -> int:
    """How much waits that the reader may decide himself; nothing is asked for who decides nothing."""
    lists = [each for each in ctx.waiting if each.permission is None or reader.may(each.permission)]
    if not any(each.permission for each in lists):
        return 0
    return sum(row.may_decide(reader) for row in _read(ctx, lists, limit=AT_MOST))


def remind(ctx: OperationsContext) -> None:
    """Open a reminder of what ends soon and of what waits long without an end; resolve those of what is decided."""
    now = ctx.clock()
    lists = [each for each in ctx.waiting if each.lead is not None or each.patience is not None]
    rows = list(_read(ctx, lists, limit=_REMINDED_AT_MOST))
    _judge(ctx.pool, EXPIRING, [row for row in rows if _ends_soon(row, now)], now)
    _judge(ctx.pool, LONG, [row for row in rows if _waits_long(row, now)], now)


def _read(ctx: OperationsContext, lists: Sequence[WaitingList], *, limit: int) -> Iterator[Waiting]:
    """A statement a list, in one transaction."""
    from batch_platform.core import postgres

    now = ctx.clock()
    permissions: dict[str | None, str] = {job.name: job.permission for job in ctx.registry}
    with postgres.transaction(ctx.pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
        for each in lists:
            values = {**each.parameters, "now": now, "limit": limit}
            for row in cursor.execute(each.statement, values).fetchall():
                yield _waiting(permissions, each, row)


def _waiting(permissions: Mapping[str | None, str], of: WaitingList, row: dict[str, Any]) -> Waiting:
    facts, job = row["facts"], row["job"]
    return Waiting(
        of=of,
        subject=row["subject"],
        job=job,
        since=row["since"],
        until=row["until"],
        not_by=tuple(row["not_by"]),
        what=of.what(facts),
        path=of.path.format_map({**facts, "subject": row["subject"]}),
        permission=of.permission or permissions.get(job, _UNKNOWN),
    )


def _urgency(row: Waiting) -> tuple[bool, datetime]:
    return row.until is None, row.until or row.since


def _ends_soon(row: Waiting, now: datetime) -> bool:
    """From `lead` before its end on, but not before half of its time is over."""
    if row.until is None or row.of.lead is None:
        return False
    return now >= max(row.until - row.of.lead, row.since + (row.until - row.since) / 2)


def _waits_long(row: Waiting, now: datetime) -> bool:
    return row.until is None and row.of.patience is not None and now >= row.since + row.of.patience


def _judge(pool: Pool, rule: Rule, rows: Sequence[Waiting], now: datetime) -> None:
    given = {
        "subjects": [row.id for row in rows],
        "jobs": [row.job for row in rows],
        "summaries": [_summary(row) for row in rows],
    }
    alerts.judge(pool, replace(rule, parameters=given), now=now)


def _summary(row: Waiting) -> str:
    """The message of a reminder as JSON."""
    facts: dict[str, Parameter] = {"title": row.of.title, "since": _jst(row.since), "what": row.what}
    if row.until is None or row.then is None:
        return to_json(Message("waits", "{title} waits since {since}: {what}", **facts))
    facts |= {"until": _jst(row.until), "then": row.then}
    return to_json(Message("waits-until", "{title} waits since {since}: {what}; at {until}: {then}", **facts))


def _jst(moment: datetime) -> str:
    return f"{moment.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M} JST"
