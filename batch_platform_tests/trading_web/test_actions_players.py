"""Every sign-in and sign-out of a player, on every surface that carries it out, leaves exactly one row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.audit import AuditStore
from batch_platform.core.caller import system_user
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import InvalidInput, PlatformError
from batch_platform.trading.cli import app
from batch_platform.trading.service import players
from batch_platform.trading.web import sign_in
from batch_platform.trading.web.players import SIGN_IN
from batch_platform_tests.surfaces import Walk, of_routers
from batch_platform_tests.trading_web.conftest import ask, new_wallet, verify
from batch_platform_tests.web.site import SECRET, Site

COMMAND = ("trading sign-in", "session.start")
WEB = of_routers(sign_in.router, sign_in.pages)
SURFACES = WEB | {COMMAND}


def test_every_sign_in_of_the_web(site: Site, pool: postgres.Pool) -> None:
    walk, wallet, client = Walk(pool, WEB), new_wallet(), site.client()
    by = f"player:{wallet.address}"

    def signature() -> str:
        return wallet.sign(ask(client, wallet.address)["message"])

    with walk.nothing():
        signed = signature()
        assert verify(client, wallet.address, new_wallet().sign("x")).status_code == 401
    with walk.rows("POST /api/auth/verify", "session.start", by=by, target=wallet.address):
        token = verify(client, wallet.address, signed).json()["data"]["token"]
    own = site.client(Authorization=f"Bearer {token}")
    walk.send(own, "POST", "/api/auth/sign-out", "session.end", by=by, target=wallet.address)
    walk.leaves_none(own, "POST", "/api/auth/sign-out", 401)
    browser = site.browser()
    form = {"csrf_token": browser.csrf(SIGN_IN), "wallet_address": wallet.address}
    with walk.nothing():
        assert browser.send(SIGN_IN, form).status_code == 200
        assert browser.send(SIGN_IN, form | {"signature": "x"}).status_code == 401
    with walk.rows(f"POST {SIGN_IN}", "session.start", by=by, target=wallet.address):
        assert browser.send(SIGN_IN, form | {"signature": signature()}).status_code == 303
    assert walk.walked == WEB


@pytest.fixture
def environment(pool: postgres.Pool, trading_database: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("DATABASE_URL", trading_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())
    return monkeypatch


def call(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_signing_in_by_command(environment: pytest.MonkeyPatch, pool: postgres.Pool) -> None:
    walk, address, told = Walk(pool, {COMMAND}), new_wallet().address, list[str]()
    by = f"cli:{system_user()}"
    walk.command(
        lambda *words: told.append(call(*words[1:])),
        *("trading", "sign-in", address),
        does=("session.start",),
        by=by,
        target=address,
    )
    [token] = told
    assert token.count("\n") == 1
    assert players.holder(pool, utc_now, token.strip()) == address
    answer: dict[str, Any] = json.loads(call("sign-in", address, "--json"))
    assert answer["wallet_address"] == address
    assert players.holder(pool, utc_now, answer["token"]) == address
    row = AuditStore(pool).rows(limit=1)[0]
    assert (row.who, row.after) == (by, {"expires_at": answer["expires_at"]})
    assert walk.walked == {COMMAND}
    with walk.nothing(), pytest.raises(InvalidInput, match="base58"):
        call("sign-in", f"{address}\n")


def test_elsewhere_players_sign_in_by_their_wallets(environment: pytest.MonkeyPatch, pool: postgres.Pool) -> None:
    environment.setenv("BATCH_PLATFORM_ENV", "prod")
    with Walk(pool, {COMMAND}).nothing(), pytest.raises(PlatformError) as refused:
        call("sign-in", new_wallet().address)
    assert refused.value.exit_code == 2
    assert "local environment only" in refused.value.message
    assert "\n" not in refused.value.message
