"""The specification's snapshot loop: its statements on its own tables, one player after the other."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from psycopg.rows import dict_row

from batch_platform.core.postgres import Connection

FRESH: Final = timedelta(seconds=30)


def copy_competition(connection: Connection, campaign_no: int, at: datetime) -> None:
    """Its tables, holding what a campaign's players had at an instant: amounts and prices as text."""
    for statement in _TABLES.split(";\n"):
        connection.execute(statement.encode(), {"campaign_no": campaign_no, "at": at})


def capture_portfolio_snapshots(connection: Connection, now: datetime) -> int:
    """As `capturePortfolioSnapshots` does it, every statement committed by itself; how many players.

    Prices are fresh, so that the refresh in the loop asks no source.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        users = cursor.execute(_USERS).fetchall()
        for user in users:
            held = cursor.execute(_BALANCES, [user["id"]]).fetchall()
            cursor.execute(_STALE, [[row["token_address"] for row in held], now - FRESH]).fetchall()
            portfolio = _portfolio(cursor, user["wallet_address"])
            previous = cursor.execute(_PREVIOUS, [user["id"]]).fetchone()
            initial = cursor.execute(_INITIAL, [user["id"]]).fetchone()
            value = portfolio["total_value_usd"]
            details = {name: portfolio[name] for name in ("tokens", "perp_positions")} | {"investments": []}
            cursor.execute(
                _INSERT,
                [
                    uuid4(),
                    user["id"],
                    now,
                    value,
                    value - previous["total_value_usd"] if previous else 0,
                    value - initial["total_value_usd"] if initial else 0,
                    json.dumps(details),
                    now,
                ],
            )
    return len(users)


def _portfolio(cursor: Any, wallet: str) -> dict[str, Any]:
    """As `getUserPortfolio` does it."""
    user = cursor.execute(_USER, [wallet]).fetchone()
    balances = cursor.execute(_BALANCES, [user["id"]]).fetchall()
    addresses = [row["token_address"] for row in balances]
    prices = {row["token_address"]: row["price_usd"] for row in cursor.execute(_PRICES, [addresses]).fetchall()}
    tokens = []
    total = Decimal(0)
    for row in balances:
        price = prices.get(row["token_address"], "0")
        value = Decimal(row["balance"]) * Decimal(price)
        total += value
        tokens.append(
            {
                "token": row["symbol"],
                "token_address": row["address"],
                "balance": row["balance"],
                "price_usd": price,
                "value_usd": str(value),
            }
        )
    positions = cursor.execute(_POSITIONS, [user["id"]]).fetchall()
    return {"total_value_usd": total, "tokens": tokens, "perp_positions": positions}


_TABLES: Final = """
DROP SCHEMA IF EXISTS specification CASCADE;
CREATE SCHEMA specification;
SET search_path = specification, trading;
CREATE TABLE specification.users (
    id uuid PRIMARY KEY, username varchar(255) NOT NULL, email varchar(255) UNIQUE,
    wallet_address varchar(255) UNIQUE NOT NULL, total_asset_usd decimal(20,8) DEFAULT 0,
    crypto_investment_usd decimal(20,8) DEFAULT 0, trade_style varchar(50),
    created_at timestamp NOT NULL DEFAULT now(), updated_at timestamp NOT NULL DEFAULT now());
CREATE TABLE specification.tokens (
    address varchar(255) PRIMARY KEY, symbol varchar(20) NOT NULL, name varchar(255) NOT NULL,
    decimals integer NOT NULL, icon_url varchar(512), type varchar(50) NOT NULL);
CREATE TABLE specification.user_balances (
    id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES specification.users,
    token_address varchar(255) NOT NULL REFERENCES specification.tokens, balance varchar(78) NOT NULL DEFAULT '0',
    updated_at timestamp NOT NULL DEFAULT now());
CREATE UNIQUE INDEX ON specification.user_balances (user_id, token_address);
CREATE INDEX ON specification.user_balances (token_address);
CREATE TABLE specification.token_prices (
    id uuid PRIMARY KEY, token_address varchar(255) NOT NULL UNIQUE REFERENCES specification.tokens,
    price_usd varchar(78) NOT NULL, last_updated timestamp NOT NULL, source varchar(50) NOT NULL);
