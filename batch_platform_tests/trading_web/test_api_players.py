"""Players, tokens and prices by HTTP: looking changes nothing, and shows nobody another's."""

from __future__ import annotations

import pytest

from batch_platform.core import postgres
from batch_platform.web.access.model import Role
from batch_platform_tests.trading_web.conftest import new_wallet, player
from batch_platform_tests.trading_web.games import MINTS, Game, make_game
from batch_platform_tests.web.site import Site
from batch_platform_tests.web.test_app import check_problem


@pytest.fixture
def game(site: Site, pool: postgres.Pool) -> Game:
    return make_game(site, pool)


def test_a_player_registers_once(game: Game) -> None:
    ann = game.join(username="ann", email="ann@example.com", trade_style="swing", total_asset_usd="2500.5")
    again = ann.post("users", username="other")
    assert again.status_code == 200
    user = ann.get("users/{wallet}")
    assert again.json()["data"] == user
    assert user["created_at"] == user["updated_at"]
    assert {name: user[name] for name in ("username", "email", "trade_style", "total_asset_usd", "status")} == {
        "username": "ann",
        "email": "ann@example.com",
        "trade_style": "swing",
        "total_asset_usd": "2500.5",
        "status": "active",
    }
    assert game.live.balances(ann.address) == {"SOL": "12", "USDC": "900"}
    bob = game.join()
    taken = player(game.site, new_wallet())
    check_problem(bob.client.get(f"/api/users/{ann.address}"), 403)
    check_problem(bob.client.post("/api/users", json={"wallet_address": ann.address}), 403)
    check_problem(taken.get(f"/api/users/{ann.address}"), 403)


def test_looking_registers_nobody(game: Game) -> None:
    wallet = new_wallet()
    client = player(game.site, wallet)
    for _ in range(2):
        check_problem(client.get(f"/api/users/{wallet.address}"), 404)
    answer = client.post("/api/users", json={"wallet_address": wallet.address, "email": "no address"})
    check_problem(answer, 422)
    game.join(email="taken@example.com")
    answer = client.post("/api/users", json={"wallet_address": wallet.address, "email": "taken@example.com"})
    check_problem(answer, 409)
    check_problem(game.site.program(Role.VIEWER).get(f"/api/users/{wallet.address}"), 404)


def test_tokens_and_prices_are_for_all_who_are_signed_in(game: Game) -> None:
    ann, viewer = game.join(), game.site.program(Role.VIEWER)
    tokens = {token["symbol"]: token for token in ann.get("tokens")["tokens"]}
    assert tokens["SOL"] == {
        "address": MINTS["SOL"],
        "symbol": "SOL",
        "name": "SOL",
        "decimals": 9,
        "icon_url": None,
        "type": "normal",
        "perp_max_leverage": 20,
        "lst_address": MINTS["jSOL"],
    }
    assert ann.get("prices") == {
        "prices": [],
        "timestamp": "2026-11-09T00:00:00Z",
        "tick": None,
        "prices_age": None,
    }
    game.live.tick({"SOL": "160.5"})
    game.live.clock.pass_by(seconds=61)
    game.live.tick({"USDC": "1"})
    shown = viewer.get("/api/prices", params={"tokens": f"{MINTS['SOL']},{MINTS['WIF']},SOL"}).json()["data"]
    assert shown == {
        "prices": [
            {
                "token_address": MINTS["SOL"],
                "symbol": "SOL",
                "price_usd": "160.5",
                "last_updated": "2026-11-09T00:00:01Z",
                "source": "given",
                "age": 61,
                "is_good": True,
            }
        ],
        "timestamp": "2026-11-09T00:01:02Z",
        "tick": "2026-11-09T00:01:02Z",
        "prices_age": 61,
    }
    assert {price["symbol"] for price in ann.get("prices")["prices"]} == {"SOL", "USDC", "jSOL"}
    check_problem(game.site.client().get("/api/tokens"), 401)
    check_problem(viewer.get("/api/tokens", params={"campaign": "none"}), 404)
