"""Everything administrators do with the competition, by HTTP and by command: one audit row each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.trading.cli import app
from batch_platform.trading.service import engine, listings
from batch_platform.trading.web import admin_api
from batch_platform.trading.web.administration import ADMINISTRATION
from batch_platform.web.access.model import Role
from batch_platform_tests.surfaces import Walk, of_commands, of_routers
from batch_platform_tests.trading_web.conftest import new_wallet
from batch_platform_tests.trading_web.games import MINTS, Game, Seat, make_game
from batch_platform_tests.web.site import SECRET, Site
from batch_platform_tests.web.test_app import check_problem

NAMES = {action.name for action in ADMINISTRATION}
WEB = of_routers(admin_api.router)
COMMANDS = {surface for surface in of_commands("trading") if surface[1] in NAMES}
SURFACES = WEB | COMMANDS


@pytest.fixture
def game(site: Site, pool: postgres.Pool) -> Game:
    return make_game(site, pool)


@pytest.fixture
def ann(game: Game) -> Seat:
    return game.join(username="ann")


def steps(campaign: str, live: str, wallet: str) -> list[tuple[str, str, str, str, dict[str, Any]]]:
    """Route, command, action, target and input, in an order in which each can be done."""
    begun, later = {"campaign": live}, {"campaign": campaign}
    return [
        ("campaigns/{}", "campaigns add", "campaign.add", campaign, {"starts_at": "2026-11-01T00:00:00Z"}),
        ("campaigns/{}/change", "campaigns change", "campaign.change", campaign, {"swap_fee_bps": "12.5"}),
        ("tokens/{}", "tokens add", "trading-token.add", "ETH", {**later, "address": "mint-of-eth", "decimals": 8}),
        ("tokens/{}", "tokens add", "trading-token.add", "sETH", {**later, "address": "mint-of-seth", "decimals": 8}),
        ("tokens/{}/change", "tokens change", "trading-token.change", "ETH", {**later, "perp_max_leverage": 20}),
        ("pools/{}", "pools add", "lst-pool.add", "ETH", {**later, "lst": "sETH", "exchange_rate": "1.05"}),
        ("campaigns/{}/grants", "campaigns grant", "campaign.grant", campaign, {"amounts": {"ETH": "3.5"}}),
        (
            "interest-rates/{}",
            "rates add",
            "interest-rate.add",
            "ETH",
            {**later, "action": "staking", "rate": "4.25", "effective": "2027-01-01"},
        ),
        ("funding-rates/{}", "rates add-funding", "funding-rate.add", "ETH", {**later, "rate": "0.0001"}),
        ("prices/{}/accept", "prices accept", "trading-price.accept", "WIF", {**begun, "price": "11"}),
        (
            "players/{}/move",
            "players move",
            "player.move",
            wallet,
            {**begun, "flow": "correction", "amounts": {"USDC": "-1.5"}, "reason": "twice"},
        ),
        ("players/{}/disqualify", "players disqualify", "player.disqualify", wallet, {**begun, "reason": "two"}),
        ("players/{}/reinstate", "players reinstate", "player.reinstate", wallet, {**begun, "reason": "one"}),
        ("campaigns/{}/end", "campaigns end", "campaign.end", campaign, {}),
    ]


def test_every_route(game: Game, ann: Seat, pool: postgres.Pool) -> None:
    walk = Walk(pool, WEB)
    administrator, operator = game.site.program(Role.ADMINISTRATOR), game.site.program(Role.OPERATOR)
    campaign = f"next-{game.live.name}"[:60]
    refuse_a_jump(game, game.live.clock())
    for path, _, name, target, given in steps(campaign, game.live.name, ann.address):
        where = f"/api/trading/{path.format(target)}"
        check_problem(ann.client.post(where, json=given), 403)
        walk.send(administrator, "POST", where, name, by="token:test", target=target, stranger=operator, json=given)
    assert walk.walked == WEB
    assert game.live.balances(ann.address) == {"SOL": "12", "USDC": "898.5"}
    tokens = {token["symbol"]: token for token in listings.tokens(game.live.context, campaign)}
    assert (tokens["ETH"]["perp_max_leverage"], tokens["ETH"]["lst_address"]) == (20, "mint-of-seth")


def test_every_command(
    game: Game, ann: Seat, pool: postgres.Pool, trading_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", trading_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())
    walk, by = Walk(pool, COMMANDS), f"cli:{system_user()}"

    def call(*words: str) -> None:
        result = CliRunner().invoke(app, words[1:])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output

    campaign = f"other-{game.live.name}"[:60]
    refuse_a_jump(game, utc_now())
    for _, command, name, target, given in steps(campaign, game.live.name, ann.address):
        options = [word for field, value in given.items() for word in (option(field), text(value))]
        walk.command(call, "trading", *command.split(), target, *options, does=(name,), by=by, target=target)
    assert walk.walked == COMMANDS
    with walk.nothing(), pytest.raises(Conflict, match="is over"):
        call("trading", "campaigns", "end", campaign)
    with walk.nothing(), pytest.raises(InvalidInput, match="TOKEN=AMOUNT"):
        call("trading", "campaigns", "grant", campaign, "--amounts", "SOL")


def refuse_a_jump(game: Game, at: datetime) -> None:
    """WIF is said to cost 11 USD, which nobody confirms."""
    with game.live.context.store.transaction() as session:
        campaign = engine.campaign(session, game.live.name)
        wif = campaign.tokens["WIF"].number
        refusal = {"token_no": wif, "at": at, "source": "jupiter", "reason": "jump", "price_usd": 11}
        fetch = {"source": "jupiter", "accepted": 0}
        session.add_fetches(campaign.number, at=at, kind="refresh", fetches=[fetch], refusals=[refusal])


def option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def text(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{symbol}={amount}" for symbol, amount in value.items())
    return str(value)


def test_what_orders_were_judged_by_is_fixed(game: Game, ann: Seat) -> None:
    administrator, live = game.site.program(Role.ADMINISTRATOR), game.live.name

    def refused(path: str, **given: Any) -> tuple[int, str]:
        answer = administrator.post(f"/api/trading/{path}", json=given)
        return answer.status_code, answer.json()["type"].removeprefix("/problems/")

    ann.order("perp/open", token_address=MINTS["SOL"], collateral_amount="10", leverage=2, direction="long")
    game.live.tick()
    of_live = {"campaign": live}
    assert refused(f"campaigns/{live}/change", swap_fee_bps="1") == (409, "trading-has-begun")
    assert refused(f"campaigns/{live}/change", ends_at="2026-11-09T00:00:00Z") == (422, "end-has-passed")
    assert refused(f"campaigns/{live}") == (409, "campaign-exists")
    assert refused("tokens/SOL/change", perp_max_leverage=10, **of_live) == (409, "leverage-is-fixed")
    assert refused("tokens/SOL", address="x", decimals=1, **of_live) == (409, "token-was-refused")
    assert refused("tokens/WIF", address="x", decimals=1, **of_live) == (409, "token-exists")
    assert refused("tokens/X", address="x", decimals=1, type="lending") == (422, "lending-not-offered")
    assert refused("pools/WIF", lst="USDC", exchange_rate="1", **of_live) == (409, "campaign-has-begun")
    rate = {**of_live, "action": "staking", "rate": "1"}
    assert refused("interest-rates/SOL", **rate, effective="2026-11-08") == (409, "day-accrued")
    assert refused("interest-rates/SOL", **rate, effective="2026-11-09") == (409, "rate-exists")
    assert refused("interest-rates/NO", **rate, effective="2026-11-10") == (404, "no-token")
    funding = {**of_live, "rate": "0.0001", "at": "2026-11-09T00:00:00Z"}
    assert refused("funding-rates/SOL", **funding) == (409, "funding-applied")
    assert refused("funding-rates/SOL", **funding | {"rate": "0.33"}) == (422, "invalid-input")
    assert refused("funding-rates/SOL", **funding | {"rate": 0.1}) == (422, "invalid-input")
    assert refused("prices/WIF/accept", **of_live) == (404, "no-jump")
    refuse_a_jump(game, game.live.clock())
    assert refused("prices/WIF/accept", **of_live, price="12") == (409, "another-jump")
    move = {**of_live, "flow": "correction", "reason": "r"}
    assert refused(f"players/{ann.address}/move", **move, amounts={"SOL": "-13"}) == (409, "flow-beyond-balance")
    assert refused(f"players/{ann.address}/move", **move, amounts={"SOL": "0.0000000001"}) == (422, "bad-amount")
    assert refused(f"players/{new_wallet().address}/move", **move, amounts={"SOL": "1"}) == (404, "unknown-player")
    assert refused(f"players/{ann.address}/reinstate", **of_live, reason="r") == (409, "player-has-status")
    assert refused(f"players/{ann.address}/disqualify", **of_live) == (422, "invalid-input")


def test_a_campaign_that_is_ended_takes_no_more_orders(game: Game, ann: Seat) -> None:
    administrator = game.site.program(Role.ADMINISTRATOR)
    ended = administrator.post(f"/api/trading/campaigns/{game.live.name}/end").json()["data"]["changed"]
    assert ended["ends_at"] == "2026-11-09T00:00:01+00:00"
    game.live.clock.pass_by(seconds=1)
    answer = ann.post("stake", token_address=MINTS["SOL"], amount="1")
    assert answer.json()["type"] == "/problems/campaign-ended"


def test_a_repeated_correction_is_one(game: Game, ann: Seat, pool: postgres.Pool) -> None:
    administrator, key = game.site.program(Role.ADMINISTRATOR), {"Idempotency-Key": "fix"}
    given = {"campaign": game.live.name, "flow": "deposit", "amounts": {"USDC": "5"}, "reason": "late"}
    for _ in range(2):
        path = f"/api/trading/players/{ann.address}/move"
        assert administrator.post(path, json=given, headers=key).status_code == 200
        with postgres.transaction(pool) as connection:
            connection.execute("DELETE FROM web.idempotency_keys")
    assert game.live.balances(ann.address) == {"SOL": "12", "USDC": "905"}
