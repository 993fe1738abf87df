"""The whole web, with every domain and Dagster's own: a player gets 403 wherever no route says that it admits one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from batch_platform import domains
from batch_platform.core import postgres
from batch_platform.core.audit import Log
from batch_platform.core.clock import utc_now
from batch_platform.server import create_app
from batch_platform.trading.service import TradingContext, players
from batch_platform.trading.web.players import GUESTS, OwnerOr, PlayerOr
from batch_platform.web.access.authentication import is_public
from batch_platform.web.access.dependencies import requirement_of
from batch_platform_tests.trading_web.conftest import new_wallet
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.served import served
from batch_platform_tests.web.test_app import check_problem

OPENED = frozenset[str]().union(*(domain.web().part.opened for domain in domains.DOMAINS))
A_UUID = "019f0a5e-1c2d-7a3b-8c4d-5e6f708192a3"
OTHER = new_wallet().address


@pytest.fixture
def app(
    pool: postgres.Pool, trading_database: str, services: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> FastAPI:
    monkeypatch.setenv("DATABASE_URL", trading_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", "a secret of the tests, long enough")
    return create_app(domains.load_settings())


def closed_to_players(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and path that is not a player's, with another's wallet where a wallet stands."""
    for route in iter_route_contexts(app.routes):
        path = re.sub(r"{wallet[^}]*}", OTHER, route.path or "")
        path = re.sub(r"{[^}]*}", "1", re.sub(r"{[^}]*:uuid7}", A_UUID, path))
        if isinstance(route.original_route, Mount):
            yield from ((method, f"{path}/anything") for method in ("GET", "POST") if path != "/static")
            continue
        needs = requirement_of(route)
        assert needs is not None
        admitted = isinstance(needs, PlayerOr) or needs.permission in GUESTS["player"].permissions
        if isinstance(needs, OwnerOr) or not (admitted or is_public(route.path or "", OPENED)):
            yield from ((method, path) for method in sorted(route.methods or ()))


def test_a_player_may_nothing_else(app: FastAPI, pool: postgres.Pool) -> None:
    wallet = new_wallet().address
    token = players.issue(
        TradingContext(pool, utc_now), wallet, Log(pool, utc_now, "test:setup"), secrets.token_bytes
    )
    bearer = {"Authorization": f"Bearer {token.text}"}
    refused = set()
    with served(app) as origin, httpx.Client(base_url=origin, headers=bearer, timeout=PATIENCE) as client:
        for method, path in closed_to_players(app):
            check_problem(client.request(method, path), 403)
            refused.add(path)
        check_problem(client.post("/dagster/graphql", json={"query": "{ version }"}), 403)
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            connect(f"{origin.replace('http', 'ws')}/dagster/graphql", additional_headers=bearer, proxy=None)
    assert {"/", "/console", "/docs", "/metrics", "/api/session", "/api/audit", "/dagster/anything"} <= refused
    assert len(refused) > 80
