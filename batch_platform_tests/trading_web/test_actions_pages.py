"""Every registration and every order by a form of the console leaves exactly one row in the audit log."""

from __future__ import annotations

from batch_platform.core import postgres
from batch_platform.trading.web import contest_pages, trade_pages
from batch_platform_tests.surfaces import Walk, of_routers
from batch_platform_tests.trading_web.conftest import new_wallet
from batch_platform_tests.trading_web.games import make_game
from batch_platform_tests.trading_web.story import HOME, sign_in
from batch_platform_tests.web.site import Site

SURFACES = of_routers(contest_pages.router, trade_pages.router)


def test_every_form_of_a_player(site: Site, pool: postgres.Pool) -> None:
    game, wallet = make_game(site, pool), new_wallet()
    browser, stranger = sign_in(site, wallet), sign_in(site, new_wallet())
    walk, by = Walk(pool, SURFACES), f"player:{wallet.address}"
    csrf = {"csrf_token": browser.csrf(HOME)}
    origin = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}

    walk.send(
        browser.client,
        "POST",
        f"{HOME}/join",
        "player.register",
        by=by,
        target=wallet.address,
        data=csrf | {"username": "sakura"},
        headers=origin,
    )
    orders = f"{HOME}/players/{wallet.address}/orders"
    swap = {"order": "swap", "from": "SOL", "to": "USDC", "amount": "1", "request_id": "1"}
    others = {"csrf_token": stranger.csrf(HOME)}
    walk.leaves_none(stranger.client, "POST", orders, 403, data=others | swap, headers=origin)
    walk.send(browser.client, "POST", orders, "order.place", by=by, data=csrf | swap, headers=origin)
    walk.leaves_none(browser.client, "POST", orders, 303, data=csrf | swap, headers=origin)  # sent twice
    too_much = swap | {"amount": "99", "request_id": "2"}
    walk.leaves_none(browser.client, "POST", orders, 422, data=csrf | too_much, headers=origin)
    game.live.tick()
    assert walk.walked == SURFACES
