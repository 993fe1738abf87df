"""Notices are handed over in the transaction of the fact, once per key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from batch_platform.core import postgres
from batch_platform.outbox.model import Category, Channel, Notice
from batch_platform.outbox.service import enqueue

NOW = datetime(2026, 11, 30, 3, tzinfo=UTC)


def rows(pool: postgres.Pool) -> list[dict[str, Any]]:
    with postgres.transaction(pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM outbox.notices ORDER BY key").fetchall()


def mail(key: str, **more: Any) -> Notice:
    return Notice(key, Channel.MAIL, "liquidated", f"{key}@example.com", **more)


def test_many_notices_are_one_statement_and_one_row_a_key(pool: postgres.Pool) -> None:
    given = [
        mail("a", parameters={"amount": Decimal("12.50"), "at": NOW, "name": "山田"}),
        mail("b", category=Category.ADVERTISING, not_before=NOW + timedelta(hours=1)),
        Notice("c", Channel.IN_APP, "liquidated", "wallet-1"),
    ]
    with postgres.transaction(pool) as connection:
        assert enqueue(connection, "trading", given, at=NOW) == 3
    with postgres.transaction(pool) as connection:
        assert enqueue(connection, "trading", [*given, mail("d")], at=NOW + timedelta(days=1)) == 1
        assert enqueue(connection, "staffing", given[:1], at=NOW) == 1
        assert enqueue(connection, "staffing", [], at=NOW) == 0
    kept = [row for row in rows(pool) if row["domain"] == "trading"]
    assert [(row["key"], row["state"], row["created_at"]) for row in kept[:3]] == [
        ("a", "pending", NOW),
        ("b", "pending", NOW),
        ("c", "delivered", NOW),
    ]
    assert kept[0]["parameters"] == {"amount": "12.50", "at": "2026-11-30 03:00:00+00:00", "name": "山田"}
    assert [row["next_attempt_at"] - row["created_at"] for row in kept[:2]] == [timedelta(0), timedelta(hours=1)]
    assert [row["category"] for row in kept[:2]] == ["transactional", "advertising"]


def test_a_notice_is_gone_with_its_fact(pool: postgres.Pool) -> None:
    with postgres.transaction(pool) as connection:
        enqueue(connection, "trading", [mail("a")], at=NOW)
        raise psycopg.Rollback
    assert rows(pool) == []


def test_what_users_type_does_not_roll_the_fact_back(pool: postgres.Pool) -> None:
    name = "'; -- \x00\\u0000\\\x00 \ud800 %s"
    odd = Notice("a", Channel.MAIL, "liquidated", "no address\r\nBcc: all@example.com", {"name": name})
    with postgres.transaction(pool) as connection:
        assert enqueue(connection, "trading", [odd], at=NOW) == 1
    assert rows(pool)[0]["parameters"] == {"name": "'; -- \\u0000\\ ? %s"}


def test_statements_of_a_domain_call_the_function_themselves(pool: postgres.Pool) -> None:
    with postgres.transaction(pool) as connection:
        connection.execute(
            """
            SELECT outbox.enqueue('trading', jsonb_agg(jsonb_build_object(
                       'key', 'fill ' || n, 'channel', 'in_app', 'template', 'filled', 'recipient', 'wallet',
                       'parameters', jsonb_build_object('amount', n::numeric::text))), %s)
              FROM generate_series(1, 1000) n
            """,
            [NOW],
        )
    assert len(rows(pool)) == 1000
