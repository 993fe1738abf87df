"""Everything that forms of the console do: players' and administrators', one row in the audit log each."""

from __future__ import annotations

from batch_platform.core import postgres
from batch_platform.trading.service import prices, registration
from batch_platform.trading.web import administration_pages, contest_pages, trade_pages
from batch_platform.web.access.model import Role
from batch_platform_tests.surfaces import Walk, of_routers
from batch_platform_tests.trading_web.conftest import new_wallet
from batch_platform_tests.trading_web.games import make_game
from batch_platform_tests.trading_web.story import HOME, sign_in
from batch_platform_tests.web.site import Site

PLAYERS = of_routers(contest_pages.router, trade_pages.router)
ADMINISTRATORS = of_routers(administration_pages.router)
SURFACES = PLAYERS | ADMINISTRATORS


def test_every_form_of_a_player(site: Site, pool: postgres.Pool) -> None:
    game, wallet = make_game(site, pool), new_wallet()
    browser, stranger = sign_in(site, wallet), sign_in(site, new_wallet())
    walk, by = Walk(pool, PLAYERS), f"player:{wallet.address}"
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
    assert walk.walked == PLAYERS


def test_every_form_of_an_administrator(site: Site, pool: postgres.Pool) -> None:
    game = make_game(site, pool)
    seat, live = game.join(username="mei"), game.live.name
    browser, viewer = site.signed_in("ann", Role.ADMINISTRATOR), site.signed_in("vic", Role.VIEWER)
    walk = Walk(pool, ADMINISTRATORS)
    place, origin = f"{HOME}/administration", {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}
    token, strange = browser.csrf(place), viewer.csrf(HOME)

    def do(form: str, name: str, target: str, campaign: str = "", **given: str) -> None:
        path = f"{place}/{form}" + (f"?campaign={campaign}" if campaign else "")
        data = {"target": target, **given}
        walk.leaves_none(viewer.client, "POST", path, 403, data=data | {"csrf_token": strange}, headers=origin)
        with walk.rows(f"POST {place}/{{deed}}", name, by="local:ann", target=target):
            answer = browser.send(path, data | {"csrf_token": token})
        assert answer.status_code == 303, answer.text

    new = "winter"
    do("add-campaign", "campaign.add", new, swap_fee_bps="10")
    do("change-campaign", "campaign.change", new, new, swap_fee_bps="12.5")
    do("add-token", "trading-token.add", "ETH", new, address="mint-of-eth", decimals="8", type="normal")
    do("add-token", "trading-token.add", "sETH", new, address="mint-of-seth", decimals="8", type="liquid_staking")
    do("change-token", "trading-token.change", "ETH", new, perp_max_leverage="20")
    do("add-pool", "lst-pool.add", "ETH", new, lst="sETH", exchange_rate="1.05")
    do("set-grants", "campaign.grant", new, new, amounts="ETH=3.5")
    do("add-interest-rate", "interest-rate.add", "ETH", new, action="staking", rate="4.25", effective="2027-01-01")
    do("add-funding-rate", "funding-rate.add", "ETH", new, rate="0.0001")
    do("move", registration.MOVE, seat.address, flow="deposit", amounts="SOL=1", reason="a gift")
    do("disqualify", registration.STATUSES["disqualified"], seat.address, reason="two wallets")
    do("reinstate", registration.STATUSES["active"], seat.address, reason="a mistake")
    _jump(pool, live, site)
    do("accept-price", prices.ACCEPT, "SOL", price="1700")
    refused = browser.send(f"{place}/add-token", {"csrf_token": token, "target": "ETH", "decimals": "99"})
    assert refused.status_code == 422
    assert 'id="add-token-decimals-error"' in refused.text or 'id="add-token-address-error"' in refused.text
    do("end-campaign", "campaign.end", live)
    assert walk.walked == ADMINISTRATORS


def _jump(pool: postgres.Pool, campaign: str, site: Site) -> None:
    """A price of SOL that was refused a moment ago."""
    with postgres.transaction(pool) as connection:
        connection.execute(
            "INSERT INTO trading.refused_prices (token_no, at, source, reason, price_usd) "
            "SELECT t.token_no, %s, 'jupiter', 'jump', 1700 FROM trading.tokens AS t "
            "JOIN trading.campaigns AS c USING (campaign_no) WHERE c.name = %s AND t.symbol = 'SOL'",
            (site.clock(), campaign),
        )
