"""A live competition behind the site, and players in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from batch_platform.core import postgres
from batch_platform_tests.trading.live import START, Clock, Live, make_live
from batch_platform_tests.trading_web.conftest import Wallet, new_wallet, player
from batch_platform_tests.web.site import Site

MINTS = {"SOL": "mint-of-sol", "USDC": "mint-of-usdc", "WIF": "mint-of-wif", "jSOL": "mint-of-jsol"}


class SiteClock(Clock):
    """The site's own, moved as a test of a live campaign moves it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        site.clock.now = START

    def __call__(self) -> datetime:
        return self._site.clock()

    def pass_by(self, **time: float) -> None:
        self._site.clock.pass_by(timedelta(**time))


@dataclass
class Game:
    """The competition that the site serves; its tokens' addresses are unlike their symbols."""

    site: Site
    live: Live

    def join(self, **profile: Any) -> Seat:
        """A player who has signed in and registered."""
        wallet = new_wallet()
        seat = Seat(self, wallet, player(self.site, wallet))
        answer = seat.post("users", **profile)
        assert answer.status_code == 201, answer.text
        return seat


@dataclass
class Seat:
    """A player at his program."""

    game: Game
    wallet: Wallet
    client: httpx.Client

    @property
    def address(self) -> str:
        return self.wallet.address

    def post(self, path: str, *, key: str | None = None, **fields: Any) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post(f"/api/{path}", json={"wallet_address": self.address, **fields}, headers=headers)

    def order(self, path: str, **fields: Any) -> dict[str, Any]:
        """The data of an order that is not refused."""
        answer = self.post(path, **fields)
        assert answer.status_code in (201, 202), answer.text
        data: dict[str, Any] = answer.json()["data"]
        assert (answer.status_code == 202) == (data["status"] == "pending")
        assert answer.headers["Location"] == f"/api/orders/{data['order_id']}"
        return data

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.client.get(f"/api/{path.format(wallet=self.address)}", params=query)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data


def make_game(site: Site, pool: postgres.Pool) -> Game:
    live = make_live(site.app.state.trading)
    clock = SiteClock(site)
    live = Live(replace(live.context, clock=clock), live.name, clock)
    with postgres.transaction(pool) as connection:
        for symbol, mint in MINTS.items():
            connection.execute(
                "UPDATE trading.tokens AS t SET address = %s FROM trading.campaigns AS c "
                "WHERE c.campaign_no = t.campaign_no AND c.name = %s AND t.symbol = %s",
                (mint, live.name, symbol),
            )
    site.app.state.trading = replace(live.context, campaign=live.name)
    return Game(site, live)
