"""The web app with trading's part on a database of its own, and players with real key pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter

from batch_platform.core import postgres
from batch_platform.settings import Settings
from batch_platform.trading.service import TradingContext
from batch_platform.trading.service.quotas import Quota
from batch_platform.trading.wallets import encode
from batch_platform.trading.web.pages import PART
from batch_platform.trading.web.players import CONTEST, OwnerOr, PlayerOr
from batch_platform.trading.web.quotas import limited
from batch_platform.web.access.dependencies import requires
from batch_platform.web.app import Part, build_app
from batch_platform_tests.databases import migrated_database
from batch_platform_tests.web.conftest import cheap_hashes, log
from batch_platform_tests.web.served import served
from batch_platform_tests.web.site import HandClock, Site, Till, lent, make_context, shop

__all__ = ["cheap_hashes", "log"]

TRADES = Quota("trades", 3, timedelta(seconds=30))
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Wallet:
    """A key pair, as its owner has it."""

    private: Ed25519PrivateKey

    @property
    def address(self) -> str:
        return encode(self.private.public_key().public_bytes_raw())

    def sign(self, message: str) -> str:
        return encode(self.private.sign(message.encode()))


def new_wallet() -> Wallet:
    return Wallet(Ed25519PrivateKey.from_private_bytes(next(_numbers).to_bytes(32, "big")))


def ask(client: httpx.Client, address: str) -> dict[str, Any]:
    answer = client.post("/api/auth/nonce", json={"wallet_address": address})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def verify(client: httpx.Client, address: str, signature: str) -> httpx.Response:
    return client.post("/api/auth/verify", json={"wallet_address": address, "signature": signature})


def token_of(site: Site, wallet: Wallet) -> str:
    client = site.client()
    answer = verify(client, wallet.address, wallet.sign(ask(client, wallet.address)["message"]))
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["data"]["token"]
    return token


def player(site: Site, wallet: Wallet) -> httpx.Client:
    """A program that has signed in by the wallet."""
    return site.client(Authorization=f"Bearer {token_of(site, wallet)}")


def _games() -> Part:
    """Routes that say whom they admit, as those of trading do."""
    router = APIRouter(prefix="/api/games")

    @router.get("/board", dependencies=[requires(CONTEST)])
    def board() -> str:
        return "board"

    @router.get("/{wallet_address}", dependencies=[requires(OwnerOr("trading:read"))])
    def portfolio(wallet_address: str) -> str:
        return wallet_address

    @router.post("/{wallet}/moves", dependencies=[requires(OwnerOr("trading:administer", place="wallet"))])
    def move(wallet: str) -> str:
        return wallet

    @router.post("/trades", dependencies=[requires(PlayerOr("trading:administer")), limited(TRADES)])
    def trade() -> str:
        return "traded"

    return Part(routers=[router])


@pytest.fixture(scope="session")
def trading_database(settings: Settings) -> Iterator[str]:
    with migrated_database(settings, "trading_web") as url:
        yield url


@pytest.fixture(scope="session")
def trading_pool(trading_database: str) -> Iterator[postgres.Pool]:
    pool = postgres.open_pool(trading_database, application_name="trading-web-tests", max_size=24)
    yield pool
    pool.close()


@pytest.fixture
def pool(trading_pool: postgres.Pool) -> postgres.Pool:
    """The pool, on tables that nobody has signed in to."""
    with postgres.transaction(trading_pool) as connection:
        connection.execute(
            "TRUNCATE trading.sign_in_nonces, trading.player_tokens, trading.request_rates, web.sessions, "
            "web.idempotency_keys, web.users CASCADE"
        )
    return trading_pool


@pytest.fixture(scope="session")
def games_site(trading_pool: postgres.Pool) -> Iterator[Site]:
    clock, till = HandClock(), Till()
    context = make_context(trading_pool, clock)
    app = build_app(context, parts=[shop(till), PART, _games()])
    with served(app) as url:
        yield Site(app, url, context, clock, till)


@pytest.fixture
def site(games_site: Site, pool: postgres.Pool) -> Iterator[Site]:
    """The site, where nobody has been."""
    games_site.app.state.trading = TradingContext(pool, games_site.clock)
    with lent(games_site) as site:
        yield site
