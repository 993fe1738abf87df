"""Every registration and every order that is accepted leaves exactly one row in the audit log; a refused one none."""

from __future__ import annotations

from batch_platform.core import postgres
from batch_platform.trading.web import api, notifications, trades
from batch_platform_tests.surfaces import Walk, of_routers
from batch_platform_tests.trading_web.conftest import new_wallet, player
from batch_platform_tests.trading_web.games import MINTS, make_game
from batch_platform_tests.web.site import Site

SURFACES = of_routers(api.router, trades.router, notifications.router)
SOL, USDC = MINTS["SOL"], MINTS["USDC"]


def test_every_deed_of_a_player(site: Site, pool: postgres.Pool) -> None:
    game, wallet = make_game(site, pool), new_wallet()
    client, stranger = player(site, wallet), player(site, new_wallet())
    walk, by, own = Walk(pool, SURFACES), f"player:{wallet.address}", {"wallet_address": wallet.address}

    def do(path: str, name: str = "order.place", target: str | None = None, **given: str | int) -> str:
        [row] = walk.send(
            client, "POST", f"/api/{path}", name, by=by, target=target, stranger=stranger, json={**own, **given}
        )
        return row.target

    do("users", "player.register", wallet.address)
    walk.leaves_none(client, "POST", "/api/users", 200, json=own)
    do("swap", from_token_address=SOL, to_token_address=USDC, amount="1")
    walk.leaves_none(
        client,
        "POST",
        "/api/swap",
        409,
        json={**own, "from_token_address": SOL, "to_token_address": USDC, "amount": "99"},
    )
    staked = do("stake", token_address=SOL, amount="1")
    do("unstake", investment_id=staked)
    do("liquid-stake", token_address=SOL, amount="1")
    position = do("perp/open", token_address=SOL, collateral_amount="10", leverage=2, direction="short")
    game.live.tick()
    do(f"perp/close/{position}")
    path, given = f"/api/notifications/{wallet.address}/mails", {"mail_notifications": True}
    walk.send(client, "POST", path, "player.mails", by=by, target=wallet.address, stranger=stranger, json=given)
    assert walk.walked == SURFACES
