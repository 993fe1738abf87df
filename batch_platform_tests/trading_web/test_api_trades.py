"""Orders by HTTP: what is answered, to whom, and that a request that is repeated is one order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from batch_platform.core import postgres
from batch_platform.trading.service import quotas
from batch_platform.trading.web.trades import TRADES
from batch_platform.web.access.model import Role
from batch_platform_tests.trading.live import START
from batch_platform_tests.trading_web.games import MINTS, Game, Seat, make_game
from batch_platform_tests.web.site import Site
from batch_platform_tests.web.test_app import check_problem

SWAP: dict[str, Any] = {"from_token_address": MINTS["SOL"], "to_token_address": MINTS["USDC"], "amount": "1.5"}
PERP: dict[str, Any] = {"token_address": MINTS["SOL"], "collateral_amount": "100", "leverage": 5, "direction": "long"}


@pytest.fixture
def game(site: Site, pool: postgres.Pool) -> Game:
    return make_game(site, pool)


@pytest.fixture
def ann(game: Game) -> Seat:
    return game.join(username="ann")


def refusal(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    check_problem(answer, answer.status_code)
    return answer.status_code, body["type"].removeprefix("/problems/")


def test_a_swap_waits_for_the_next_tick(game: Game, ann: Seat) -> None:
    game.live.tick()
    game.live.clock.pass_by(seconds=30)
    placed = ann.order("swap", **SWAP)
    assert placed["status"] == "pending"
    assert placed["tick"] == "2026-11-09T00:00:01Z"
    assert placed["prices_age"] == 29
    assert placed["accepted_at"] == "2026-11-09T00:00:30Z"
    assert placed["expires_at"] == "2026-11-09T00:30:30Z"
    assert placed["details"] == SWAP
    game.live.tick({"SOL": "160", "USDC": "1"})
    assert game.live.balances(ann.address) == {"SOL": "10.5", "USDC": "1140"}


def test_staking_is_done_at_once_and_ended(game: Game, ann: Seat) -> None:
    staked = ann.order("stake", token_address=MINTS["SOL"], amount="2")
    assert (staked["status"], staked["type"]) == ("filled", "stake")
    minted = ann.order("liquid-stake", token_address=MINTS["SOL"], amount="1.1")
    assert minted["details"]["minted"] == "1"
    game.live.clock.pass_by(days=5)
    paid = ann.order("unstake", investment_id=staked["investment_id"])
    assert paid["details"]["paid"] == "2.002"  # 2 * 7.3 * 5 / 36500
    assert paid["investment_id"] == staked["order_id"]
    assert game.live.balances(ann.address) == {"SOL": "10.902", "USDC": "900", "jSOL": "1"}


def test_a_position_is_opened_and_closed_once(game: Game, ann: Seat) -> None:
    opened = ann.order("perp/open", **PERP)
    assert opened["position_id"] == opened["order_id"]
    game.live.tick()
    game.live.clock.pass_by(seconds=5)
    path = f"perp/close/{opened['position_id']}"
    closing = ann.order(path, key="close")
    assert (closing["status"], closing["pnl"]) == ("pending", None)
    assert refusal(ann.post(path)) == (409, "close-pending")
    game.live.tick({"SOL": "168", "USDC": "1"})
    assert refusal(ann.post(path)) == (409, "position-not-open")
    forget(game)
    closed = ann.order(path, key="close")  # as after a crash before the answer was kept
    assert (closed["order_id"], closed["status"], closed["pnl"]) == (closing["order_id"], "filled", "25")
    assert closed["details"]["payout"] == "125"


def forget(game: Game) -> None:
    """The answers that were kept are gone, as those of a process that was killed."""
    with postgres.transaction(game.live.context.pool) as connection:
        connection.execute("DELETE FROM web.idempotency_keys")


def test_a_key_makes_one_order(game: Game, ann: Seat) -> None:
    first = ann.post("swap", key="one", **SWAP)
    again = ann.post("swap", key="one", **SWAP)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert refusal(ann.post("swap", key="one", **SWAP | {"amount": "2"})) == (422, "idempotency-key-reused")
    forget(game)
    assert ann.order("swap", key="one", **SWAP)["order_id"] == first.json()["data"]["order_id"]
    forget(game)
    assert refusal(ann.post("swap", key="one", **SWAP | {"amount": "2"})) == (422, "idempotency-key-reused")
    assert ann.order("swap", key="two", **SWAP)["order_id"] != first.json()["data"]["order_id"]
    assert game.live.balances(ann.address) == {"SOL": "9", "USDC": "900"}


def test_every_refusal_has_its_type(game: Game, ann: Seat) -> None:
    sol = MINTS["SOL"]
    for status, reason, answer in (
        (422, "unknown-token", ann.post("swap", **SWAP | {"to_token_address": "SOL"})),
        (422, "unknown-token", ann.post("liquid-stake", token_address=MINTS["WIF"], amount="1")),
        (422, "same-token", ann.post("swap", **SWAP | {"to_token_address": sol})),
        (422, "invalid-amount", ann.post("swap", **SWAP | {"amount": "1.0000000001"})),
        (422, "invalid-amount", ann.post("swap", **SWAP | {"amount": "-1"})),
        (422, "invalid-amount", ann.post("swap", **SWAP | {"amount": "1e3"})),
        (409, "insufficient-balance", ann.post("swap", **SWAP | {"amount": "12.000000001"})),
        (422, "leverage-out-of-range", ann.post("perp/open", **PERP | {"leverage": 21})),
        (422, "leverage-out-of-range", ann.post("perp/open", **PERP | {"leverage": 0})),
        (422, "amount-too-small", ann.post("liquid-stake", token_address=sol, amount="0.000000001")),
        (409, "not-active", ann.post("unstake", investment_id="none")),
        (409, "position-not-open", ann.post("perp/close/none")),
    ):
        assert refusal(answer) == (status, reason)
    assert game.live.balances(ann.address) == {"SOL": "12", "USDC": "900"}


@pytest.mark.parametrize("number", [1.5, 1, True, None], ids=["decimal", "whole", "true", "null"])
def test_amounts_are_text(ann: Seat, number: Any) -> None:
    answer = ann.post("swap", **SWAP | {"amount": number})
    assert refusal(answer) == (422, "invalid-input")
    assert answer.json()["field"] == "amount"


def test_a_campaign_that_has_ended_refuses(game: Game, ann: Seat) -> None:
    with game.live.context.store.transaction() as session:
        row = session.campaign(game.live.name)
        assert row is not None
        session.end_campaign(row["campaign_no"], START + timedelta(minutes=1))
    game.live.clock.pass_by(minutes=1)
    assert refusal(ann.post("swap", **SWAP)) == (409, "campaign-ended")


def test_nobody_trades_for_another(game: Game, ann: Seat) -> None:
    bob = game.join()
    as_ann: dict[str, Any] = {"json": {"wallet_address": ann.address, **SWAP}}
    assert refusal(bob.client.post("/api/swap", **as_ann)) == (403, "players-only")
    for role, reason in ((Role.ADMINISTRATOR, "players-only"), (Role.OPERATOR, "forbidden")):
        assert refusal(game.site.program(role).post("/api/swap", **as_ann)) == (403, reason)
    assert refusal(game.site.client().post("/api/swap", **as_ann)) == (401, "unauthenticated")
    opened = ann.order("perp/open", **PERP)
    game.live.tick()
    assert refusal(bob.post(f"perp/close/{opened['position_id']}")) == (409, "position-not-open")


def test_who_trades_too_often_waits(game: Game, ann: Seat, pool: postgres.Pool) -> None:
    for _ in range(TRADES.count):
        assert quotas.wait(pool, TRADES, f"player:{ann.address}", now=game.site.clock()) is None
    answer = ann.post("swap", **SWAP)
    assert refusal(answer) == (429, "too-many-requests")
    assert answer.headers["Retry-After"] == "1"
