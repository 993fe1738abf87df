"""A database of the proof's own with a live campaign; what is in it is read here by bare statements."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from batch_platform.core import postgres as core
from batch_platform.core.clock import Clock
from batch_platform.core.ids import Ids, uuid7
from batch_platform.core.postgres import Pool
from batch_platform.proving import postgres
from batch_platform.proving.faults import Hazard
from batch_platform.proving.ground import require_local, scratch_name
from batch_platform.settings import Settings
from batch_platform.trading.service import TradingContext

COMMAND: Final = "trading prove"
CAMPAIGN: Final = "proof"

PATIENCE: Final = 1
"""Seconds for which a stopped worker is waited for."""

_TABLES: Final = "SELECT format('trading.%I', tablename) FROM pg_tables WHERE schemaname = 'trading'"


class Ground:
    """Contexts of workers on the proof's own database, and what is in it."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self.url = postgres.database_url(settings, name)
        self.pool: Pool = core.open_pool(self.url, application_name="trading proof", max_size=24)

    @contextmanager
    def worker(self, clock: Clock, hazard: Hazard | None = None, new_id: Ids = uuid7) -> Iterator[TradingContext]:
        """The context of another worker, of which each commit passes the hazard."""
        pool = postgres.disturbed_pool(self.url, hazard) if hazard else self.pool
        try:
            yield TradingContext(pool, clock, new_id, PATIENCE)
        finally:
            if hazard:
                pool.close()

    def lines(self) -> list[str]:
        """Every fact as a line of a contest, for an oracle that knows nothing of the database."""
        with core.transaction(self.pool) as connection:
            connection.execute("SET LOCAL search_path = trading")
            return [json.dumps(fact) for (fact,) in connection.execute(_FACTS).fetchall()]

    def rows(self, statement: str) -> list[Any]:
        """The rows of a statement on the campaign's tables."""
        with core.transaction(self.pool) as connection:
            connection.execute("SET LOCAL search_path = trading")
            return connection.execute(statement.encode()).fetchall()

    def clear(self) -> None:
        """Empty tables."""
        with core.transaction(self.pool) as connection:
            connection.execute("SET LOCAL trading.removing = on")
            names = ", ".join(name for (name,) in connection.execute(_TABLES.encode()).fetchall())
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())


_FACTS: Final = b"""
WITH instant AS (SELECT 'YYYY-MM-DD"T"HH24:MI:SS"Z"' AS format)
SELECT fact FROM (
    SELECT 0 AS rank, 0::bigint AS number, jsonb_build_object(
        'kind', 'settings', 'swap_fee_bps', swap_fee_bps::text, 'perp_fee_bps', perp_fee_bps::text) AS fact
    FROM campaigns
    UNION ALL
    SELECT 1, token_no, jsonb_strip_nulls(jsonb_build_object(
        'kind', 'token', 'token', symbol, 'decimals', decimals, 'perp_max_leverage', perp_max_leverage)) FROM tokens
    UNION ALL
    SELECT 2, p.base_token_no, jsonb_build_object(
        'kind', 'lst_pool', 'base', b.symbol, 'lst', l.symbol, 'exchange_rate', p.exchange_rate::text)
    FROM lst_pools p JOIN tokens b ON b.token_no = p.base_token_no JOIN tokens l ON l.token_no = p.lst_token_no
    UNION ALL
    SELECT 3, 0, jsonb_build_object('kind', 'interest_rate', 'token', t.symbol, 'action', r.action_type,
        'rate', r.interest_rate::text, 'effective', r.effective_date::text)
    FROM interest_rates r JOIN tokens t USING (token_no)
    UNION ALL
    SELECT 4, 0, jsonb_build_object('kind', 'funding_rate', 'token', t.symbol, 'rate', r.rate::text,
        'at', to_char(r.timestamp, format))
    FROM instant, funding_rates r JOIN tokens t USING (token_no)
    UNION ALL
    SELECT 5, user_no, jsonb_build_object('kind', 'user', 'user', id, 'at', to_char(created_at, format),
        'status', status)
    FROM instant, users
    UNION ALL
    SELECT 6, flow_no, jsonb_build_object('kind', 'flow', 'user', u.id, 'at', to_char(f.at, format), 'flow', f.flow,
        'amounts', f.amounts)
    FROM instant, flows f JOIN users u USING (user_no)
    UNION ALL
    SELECT 7, 0, jsonb_build_object('kind', 'tick', 'at', to_char(p.at, format),
        'prices', jsonb_object_agg(t.symbol, p.price_usd::text))
    FROM instant, price_ticks p JOIN tokens t USING (token_no) WHERE p.source <> 'derived' GROUP BY p.at, format
    UNION ALL
    SELECT 8, order_no, jsonb_build_object('kind', 'order', 'id', o.id, 'user', u.id,
        'at', to_char(o.accepted_at, format)) || o.request
    FROM instant, orders o JOIN users u USING (user_no)
    UNION ALL
    SELECT 9, 0, jsonb_build_object('kind', 'snapshot', 'at', to_char(at, format)) FROM instant, snapshot_instants
) AS facts ORDER BY rank, number
"""


@contextmanager
def own_ground(settings: Settings) -> Iterator[Ground]:
    """A database for the time of a scenario. Raises `Conflict` anywhere but in the local environment."""
    require_local(settings, COMMAND)
    ground = Ground(settings, scratch_name())
    try:
        postgres.create_database(settings, ground.name)
        yield ground
    finally:
        ground.pool.close()
        postgres.drop_database(settings, ground.name)
