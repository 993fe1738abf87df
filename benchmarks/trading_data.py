"""Competitions of any size, made by a few statements each: facts as the engine leaves them, without its history."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from batch_platform.core.postgres import Connection
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine
from batch_platform.trading.store import Session

TOKENS: Final = 25
MAX_LEVERAGE: Final = 20
HOUR: Final = timedelta(hours=1)
FALL: Final = Decimal("0.97")


def empty(session: Session) -> None:
    """No competition at all."""
    _run(session.connection, _EMPTY)


def competition(session: Session, name: str, *, users: int, at: datetime, hours: int) -> Campaign:
    """Live, of players who got every token three hours before `at`; valued an hour before, priced every hour.

    `hours` is how many after `at` are priced, too.
    """
    number = session.add_campaign(name=name, kind="live")
    assert number is not None, "a name is used once"
    tokens = [
        {"symbol": f"T{token:02}", "decimals": 9, "perp_max_leverage": MAX_LEVERAGE} for token in range(TOKENS - 1)
    ]
    session.add_tokens(number, [*tokens, {"symbol": "USDC", "decimals": 6}])
    values = {"campaign_no": number, "name": name, "users": users, "begin": at - 3 * HOUR, "end": at + hours * HOUR}
    _run(session.connection, _PLAYERS, **values)
    for hour in range(-1, hours + 1):
        session.make_partition((at + hour * HOUR).date())
    session.take_snapshot(number, at - HOUR, None)
    session.connection.execute(b"ANALYZE portfolio_snapshots")
    return engine.campaign(session, name)


def positions(session: Session, campaign: Campaign, *, count: int, near: int, at: datetime) -> None:
    """Open positions on all tokens at their prices of an instant.

    `near` of them are longs that a fall of 3 % liquidates; the others stand a move of 15 % either way.
    """
    values = {"campaign_no": campaign.number, "usdc_no": campaign.usdc_no, "count": count, "near": near, "at": at}
    _run(session.connection, _POSITIONS, **values)


def quotes(session: Session, campaign: Campaign, at: datetime) -> dict[str, engine.Quote]:
    """The prices of an instant."""
    rows = session.connection.execute(_PRICES, [campaign.number, at]).fetchall()
    return {symbol: engine.Quote(price) for symbol, price in rows}


def fallen(session: Session, campaign: Campaign, at: datetime) -> list[dict[str, Any]]:
    """All but the dollar 3 % below their prices of an instant, as `Session.add_prices` takes them."""
    prices = {symbol: quote.price for symbol, quote in quotes(session, campaign, at).items()}
    return [
        {"token_no": token.number, "price_usd": prices[symbol] * (1 if token is campaign.usdc else FALL)}
        | {"source": "given"}
        for symbol, token in campaign.tokens.items()
    ]


def history(session: Session, campaign: Campaign, *, end: datetime, hours: int) -> int:
    """Hourly snapshots of all players up to `end`, none of them thinned; how many rows."""
    begin = end - (hours - 1) * HOUR
    for day in range((end.date() - begin.date()).days + 1):
        session.make_partition(begin.date() + timedelta(days=day))
    _run(session.connection, _HISTORY, campaign_no=campaign.number, begin=begin, end=end)
    [[rows]] = session.connection.execute(b"SELECT count(*) FROM portfolio_snapshots").fetchall()
    return int(rows)


def _run(connection: Connection, statements: str, **values: Any) -> None:
    """Statements one after the other; what refers to rows that are there is not looked up row by row."""
    connection.execute("SET LOCAL session_replication_role = replica")
    for statement in statements.split(";\n"):
        connection.execute(statement.encode(), values)
    connection.execute("SET LOCAL session_replication_role = origin")


_EMPTY: Final = "TRUNCATE campaigns, postings, price_ticks, portfolio_snapshots CASCADE"

_PRICES: Final = b"""
    SELECT t.symbol, p.price_usd FROM tokens AS t JOIN price_ticks AS p USING (token_no)
    WHERE t.campaign_no = %s AND p.at = %s
"""

_PLAYERS: Final = """
SELECT setseed(0.5);
INSERT INTO ticks (campaign_no, at, kind)
SELECT %(campaign_no)s, a.at, 'given' FROM generate_series(%(begin)s, %(end)s, interval '1 hour') AS a (at);
INSERT INTO price_ticks (token_no, at, price_usd, j, source, observed_at)
SELECT t.token_no, a.at, CASE t.symbol WHEN 'USDC' THEN 1 ELSE trunc((100 * random() + 0.01)::numeric, 8) END,
       0, 'given', a.at
