"""Movements as data: each is a statement that gives what a domain has moved on each day, for the dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.sql import SQL

from batch_platform.core.messages import Message


@dataclass(frozen=True)
class Movement:
    """One kind of thing that is moved.

    `statement`  gives rows `(day, amount, things)`: a day of Asia/Tokyo from `%(since)s` on, what was moved on it in
                 `unit` (NULL where things are only counted), and how many things that was
    `path`       the page on which it is looked at, for who `reads`
    """

    title: Message
    unit: Message
    statement: SQL
    path: str
    reads: str
