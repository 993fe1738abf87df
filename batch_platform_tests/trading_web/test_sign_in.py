"""A wallet signs in by a signature that is good here, now and once; what it gets opens what is the player's alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from fastapi.routing import iter_route_contexts

from batch_platform.core import postgres
from batch_platform.trading.service import players
from batch_platform.trading.service.players import TOKEN_LIFETIME
from batch_platform.trading.sign_in import LIFETIME, SHARED_FOR, Challenge
from batch_platform.trading.web.players import CONTEST, SIGN_IN, OwnerOr, PlayerOr
from batch_platform.trading.web.sign_in import OPENED
from batch_platform.web.access.authentication import is_public
from batch_platform.web.access.dependencies import requirement_of
from batch_platform.web.access.model import Role
from batch_platform_tests.trading_web.conftest import ask, new_wallet, player, token_of, verify
from batch_platform_tests.web.site import NOON, Site
from batch_platform_tests.web.test_app import check_problem, routes

OFF_CURVE = "8opHzTAnfzRpPEx21XtnrVTX28YQuCpAjcn1PczScKh"  # y = 2
SECOND = timedelta(seconds=1)


def rows(site: Site, statement: str) -> list[tuple[object, ...]]:
    with postgres.transaction(site.context.pool) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[arg-type]


def test_a_wallet_signs_in(site: Site) -> None:
    wallet, client = new_wallet(), site.client()
    asked = ask(client, wallet.address)
    assert asked["wallet_address"] == wallet.address
    assert asked["expires_at"] == "2026-11-20T03:05:00Z"
    lines = asked["message"].split("\n")
    assert lines[:2] == ["127.0.0.1:8000 wants you to sign in with your Solana account:", wallet.address]
    assert f"Nonce: {asked['nonce']}" in lines
    assert lines[-2:] == ["Issued At: 2026-11-20T03:00:00Z", "Expiration Time: 2026-11-20T03:05:00Z"]
    data = verify(client, wallet.address, wallet.sign(asked["message"])).json()["data"]
    assert data["wallet_address"] == wallet.address
    assert data["expires_at"] == "2026-11-27T03:00:00Z"
    own = site.client(Authorization=f"Bearer {data['token']}")
    assert own.get(f"/api/games/{wallet.address}").json() == wallet.address
    assert own.get("/api/games/board").json() == "board"


def test_no_token_is_kept_that_opens_anything(site: Site, log: StringIO) -> None:
    wallet = new_wallet()
    client = site.client(**{"Idempotency-Key": "again"})
    signature = wallet.sign(ask(client, wallet.address)["message"])
    token = verify(client, wallet.address, signature).json()["data"]["token"]
    assert rows(site, "SELECT token_hash FROM trading.player_tokens") == [(hashlib.sha256(token.encode()).digest(),)]
    assert rows(site, "SELECT count(*) FROM web.idempotency_keys") == [(0,)]
    assert token not in repr(rows(site, "SELECT audit.*::text FROM web.audit_log AS audit"))
    assert token.partition(".")[2] not in log.getvalue()
    # the same once more is a replay, with the key or without
    assert verify(client, wallet.address, signature).status_code == 401


def test_a_nonce_is_good_once_whoever_is_first(site: Site) -> None:
    wallet = new_wallet()
    signature = wallet.sign(ask(site.client(), wallet.address)["message"])
    clients = [site.client() for _ in range(12)]
    with ThreadPoolExecutor(len(clients)) as threads:
        answers = list(threads.map(lambda client: verify(client, wallet.address, signature), clients))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 11
    assert rows(site, "SELECT count(*) FROM trading.player_tokens") == [(1,)]
    assert rows(site, "SELECT count(*) FROM trading.sign_in_nonces") == [(0,)]


def refused(site: Site, address: str, signature: str) -> None:
    problem = check_problem(verify(site.client(), address, signature), 401)
    assert problem["type"] == "/problems/signature-refused"
    assert rows(site, "SELECT count(*) FROM trading.player_tokens") == [(0,)]


def test_only_its_own_wallet_signs(site: Site) -> None:
    wallet, other = new_wallet(), new_wallet()
    message = ask(site.client(), wallet.address)["message"]
    ask(site.client(), other.address)
    refused(site, wallet.address, other.sign(message))
    refused(site, other.address, other.sign(message))
    refused(site, other.address, wallet.sign(message))
    # nobody has spoilt the nonce
    assert verify(site.client(), wallet.address, wallet.sign(message)).status_code == 200


ALTERED: dict[str, Callable[[str], str]] = {
    "another site": lambda message: message.replace("127.0.0.1:8000", "evil.example"),
    "another address of the site": lambda message: message.replace(
        "URI: http://127.0.0.1:8000", "URI: https://e.example"
    ),
    "a longer life": lambda message: message.replace("03:05:00Z", "04:05:00Z"),
    "another nonce": lambda message: re.sub("Nonce: .", "Nonce: x", message),
    "a newline more": lambda message: f"{message}\n",
    "nothing": lambda message: "",
}


@pytest.mark.parametrize("altered", ALTERED)
def test_only_what_was_asked_here_is_good(site: Site, altered: str) -> None:
    wallet = new_wallet()
    message = ask(site.client(), wallet.address)["message"]
    assert ALTERED[altered](message) != message
    refused(site, wallet.address, wallet.sign(ALTERED[altered](message)))


def test_a_nonce_ends(site: Site) -> None:
    wallet = new_wallet()
    signature = wallet.sign(ask(site.client(), wallet.address)["message"])
    site.clock.pass_by(LIFETIME)
    refused(site, wallet.address, signature)
    late = ask(site.client(), wallet.address)
    site.clock.pass_by(LIFETIME - SECOND)
    assert verify(site.client(), wallet.address, wallet.sign(late["message"])).status_code == 200
    site.clock.pass_by(LIFETIME)
    ask(site.client(), new_wallet().address)
    assert rows(site, "SELECT count(*) FROM trading.sign_in_nonces") == [(1,)]


def test_asking_often_makes_few_nonces_and_ends_none(site: Site) -> None:
    """Whoever floods a wallet with questions keeps its owner neither from a nonce nor from the one he has."""
    wallet, client = new_wallet(), site.client()
    first = ask(client, wallet.address)
    site.clock.pass_by(SHARED_FOR - SECOND)
    assert ask(client, wallet.address) == first
    site.clock.pass_by(SECOND)
    second = ask(client, wallet.address)
    assert second["nonce"] != first["nonce"]
    for asked in (first, second):
        assert verify(client, wallet.address, wallet.sign(asked["message"])).status_code == 200


def test_the_answer_does_not_tell_who_plays(site: Site) -> None:
    known, unknown = new_wallet(), new_wallet()
    token_of(site, known)
    answers = [ask(site.client(), wallet.address) for wallet in (known, unknown)]
    shapes = [re.sub(r"[0-9a-f]{32}", "NONCE", str(answer)) for answer in answers]
    assert shapes[0].replace(known.address, "X") == shapes[1].replace(unknown.address, "X")


@pytest.mark.parametrize("route", ["nonce", "verify"])
@pytest.mark.parametrize(
    "address",
    [
        pytest.param(OFF_CURVE, id="off the curve"),
        pytest.param("1" * 32, id="of order four"),
        pytest.param("WALLET\n", id="newline"),
        pytest.param("0OIl", id="no base58"),
        pytest.param("WALLET" * 10, id="long"),
        pytest.param("", id="empty"),
    ],
)
def test_addresses_that_nobody_signs_for_are_refused(site: Site, route: str, address: str) -> None:
    text = address.replace("WALLET", new_wallet().address)
    body = {"wallet_address": text} | ({"signature": "1"} if route == "verify" else {})
    problem = check_problem(site.client().post(f"/api/auth/{route}", json=body), 422)
    assert problem["field"] == "wallet_address"
    assert rows(site, "SELECT count(*) FROM trading.sign_in_nonces") == [(0,)]


# what a player may


def test_a_player_may_nothing_that_does_not_say_so(site: Site) -> None:
    own = player(site, new_wallet())
    admitting = {
        route.path
        for route in iter_route_contexts(site.app.routes)
        if isinstance(needs := requirement_of(route), PlayerOr | OwnerOr) or (needs and needs.permission == CONTEST)
    }
    asked = 0
    for method, path in routes(site):
        if not is_public(path, OPENED) and not any(
            re.fullmatch(re.sub(r"{[^}]*}", "[^/]+", known or ""), path) for known in admitting
        ):
            check_problem(own.request(method, path), 403)
            asked += 1
    assert asked > 20


def test_a_wallet_opens_what_is_its_own(site: Site) -> None:
    wallet, other = new_wallet(), new_wallet()
    own = player(site, wallet)
    answers = [own.get(f"/api/games/{path}") for path in (other.address, new_wallet().address, "x", "%0a")]
    told = {(answer.status_code, answer.json()["detail"]) for answer in answers}
    assert told == {(403, "the permission trading:read is missing")}
    assert own.post(f"/api/games/{wallet.address}/moves").status_code == 200
    check_problem(own.post(f"/api/games/{other.address}/moves"), 403)
    viewer, administrator = site.program(Role.VIEWER), site.program(Role.ADMINISTRATOR)
    assert viewer.get(f"/api/games/{wallet.address}").status_code == 200
    check_problem(viewer.post(f"/api/games/{wallet.address}/moves"), 403)
    check_problem(viewer.post("/api/games/trades"), 403)
    assert administrator.post(f"/api/games/{wallet.address}/moves").status_code == 200
    check_problem(site.client().get(f"/api/games/{wallet.address}"), 401)


def test_a_token_ends_and_is_taken_back(site: Site) -> None:
    wallet = new_wallet()
    first, second = player(site, wallet), player(site, wallet)
    assert first.post("/api/auth/sign-out").json()["success"] is True
    check_problem(first.get("/api/games/board"), 401)
    check_problem(first.post("/api/auth/sign-out"), 401)
    site.clock.pass_by(TOKEN_LIFETIME - SECOND)
    assert second.get("/api/games/board").status_code == 200
    site.clock.pass_by(SECOND)
    check_problem(second.get("/api/games/board"), 401)
    for role in (Role.VIEWER, Role.ADMINISTRATOR):
        check_problem(site.program(role).post("/api/auth/sign-out"), 403)


def test_altered_tokens_are_nobodys(site: Site) -> None:
    token = token_of(site, new_wallet())
    for altered in (
        token[:-1],
        f"{token}=",
        token.upper(),
        token.removeprefix("player."),
        f"player.{token}",
        "player.",
    ):
        check_problem(site.client(Authorization=f"Bearer {altered}").get("/api/games/board"), 401)


# how often


def test_who_asks_too_often_waits(site: Site) -> None:
    client = site.client()
    answers = [client.post("/api/auth/nonce", json={"wallet_address": new_wallet().address}) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert check_problem(answers[-1], 429)["type"] == "/problems/too-many-requests"
    assert answers[-1].headers["retry-after"] == "2"
    wallet = new_wallet()
    check_problem(verify(client, wallet.address, "x"), 429)
    site.clock.pass_by(timedelta(seconds=2))
    refused(site, wallet.address, "x")


def test_each_player_has_a_quota_of_its_own(site: Site) -> None:
    one, other = player(site, new_wallet()), player(site, new_wallet())
    assert [one.post("/api/games/trades").status_code for _ in range(4)] == [200] * 3 + [429]
    assert one.post("/api/games/trades").headers["retry-after"] == "10"
    assert other.post("/api/games/trades").status_code == 200
    site.clock.pass_by(timedelta(seconds=10))
    assert [one.post("/api/games/trades").status_code for _ in range(2)] == [200, 429]


# browsers


def test_a_browser_signs_in_by_a_pasted_signature(site: Site) -> None:
    wallet, browser = new_wallet(), site.browser()
    form = {"next": "/api/games/board", "csrf_token": browser.csrf(SIGN_IN), "wallet_address": f" {wallet.address} "}
    shown = browser.send(SIGN_IN, form)
    assert shown.status_code == 200
    match = re.search(r"<textarea[^>]*>([^<]*)</textarea>", shown.text)
    assert match
    signature = wallet.sign(match[1])
    wrong = browser.send(SIGN_IN, form | {"signature": new_wallet().sign(match[1])})
    assert wrong.status_code == 401
    assert "署名が正しくない" in wrong.text
    assert match[1] in wrong.text
    signed = browser.send(SIGN_IN, form | {"signature": f"{signature}\n"})
    assert (signed.status_code, signed.headers["location"]) == (303, "/api/games/board")
    assert browser.client.get("/api/games/board").json() == "board"
    assert browser.client.get(f"/api/games/{wallet.address}").json() == wallet.address
    assert browser.get(f"{SIGN_IN}?next=/api/games/board").headers["location"] == "/api/games/board"
    assert browser.get("/console").status_code == 403
    csrf = site.app.state.sessions.csrf_token(site.app.state.sessions.cookie.read(browser.client.cookies))
    assert browser.client.post("/api/games/trades").status_code == 403
    assert browser.client.post("/api/games/trades", headers={"X-CSRF-Token": csrf}).status_code == 200
    check_problem(browser.client.post("/api/auth/sign-out", headers={"X-CSRF-Token": csrf}), 403)
    assert browser.send("/logout", {"csrf_token": csrf}).headers["location"] == SIGN_IN
    assert browser.client.get("/api/games/board").status_code == 401
    assert site.browser().send(SIGN_IN, form | {"signature": signature}).status_code == 403


def test_the_page_names_what_is_wrong(site: Site) -> None:
    browser = site.browser()
    form = {"csrf_token": browser.csrf(SIGN_IN), "wallet_address": OFF_CURVE, "next": "https://evil.example"}
    answer = browser.send(SIGN_IN, form)
    assert answer.status_code == 422
    assert "32 バイトの公開鍵" in answer.text
    assert "evil.example" not in answer.text
    assert f'href="{SIGN_IN}?next=/console/x"' in browser.get("/console/x").text


def test_the_message_is_of_the_public_address() -> None:
    challenge = Challenge("W", "n", NOON, NOON + LIFETIME)
    one, other = (challenge.message(site) for site in ("https://trade.example", "https://trade.example:8443"))
    assert one.startswith("trade.example wants you to sign in")
    assert other.startswith("trade.example:8443 wants you to sign in")
    assert replace(challenge, nonce="m").message("https://trade.example") != one


def test_nothing_is_proved_by_a_bad_address(site: Site) -> None:
    with pytest.raises(Exception, match="base58"):
        players.prove(site.app.state.trading, OFF_CURVE, "x", site=site.context.url)
