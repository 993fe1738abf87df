"""Notices: one a fact, in its own transaction; in the app for the player alone, by mail for who asked for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from batch_platform.core import postgres
from batch_platform.outbox.model import Channel
from batch_platform.outbox.templates import Templates
from batch_platform.trading.service import ticks
from batch_platform.trading.service.notices import TEMPLATES
from batch_platform.trading.web import notifications
from batch_platform.web.access.model import Role
from batch_platform_tests.surfaces import Walk, of_routers
from batch_platform_tests.trading.live import START
from batch_platform_tests.trading_web.games import MINTS, Game, Seat, make_game
from batch_platform_tests.web.site import Site
from batch_platform_tests.web.test_app import check_problem

SOL, USDC = MINTS["SOL"], MINTS["USDC"]
SWAP = {"from_token_address": SOL, "to_token_address": USDC, "amount": "1.5"}
PERP = {"token_address": SOL, "collateral_amount": "100", "leverage": 20, "direction": "long"}


@pytest.fixture
def game(site: Site, pool: postgres.Pool) -> Game:
    return make_game(site, pool)


@pytest.fixture
def mail(game: Game) -> str:
    return f"ann@{game.live.name}.example.com"


@pytest.fixture
def ann(game: Game, mail: str) -> Seat:
    return game.join(username="ann", email=mail, mail_notifications=True)


def told(seat: Seat, **query: Any) -> list[tuple[str, str]]:
    rows = seat.get("notifications/{wallet}", **query)["notifications"]
    return [(row["type"], row["subject"]) for row in rows]


def mails(pool: postgres.Pool, address: str) -> list[str]:
    with postgres.transaction(pool) as connection:
        rows = connection.execute(
            "SELECT template FROM outbox.notices WHERE channel = 'mail' AND recipient = %s ORDER BY id", (address,)
        )
        return [row[0] for row in rows]


def test_fills_liquidations_and_expiries_are_told_once(game: Game, ann: Seat, mail: str, pool: postgres.Pool) -> None:
    bob = game.join(username="bob", email=f"bob-{mail}")
    swap = ann.order("swap", **SWAP)
    ann.order("perp/open", **PERP)
    bob.order("swap", **SWAP)
    game.live.tick()
    assert sorted(told(ann)) == [
        ("order-filled", "スワップが約定しました"),
        ("order-filled", "ポジションの新規建てが約定しました"),
    ]
    texts = [row["text"] for row in ann.get("notifications/{wallet}")["notifications"]]
    [text] = [text for text in texts if swap["order_id"] in text]
    assert "支払: 1.5 SOL\n受取: 240 USDC" in text
    assert "2026-11-09 09:00:01（日本時間）" in text
    game.live.tick({"SOL": "100", "USDC": "1"})
    assert told(ann)[0] == ("position-liquidated", "SOL のポジションが清算されました")
    ann.order("swap", **SWAP)
    game.live.clock.pass_by(minutes=31)
    ann.order("stake", token_address=SOL, amount="1")  # which settles what has expired
    assert told(ann)[0] == ("order-not-filled", "注文が失効しました")
    assert told(bob) == [("order-filled", "スワップが約定しました")]
    expected = ["order-filled", "order-filled", "position-liquidated", "order-not-filled"]
    assert mails(pool, mail) == expected
    assert mails(pool, f"bob-{mail}") == []


def test_the_end_is_told_to_all(game: Game, ann: Seat) -> None:
    bob = game.join()
    with game.live.context.store.transaction() as session:
        row = session.campaign(game.live.name)
        assert row is not None
        session.end_campaign(row["campaign_no"], START + timedelta(minutes=1))
    game.live.clock.pass_by(minutes=2)
    for _ in range(2):
        ticks.end(game.live.context, game.live.name)
    assert told(ann) == told(bob) == [("campaign-ended", "キャンペーンが終了しました")]


def test_a_player_reads_his_own(game: Game, ann: Seat) -> None:
    bob = game.join()
    for _ in range(3):
        ann.order("swap", **SWAP)
    game.live.tick()
    page = ann.get("notifications/{wallet}", limit=2)
    assert len(page["notifications"]) == 2
    assert len(ann.get("notifications/{wallet}", cursor=page["next_cursor"])["notifications"]) == 1
    first = page["notifications"][0]["id"]
    path = f"/api/notifications/{ann.address}"
    assert ann.client.post(f"{path}/read", json={"ids": [first]}).json()["data"] == {"marked": 1}
    assert len(told(ann, unread="true")) == 2
    assert ann.client.post(f"{path}/read", json={}).json()["data"] == {"marked": 2}
    assert told(ann, unread="true") == []
    for way in ("read", "mails"):
        check_problem(bob.client.post(f"{path}/{way}", json={}), 403)
    administrator = game.site.program(Role.ADMINISTRATOR)
    check_problem(administrator.post(f"{path}/read", json={}), 403)
    check_problem(bob.client.get(path), 403)
    assert game.site.program(Role.VIEWER).get(path).status_code == 200


def test_mails_can_be_declined(game: Game, ann: Seat, mail: str, pool: postgres.Pool) -> None:
    walk = Walk(pool, of_routers(notifications.router))
    path, given = f"/api/notifications/{ann.address}/mails", {"mail_notifications": False}
    by = f"player:{ann.address}"
    walk.send(ann.client, "POST", path, "player.mails", by=by, target=ann.address, json=given)
    walk.leaves_none(ann.client, "POST", path, 200, json=given)
    assert ann.get("users/{wallet}")["mail_notifications"] is False
    ann.order("swap", **SWAP)
    game.live.tick()
    assert (len(told(ann)), mails(pool, mail)) == (1, [])


def test_fresh_prices_are_asked_for(game: Game, ann: Seat) -> None:
    path = f"/api/portfolio/{ann.address}/refresh"
    game.live.tick()
    game.live.clock.pass_by(seconds=61)
    answer = ann.client.post(path)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (sorted(data["wished"]), data["prices_age"]) == (["SOL", "USDC"], 60)
    assert data["prices"] == {"SOL": "160", "USDC": "1"}
    answers = [ann.client.post(path) for _ in range(10)]
    check_problem(answers[-1], 429)
    assert int(answers[-1].headers["Retry-After"]) >= 1
    check_problem(game.join().client.post(path), 403)


@pytest.mark.parametrize("channel", [Channel.IN_APP, Channel.MAIL], ids=["in app", "mail"])
def test_every_template_says_its_sample(channel: Channel) -> None:
    templates = Templates({"trading": TEMPLATES})
    names = templates.names()
    assert [name for domain, name in names if domain == "trading"] == [
        "campaign-ended",
        "order-filled",
        "order-not-filled",
        "position-liquidated",
    ]
    for domain, name in names:
        said = templates.render(domain, name, templates.sample(domain, name), channel=channel)
        assert said.subject
        assert "hana 様" in said.text
