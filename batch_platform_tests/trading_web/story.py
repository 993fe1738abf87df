"""A live competition of three days for the pages: players who trade and are liquidated, ticks and boards."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from batch_platform.core import postgres
from batch_platform.trading.service import registration, snapshots
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.registration import Profile
from batch_platform_tests.trading.live import START, Live, make_live
from batch_platform_tests.trading_web.conftest import Wallet, new_wallet
from batch_platform_tests.web.site import Browser, Site

NAMES = ("sakura", "kenji", "mei", "takumi", "aoi", "ren", "yui")
HOME = "/console/trading"
HOURS = 60
_numbers = itertools.count(1)


def price_at(hour: int) -> Mapping[str, str]:
    """SOL goes up and down by some dollars, WIF by cents."""
    swing = (hour * 7) % 13 - (hour * 3) % 5 + hour // 12
    return {"SOL": str(160 + swing), "USDC": "1", "WIF": f"0.{520 + (hour * 11) % 17:03}"}


def tell(site: Site, pool: postgres.Pool, *, hours: int = HOURS) -> tuple[Live, dict[str, Wallet]]:
    """The competition that the site means from now on, and its players' wallets by their names."""
    live = make_live(site.app.state.trading, swap_fee_bps="30", ends_at=START + timedelta(days=14))
    made = live.name
    live.name = f"autumn-{next(_numbers)}"
    with postgres.transaction(pool) as connection:
        connection.execute("UPDATE trading.campaigns SET name = %s WHERE name = %s", (live.name, made))
    site.app.state.trading = replace(live.context, campaign=live.name)
    wallets = {name: new_wallet() for name in NAMES}
    for name, wallet in wallets.items():
        registration.register(live.context, live.name, wallet.address, Profile(username=name))
    first = wallets["sakura"].address
    for hour in range(hours):
        begin = START + timedelta(hours=hour)
        live.clock.now = begin + timedelta(minutes=55)
        if hour == 1:
            place(live, first, "swap", **{"from": "SOL", "to": "WIF", "amount": "1.5"})
            place(live, first, "stake", token="SOL", amount="2")
            place(live, first, "liquid_stake", token="SOL", amount="1")
            place(live, wallets["kenji"].address, "swap", **{"from": "USDC", "to": "SOL", "amount": "800"})
        if hour == 3:
            place(live, first, "perp_open", token="SOL", collateral="100", leverage=5, direction="long")
            place(live, first, "perp_open", token="SOL", collateral="40", leverage=20, direction="short")
            bet = {"token": "SOL", "collateral": "300", "leverage": 10, "direction": "short"}
            place(live, wallets["mei"].address, "perp_open", **bet)
        if hour == hours // 2:
            place(live, first, "swap", **{"from": "WIF", "to": "USDC", "amount": "120"})
        live.clock.pass_by(minutes=4)
        live.tick(price_at(hour))
        live.clock.now = begin + timedelta(minutes=60, seconds=5)
        snapshots.take(live.context, live.name, begin + timedelta(hours=1))
    return live, wallets


def place(live: Live, wallet: str, order: str, **fields: object) -> Row:
    return live.place(wallet, order, **fields)


def sign_in(site: Site, wallet: Wallet) -> Browser:
    """A browser in which the wallet's player has signed in."""
    browser = site.browser()
    path = f"{HOME}/sign-in"
    form = {"csrf_token": browser.csrf(path), "wallet_address": wallet.address}
    text = browser.client.post("/api/auth/nonce", json={"wallet_address": wallet.address}).json()["data"]["message"]
    answer = browser.send(path, form | {"signature": wallet.sign(text)})
    assert answer.status_code == 303, answer.text
    return browser