FROM tokens AS t
CROSS JOIN generate_series(%(begin)s, %(end)s, interval '1 hour') AS a (at)
WHERE t.campaign_no = %(campaign_no)s;
UPDATE campaigns SET day = (%(end)s::timestamptz AT TIME ZONE 'UTC')::date, tick_at = %(end)s
WHERE campaign_no = %(campaign_no)s;
INSERT INTO users (campaign_no, id, username, wallet_address, acted_at, created_at, updated_at)
SELECT %(campaign_no)s, %(name)s || '-' || n, 'player ' || n, %(name)s || '-' || n, %(begin)s, %(begin)s, %(begin)s
FROM generate_series(1, %(users)s) AS n;
INSERT INTO user_balances (user_no, token_no, balance, updated_at)
SELECT u.user_no, t.token_no, trunc((1000 * random() + 1)::numeric, t.decimals), u.created_at
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

_POSITIONS: Final = """
WITH opened AS (
    INSERT INTO orders (user_no, campaign_no, id, kind, request, accepted_at, token_no, to_token_no, amount, reserved,
                        leverage, side, status, settled_at, fee)
    SELECT u.user_no, %(campaign_no)s, 'position-' || %(campaign_no)s || '-' || n, 'perp_open', '{}',
           %(at)s::timestamptz - interval '1 second', %(usdc_no)s, t.token_no, 10 + n %% 1000, 10 + n %% 1000,
           CASE WHEN n <= %(near)s THEN 20 ELSE 1 + n %% 5 END,
           CASE WHEN n <= %(near)s OR n %% 2 = 0 THEN 1 ELSE -1 END,
           'filled', %(at)s, 0
    FROM generate_series(1, %(count)s) AS n
    JOIN (SELECT user_no, row_number() OVER () - 1 AS place, count(*) OVER () AS all_users
          FROM users WHERE campaign_no = %(campaign_no)s) AS u ON u.place = n %% u.all_users
    JOIN (SELECT token_no, row_number() OVER () - 1 AS place, count(*) OVER () AS all_tokens
          FROM tokens WHERE campaign_no = %(campaign_no)s AND perp_max_leverage IS NOT NULL) AS t
        ON t.place = n / 7 %% t.all_tokens
    RETURNING order_no, user_no, id, to_token_no, side, leverage, amount
)
INSERT INTO perp_positions (order_no, user_no, id, token_no, side, leverage, max_leverage, entry_price, quantity,
                            collateral, j_open, open_fee, liquidation_price, trigger, opened_at)
SELECT o.order_no, o.user_no, o.id, o.to_token_no, o.side, o.leverage, t.perp_max_leverage, p.price_usd, q.quantity,
       o.amount, p.j, 0, liquidation_price(o.side, o.amount, q.quantity, p.price_usd, 0, t.perp_max_leverage),
       liquidation_trigger(o.side, o.amount, q.quantity, p.price_usd, p.j), p.at
FROM opened AS o
JOIN tokens AS t ON t.token_no = o.to_token_no
JOIN price_ticks AS p ON p.token_no = t.token_no AND p.at = %(at)s
CROSS JOIN LATERAL (SELECT trunc(floor_quotient(o.amount * o.leverage, p.price_usd), 9) AS quantity) AS q;
INSERT INTO perp_classes (token_no, max_leverage)
SELECT token_no, perp_max_leverage FROM tokens WHERE campaign_no = %(campaign_no)s AND perp_max_leverage IS NOT NULL;
INSERT INTO funding_rates (id, token_no, rate, timestamp)
SELECT gen_random_uuid(), token_no, 0.0001, %(at)s FROM perp_classes;
ANALYZE orders, perp_positions, perp_classes, funding_rates"""

_HISTORY: Final = """
SELECT setseed(0.25);
UPDATE users SET baseline_at = %(begin)s WHERE campaign_no = %(campaign_no)s;
INSERT INTO snapshot_instants (campaign_no, at)
SELECT %(campaign_no)s, a.at FROM generate_series(%(begin)s, %(end)s, interval '1 hour') AS a (at)
ON CONFLICT DO NOTHING;
INSERT INTO portfolio_snapshots (user_no, campaign_no, timestamp, total_value_usd, pnl_from_previous, pnl_from_start,
                                 pnl_percentage, net_flows_usd, twr_factor)
SELECT u.user_no, %(campaign_no)s, a.at, u.baseline_usd + m.moved, 0, m.moved, half_even(m.moved * 0.001, 8), 0, 1
FROM generate_series(%(begin)s, %(end)s, interval '1 hour') AS a (at)
CROSS JOIN users AS u
CROSS JOIN LATERAL (SELECT trunc((1000 * random() + 0 * u.user_no)::numeric, 8) AS moved) AS m
WHERE u.campaign_no = %(campaign_no)s
ON CONFLICT DO NOTHING;
ANALYZE portfolio_snapshots"""