CREATE INDEX ON specification.token_prices (last_updated);
CREATE TABLE specification.perp_positions (
    id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES specification.users,
    token_address varchar(255) NOT NULL REFERENCES specification.tokens, position_direction varchar(10) NOT NULL,
    leverage integer NOT NULL, entry_price varchar(78) NOT NULL, position_size varchar(78) NOT NULL,
    collateral_amount varchar(78) NOT NULL, liquidation_price varchar(78) NOT NULL,
    entry_funding_rate decimal(10,5) NOT NULL, accumulated_funding varchar(78) NOT NULL DEFAULT '0',
    funding_rate_last_applied timestamp NOT NULL, status varchar(20) NOT NULL,
    created_at timestamp NOT NULL DEFAULT now(), updated_at timestamp NOT NULL DEFAULT now());
CREATE INDEX ON specification.perp_positions (user_id, status);
CREATE TABLE specification.portfolio_snapshots (
    id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES specification.users, timestamp timestamp NOT NULL,
    total_value_usd decimal(20,8) NOT NULL, pnl_from_previous decimal(20,8), pnl_from_start decimal(20,8),
    snapshot_details jsonb, created_at timestamp NOT NULL DEFAULT now());
CREATE INDEX ON specification.portfolio_snapshots (user_id, timestamp);
CREATE INDEX ON specification.portfolio_snapshots (timestamp);
INSERT INTO specification.users (id, username, wallet_address)
SELECT gen_random_uuid(), u.username, u.wallet_address FROM trading.users AS u WHERE u.campaign_no = %(campaign_no)s;
INSERT INTO specification.tokens (address, symbol, name, decimals, type)
SELECT t.address, t.symbol, t.name, t.decimals, t.type FROM trading.tokens AS t WHERE t.campaign_no = %(campaign_no)s;
INSERT INTO specification.user_balances (id, user_id, token_address, balance)
SELECT gen_random_uuid(), s.id, t.address, b.balance::text
FROM trading.user_balances AS b
JOIN trading.users AS u ON u.user_no = b.user_no AND u.campaign_no = %(campaign_no)s
JOIN trading.tokens AS t ON t.token_no = b.token_no
JOIN specification.users AS s ON s.wallet_address = u.wallet_address;
INSERT INTO specification.token_prices (id, token_address, price_usd, last_updated, source)
SELECT gen_random_uuid(), t.address, p.price_usd::text, p.at, p.source
FROM trading.price_ticks AS p
JOIN trading.tokens AS t ON t.token_no = p.token_no AND t.campaign_no = %(campaign_no)s
WHERE p.at = %(at)s;
INSERT INTO specification.portfolio_snapshots (id, user_id, timestamp, total_value_usd)
SELECT gen_random_uuid(), s.id, p.timestamp, p.total_value_usd
FROM trading.portfolio_snapshots AS p
JOIN trading.users AS u ON u.user_no = p.user_no
JOIN specification.users AS s ON s.wallet_address = u.wallet_address
WHERE p.campaign_no = %(campaign_no)s;
ANALYZE specification.users, specification.tokens, specification.user_balances, specification.token_prices,
    specification.portfolio_snapshots"""

_USERS: Final = "SELECT * FROM specification.users"
_USER: Final = "SELECT * FROM specification.users WHERE wallet_address = %s LIMIT 1"
_BALANCES: Final = """
    SELECT b.*, t.address, t.symbol, t.name, t.decimals, t.icon_url, t.type
    FROM specification.user_balances AS b JOIN specification.tokens AS t ON t.address = b.token_address
    WHERE b.user_id = %s
"""
_STALE: Final = "SELECT * FROM specification.token_prices WHERE token_address = ANY (%s) AND last_updated < %s"
_PRICES: Final = "SELECT * FROM specification.token_prices WHERE token_address = ANY (%s)"
_POSITIONS: Final = """
    SELECT x.*, t.symbol, t.decimals
    FROM specification.perp_positions AS x JOIN specification.tokens AS t ON t.address = x.token_address
    WHERE x.user_id = %s AND x.status = 'open'
"""
_PREVIOUS: Final = (
    "SELECT * FROM specification.portfolio_snapshots WHERE user_id = %s ORDER BY timestamp DESC LIMIT 1"
)
_INITIAL: Final = "SELECT * FROM specification.portfolio_snapshots WHERE user_id = %s ORDER BY timestamp LIMIT 1"
_INSERT: Final = """
    INSERT INTO specification.portfolio_snapshots (
        id, user_id, timestamp, total_value_usd, pnl_from_previous, pnl_from_start, snapshot_details, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
