"""Competitions of any size, made by a few statements each: facts as the engine leaves them, without its history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from batch_platform.core.postgres import Connection
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine
from batch_platform.trading.store import Session

TOKENS: Final = 25
CASH: Final = "USDC"


def competition(session: Session, name: str, *, users: int, at: datetime) -> Campaign:
    """Players who got every token three hours before `at`, priced every hour, and valued an hour before `at`."""
    number = session.add_campaign(name=name, kind="loaded")
    assert number is not None, "a name is used once"
    tokens = [{"symbol": f"T{token:02}", "decimals": 9, "perp_max_leverage": 20} for token in range(TOKENS - 1)]
    session.add_tokens(number, [*tokens, {"symbol": CASH, "decimals": 6}])
    _run(session.connection, _PLAYERS, campaign_no=number, name=name, users=users, at=at)
    session.make_partition((at - timedelta(hours=1)).date())
    session.make_partition(at.date())
    session.take_snapshot(number, at - timedelta(hours=1), None)
    return engine.campaign(session, name)


def _run(connection: Connection, statements: str, **values: Any) -> None:
    """Statements one after the other; what refers to rows that are there is not looked up row by row."""
    connection.execute("SET LOCAL session_replication_role = replica")
    for statement in statements.split(";\n"):
        connection.execute(statement.encode(), values)
    connection.execute("SET LOCAL session_replication_role = origin")


_PLAYERS: Final = """
SELECT setseed(0.5);
INSERT INTO price_ticks (token_no, at, price_usd, j, source, observed_at)
SELECT t.token_no, a.at, CASE t.symbol WHEN 'USDC' THEN 1 ELSE trunc((100 * random() + 0.01)::numeric, 8) END, 0, 'given', a.at
FROM tokens AS t
CROSS JOIN generate_series(%(at)s::timestamptz - interval '3 hours', %(at)s, interval '1 hour') AS a (at)
WHERE t.campaign_no = %(campaign_no)s;
INSERT INTO ticks (campaign_no, at, kind)
SELECT %(campaign_no)s, a.at, 'given'
FROM generate_series(%(at)s::timestamptz - interval '3 hours', %(at)s, interval '1 hour') AS a (at);
INSERT INTO users (campaign_no, id, username, wallet_address, acted_at, created_at, updated_at)
SELECT %(campaign_no)s, %(name)s || '-' || n, 'player ' || n, %(name)s || '-' || n, a.at, a.at, a.at
FROM generate_series(1, %(users)s) AS n, (SELECT %(at)s::timestamptz - interval '3 hours') AS a (at);
INSERT INTO user_balances (user_no, token_no, balance, updated_at)
SELECT u.user_no, t.token_no, trunc((1000 * random())::numeric, t.decimals), u.created_at
FROM users AS u
CROSS JOIN tokens AS t
WHERE u.campaign_no = %(campaign_no)s AND t.campaign_no = %(campaign_no)s;
INSERT INTO flows (user_no, flow, at, amounts, is_baseline, valued_at, value_usd)
SELECT u.user_no, 'initial', u.created_at, jsonb_object_agg(t.symbol, b.balance::text), true, u.created_at,
       half_even(sum(b.balance * p.price_usd), 8)
FROM users AS u
JOIN user_balances AS b USING (user_no)
JOIN tokens AS t USING (token_no)
JOIN price_ticks AS p ON p.token_no = b.token_no AND p.at = u.created_at
WHERE u.campaign_no = %(campaign_no)s
GROUP BY u.user_no;
INSERT INTO postings (campaign_no, user_no, token_no, at, kind, flow_no, wallet, house)
SELECT %(campaign_no)s, b.user_no, b.token_no, f.at, f.flow, f.flow_no, b.balance, -b.balance
FROM flows AS f
JOIN user_balances AS b USING (user_no)
JOIN users AS u USING (user_no)
WHERE u.campaign_no = %(campaign_no)s;
UPDATE users AS u SET baseline_at = f.valued_at, baseline_usd = f.value_usd
FROM flows AS f
WHERE f.user_no = u.user_no AND u.campaign_no = %(campaign_no)s;
ANALYZE tokens, users, user_balances, flows, postings, price_ticks"""
