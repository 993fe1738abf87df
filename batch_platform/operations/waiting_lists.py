"""Waiting lists as data: each is a statement that gives what waits for a person or a moment, since when, until when.

Approvals, what failed and needs somebody, and deadlines: `waiting` reads them for people and reminds of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from psycopg.sql import SQL

from batch_platform.core.messages import Message
from batch_platform.core.sql import load

Facts = Mapping[str, Any]
"""What fills a row's sentence: texts and whole numbers, by the names of its places."""


@dataclass(frozen=True)
class WaitingList:
    """One kind of thing that waits.

    `statement`  gives rows `(subject, job, since, until, not_by, facts)` of types text, text, timestamptz,
                 timestamptz, text[] and jsonb: at most `%(limit)s` of them, what ends first first. It may use
                 `%(now)s` and the list's own `parameters`. `job` and `until` may be NULL; `not_by` are accounts that
                 may not decide it, as they have asked for it or approved it already
    `title`      what kind of thing it is
    `what`       the sentence of a row, of its facts
    `path`       the page on which it is decided, with places for `subject` and facts
    `permission` who may decide it; None: that of the row's job
    `then`       what happens at `until`; None where nothing ends
    `lead`       so long before `until` somebody is reminded, once; None: nobody, as what happens then is told itself
    `patience`   what waits longer, without an end, is reminded of once; None: never
    """

    name: str
    domain: str
    statement: SQL
    title: Message
    what: Callable[[Facts], Message]
    path: str
    permission: str | None
    then: Message | None = None
    lead: timedelta | None = None
    patience: timedelta | None = None
    reads: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def waiting_lists_of(domain: str, statements: Mapping[str, SQL]) -> Callable[..., WaitingList]:
    """Makes a domain's lists: `name, title, what`, the other fields, and parameters of the statement by their names.

    Of `btc-approval` the statement is `waiting_approval`. Who has the permission `<domain>:read` sees it, unless
    `reads` names another one.
    """

    def waiting_list(
        name: str,
        title: Message,
        what: Callable[[Facts], Message],
        *,
        path: str,
        permission: str | None,
        then: Message | None = None,
        lead: timedelta | None = None,
        patience: timedelta | None = None,
        reads: str = "",
        **parameters: Any,
    ) -> WaitingList:
        statement = statements[f"waiting_{name.removeprefix(f'{domain}-').replace('-', '_')}"]
        return WaitingList(
            name=name,
            domain=domain,
            statement=statement,
            title=title,
            what=what,
            path=path,
            permission=permission,
            then=then,
            lead=lead,
            patience=patience,
            reads=reads or f"{domain}:read",
            parameters=parameters,
        )

    return waiting_list


_list: Final = waiting_lists_of("operations", load("batch_platform.operations.sql"))

OLDEST_MOMENT: Final = timedelta(days=7)
"""A moment that was missed longer ago is nobody's concern: a newer one has made up for it, or is missed itself."""

LISTS: Final = (
    _list(
        "dead-letter",
        Message("waiting-dead-letter", "A run that failed for good"),
        lambda facts: Message("waiting-dead-letter-of", "{job} {place} failed after {attempts} attempts", **facts),
        path="/console/dead-letters/{subject}",
        permission="dead-letters:handle",
        patience=timedelta(days=1),
        reads="batch:read",
    ),
    _list(
        "missed-moment",
        Message("waiting-missed-moment", "A job that should run"),
        lambda facts: Message("waiting-missed-moment-of", "{job} has not run by {schedule} yet", **facts),
        path="/console/jobs/{job}",
        permission=None,
        then=Message("waiting-missed-moment-then", "it counts as missed, and an incident is opened"),
        reads="batch:read",
        horizon=OLDEST_MOMENT,
    ),
    _list(
        "pause",
        Message("waiting-pause", "Maintenance window"),
        lambda facts: Message("waiting-pause-of", "everything is paused: {reason} ({by})", **facts),
        path="/console/pauses",
        permission="pauses:declare",
        then=Message("waiting-pause-then", "schedules and sensors start again, and what they left is caught up"),
        lead=timedelta(minutes=30),
        reads="batch:read",
    ),
)
"""The platform's own. A missed run and a job that is late are incidents of their own: nobody is reminded of them."""
