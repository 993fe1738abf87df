"""What players have, had and rank, by HTTP: the spec's fields, numbers as text, the tick and the prices' age."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batch_platform.core import postgres
from batch_platform.trading.service import snapshots
from batch_platform.web.access.model import Role
from batch_platform_tests.trading.live import START
from batch_platform_tests.trading_web.games import MINTS, Game, Seat, make_game
from batch_platform_tests.web.site import Site
from batch_platform_tests.web.test_app import check_problem

SOL, USDC = MINTS["SOL"], MINTS["USDC"]
PERP = {"token_address": SOL, "collateral_amount": "100", "leverage": 5, "direction": "long"}
HOUR = timedelta(hours=1)


@pytest.fixture
def game(site: Site, pool: postgres.Pool) -> Game:
    return make_game(site, pool)


@pytest.fixture
def ann(game: Game) -> Seat:
    return game.join(username="ann")


def test_a_portfolio_at_the_newest_prices(game: Game, ann: Seat) -> None:
    before = ann.get("portfolio/{wallet}", force_refresh="true")
    assert (before["total_value_usd"], before["missing"], before["tick"]) == (None, ["SOL", "USDC"], None)
    game.live.tick()
    ann.order("perp/open", **PERP)
    ann.order("stake", token_address=SOL, amount="2")
    game.live.tick()
    game.live.tick({"SOL": "168", "USDC": "1"})
    game.live.clock.pass_by(seconds=63)
    found = ann.get("portfolio/{wallet}", snapshot_details="true")
    # 12 SOL, 800 USDC, and of 3.125 SOL long from 160: 100 + 3.125 * 8
    assert found["total_value_usd"] == "2941"
    assert (found["tick"], found["prices_age"]) == ("2026-11-09T00:00:03Z", 60)
    assert (found["last_updated"], found["timestamp"]) == ("2026-11-09T00:00:03Z", "2026-11-09T00:01:03Z")
    assert (found["baseline_usd"], found["pnl_from_start"], found["pnl_percentage"]) == ("2820", "121", "4.29078014")
    tokens = {token["token"]: token for token in found["tokens"]}
    assert tokens["SOL"] == {
        "token": "SOL",
        "token_address": SOL,
        "balance": "10",
        "reserved": "0",
        "staked": "2",
        "price_usd": "168",
        "price_age": 60,
        "value_usd": "2016",
    }
    [position] = found["perp_positions"]
    assert (position["position_size"], position["equity"], position["unrealized_pnl"]) == ("3.125", "125", "25")
    assert ann.get("perp/positions/{wallet}") == {
        "positions": [position],
        "tick": found["tick"],
        "prices_age": 60,
    }
    assert found["snapshot_details"].keys() == {"tokens", "perp_positions", "investments"}
    past = ann.get("portfolio/{wallet}", at="2026-11-09T00:00:01Z")
    assert (past["total_value_usd"], past["perp_positions"], past["snapshot_details"]) == ("2820", [], None)


def test_a_chart_of_what_snapshots_say(game: Game, ann: Seat) -> None:
    assert ann.get("pnl/{wallet}") == {
        "wallet_address": ann.address,
        "period": "1d",
        "timestamp": "2026-11-09T00:00:00Z",
        "data_points": 0,
        "pnl_data": [],
        "summary": None,
    }
    for hour, price in enumerate(("160", "170", "150"), start=1):
        game.live.clock.pass_by(minutes=55)
        game.live.tick({"SOL": price, "USDC": "1"})
        game.live.clock.pass_by(minutes=5, seconds=1)
        snapshots.take(game.live.context, game.live.name, START + hour * HOUR)
    shown = ann.get("pnl/{wallet}", period="7d")
    assert shown["data_points"] == 2  # the first row, and the newest of four hours
    assert shown["pnl_data"][-1] == {
        "timestamp": "2026-11-09T03:00:00Z",
        "value": "2700",
        "pnl_absolute": "-120",
        "pnl_percentage": "-4.25531915",
    }
    assert shown["summary"] == {
        "initial_value": "2820",
        "current_value": "2700",
        "pnl_absolute": "-120",
        "pnl_percentage": "-4.25531915",
    }
    assert ann.get("pnl/{wallet}", period="1d", at="2026-11-09T02:00:00Z")["summary"]["pnl_absolute"] == "120"
    check_problem(ann.client.get(f"/api/pnl/{ann.address}", params={"period": "2d"}), 422)


def test_a_leaderboard(game: Game, ann: Seat) -> None:
    assert ann.get("leaderboard")["users"] == []
    bob = game.join(username="bob")
    ann.order("swap", from_token_address=USDC, to_token_address=SOL, amount="800")
    game.live.clock.pass_by(minutes=20)
    game.live.tick()
    game.join(username="late")
    game.live.clock.pass_by(minutes=40)
    game.live.tick({"SOL": "168", "USDC": "1"})
    game.live.clock.pass_by(seconds=2)
    at = START + HOUR + timedelta(seconds=1)
    snapshots.take(game.live.context, game.live.name, at)
    board = bob.get("leaderboard")
    assert (board["at"], board["has_more"], board["unranked"]) == ("2026-11-09T01:00:01Z", False, None)
    assert [(row["rank"], row["username"], row["pnl_usd"]) for row in board["users"]] == [
        (1, "ann", "136"),
        (2, "bob", "96"),
        (3, "late", "0"),
    ]
    assert board["users"][0]["twr_percentage"] == board["users"][0]["pnl_percentage"] == "4.82269504"
    first = bob.get("leaderboard", limit=1)
    assert ([row["username"] for row in first["users"]], first["has_more"]) == (["ann"], True)
    assert bob.get("leaderboard", limit=1, offset=2, unranked="true")["users"][0]["username"] == "late"
    assert bob.get("leaderboard", at="2026-11-09T01:00:01Z", unranked="true")["unranked"] == []
    check_problem(bob.client.get("/api/leaderboard", params={"at": "2026-11-09T02:00:00Z"}), 404)


def test_transactions_and_orders_page_by_page(game: Game, ann: Seat) -> None:
    for amount in ("1", "2", "3"):
        game.live.clock.pass_by(seconds=1)
        ann.order("stake", token_address=SOL, amount=amount)
    refused = ann.post("stake", token_address=SOL, amount="99")
    assert refused.status_code == 409
    swap = ann.order("swap", from_token_address=SOL, to_token_address=USDC, amount="1")
    page = ann.get("transactions/{wallet}", limit=2, offset=1)
    assert (page["total"], page["limit"], page["offset"]) == (4, 2, 1)
    assert [row["amount_from"] for row in page["transactions"]] == ["2", "1"]
    rest = ann.get("transactions/{wallet}", limit=2, cursor=page["next_cursor"])
    assert [row["transaction_type"] for row in rest["transactions"]] == ["initial"]
    assert rest["next_cursor"] is None
    assert rest["transactions"][0]["details"]["amounts"] == {"SOL": "12", "USDC": "900"}
    assert ann.get("transactions/{wallet}", type="swap")["transactions"] == []
    check_problem(ann.client.get(f"/api/transactions/{ann.address}", params={"type": "none"}), 422)
    orders = ann.get("users/{wallet}/orders", limit=2)
    assert [(row["type"], row["status"], row["reason"]) for row in orders["orders"]] == [
        ("swap", "pending", None),
        ("stake", "rejected", "insufficient_balance"),
    ]
    assert orders["total"] == 5
    assert len(ann.get("users/{wallet}/orders", cursor=orders["next_cursor"])["orders"]) == 3
    assert ann.get("users/{wallet}/orders", status="pending")["orders"] == [orders["orders"][0]]
    game.live.tick()
    filled = ann.get(f"orders/{swap['order_id']}")
    assert (filled["status"], filled["settled_at"]) == ("filled", "2026-11-09T00:00:04Z")
    assert filled["details"]["amount_out"] == "160"


def test_investments_run_and_end(game: Game, ann: Seat) -> None:
    stake = ann.order("stake", token_address=SOL, amount="2")
    receipt = ann.order("liquid-stake", token_address=SOL, amount="1.1")
    game.live.clock.pass_by(days=5, hours=1)
    game.live.tick()
    running = ann.get("investments/{wallet}")["investments"]
    assert running[0] == {
        "id": stake["investment_id"],
        "token": "SOL",
        "token_address": SOL,
        "action_type": "staking",
        "principal": "2",
        "accrued_interest": "0.002",
        "start_date": "2026-11-09T00:00:00Z",
        "last_update": "2026-11-14T00:00:00Z",
        "interest_rate": "7.3",
        "status": "active",
        "minted": None,
        "redeemable": None,
        "paid": None,
    }
    assert (running[1]["minted"], running[1]["accrued_interest"]) == ("1", None)
    ann.order("unstake", investment_id=stake["investment_id"])
    ended = ann.get("investments/{wallet}")["investments"]
    assert [(row["id"], row["status"], row["paid"]) for row in ended] == [
        (receipt["investment_id"], "active", None),
        (stake["investment_id"], "withdrawn", "2.002"),
    ]


def test_what_is_anothers_is_not_shown(game: Game, ann: Seat) -> None:
    bob, order = game.join(), ann.order("stake", token_address=SOL, amount="1")
    owned = [
        f"{path}/{ann.address}"
        for path in ("users", "portfolio", "pnl", "transactions", "investments", "perp/positions")
    ]
    operator = game.site.program(Role.OPERATOR)
    for path in (*owned, f"users/{ann.address}/orders"):
        check_problem(bob.client.get(f"/api/{path}"), 403)
        check_problem(game.site.client().get(f"/api/{path}"), 401)
        assert operator.get(f"/api/{path}").status_code == 200
        assert ann.client.get(f"/api/{path}").status_code == 200
    check_problem(bob.client.get(f"/api/orders/{order['order_id']}"), 404)
    assert operator.get(f"/api/orders/{order['order_id']}").json()["data"]["order_id"] == order["order_id"]
    check_problem(operator.get("/api/portfolio/nobody"), 404)
