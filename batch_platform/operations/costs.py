"""Costs as data: each is a statement that gives what something costs by day and currency, for the dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.sql import SQL

from batch_platform.core.messages import Message


@dataclass(frozen=True)
class Costs:
    """What is paid for something.

    `statement`  gives rows `(day, currency, amount)`: a day (UTC) of the newest month that has costs and of the one
                 before it, none later than `%(today)s`
    `path`       the page on which they are looked at, for who `reads`; `source` where they come from is seen
    """

    title: Message
    statement: SQL
    path: str
    source: str
    reads: str
