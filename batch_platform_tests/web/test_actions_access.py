"""Every action of the access to the platform, on every surface that carries it out, leaves exactly one row."""

from __future__ import annotations

from functools import partial

import pytest

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.core.clock import utc_now
from batch_platform.web.access import api, pages, users_pages
from batch_platform.web.access.model import Role
from batch_platform.web.access.service import ACTIONS
from batch_platform.web.access.sessions import Sessions
from batch_platform.web.access.sign_in import LoginRefused, log_in
from batch_platform_tests.surfaces import Walk, of_commands, of_routers
from batch_platform_tests.web.oidc_provider import providing
from batch_platform_tests.web.site import HandClock, Site, make_context, open_site
from batch_platform_tests.web.test_oidc import settings_of, sign_in
from batch_platform_tests.web.test_users_cli import Cli, cli

__all__ = ["cli"]

WEB, COMMANDS = of_routers(api.router, pages.router, users_pages.router), of_commands("token", "users")
SURFACES = WEB | COMMANDS
PROVIDER = ("GET /login/oidc/callback", "session.start")
WORD = "a long enough password"


def test_every_action_of_the_web(site: Site, pool: postgres.Pool) -> None:
    walk = Walk(pool, WEB)
    ann, vic = site.signed_in("ann", Role.ADMINISTRATOR), site.signed_in("vic", Role.VIEWER)
    token = {"csrf_token": ann.csrf("/console/users")}
    form = {"name": "bob", "password": WORD, "roles": ["viewer"]}
    walked = partial(walk.rows, by="local:ann", target="bob")
    with walk.nothing():
        for wrong in ({"name": "?"}, {"password": "short"}):
            assert ann.send("/console/users", {**token, **form, **wrong}).status_code == 422
        theirs = {"csrf_token": vic.csrf("/console/audit"), **form}
        assert vic.send("/console/users", theirs).status_code == 403
    with walked("POST /console/users", "user.add"):
        assert ann.send("/console/users", {**token, **form}).status_code == 303
    for verb in ("disable", "enable"):
        with walk.nothing():
            assert vic.send(f"/console/users/bob/{verb}", theirs).status_code == 403
        with walked(f"POST /console/users/{{name}}/{verb}", f"user.{verb}"):
            assert ann.send(f"/console/users/bob/{verb}", token).status_code == 303
        with walk.nothing():
            assert ann.send(f"/console/users/bob/{verb}", token).status_code == 303  # it is so already
    bob = site.browser()
    failed = partial(walk.rows, "POST /login", by="address:127.0.0.1", target="bob")
    for names in [("sign-in.fail",)] * 4 + [("sign-in.lock",)]:
        with failed(*names):
            assert bob.log_in("bob", "wrong").status_code == 401
    with walk.nothing():
        assert bob.log_in("bob", WORD).status_code == 429
        assert vic.send("/console/users/bob/unlock", theirs).status_code == 403
        assert vic.send("/console/addresses/unlock", {**theirs, "address": "127.0.0.1"}).status_code == 403
    with walked("POST /console/users/{name}/unlock", "user.unlock"):
        assert ann.send("/console/users/bob/unlock", token).status_code == 303
    by_ann = {"by": "local:ann", "target": "127.0.0.1"}
    with walk.nothing():
        assert ann.send("/console/users/bob/unlock", token).status_code == 303  # nothing is counted any more
    with walk.rows("POST /console/addresses/unlock", "address.unlock", **by_ann):
        assert ann.send("/console/addresses/unlock", {**token, "address": "127.0.0.1"}).status_code == 303
    with walk.rows("POST /login", "session.start", by="local:bob"):
        assert bob.log_in("bob", WORD).status_code == 303
    with walk.rows("POST /logout", "session.end", by="local:bob"):
        assert bob.send("/logout", {"csrf_token": bob.csrf("/console/audit")}).status_code == 303
    assert walk.walked == WEB - {PROVIDER}


def test_a_session_of_a_login_provider(pool: postgres.Pool) -> None:
    walk = Walk(pool, {PROVIDER})
    with providing(HandClock()) as provider, open_site(pool, oidc=settings_of(provider)) as site:
        provider.clock = site.clock
        with walk.nothing():
            assert site.browser().get("/login/oidc/callback?code=x&state=y").status_code == 401
        with walk.rows(*PROVIDER, by="oidc:u-1"):
            assert sign_in(site.browser()).status_code == 303
    assert walk.walked == {PROVIDER}


def test_every_action_of_a_command(site: Site, pool: postgres.Pool, cli: Cli) -> None:
    walk = Walk(pool, COMMANDS)
    by = f"cli:{system_user()}"

    def call(*words: str, code: int = 0) -> None:
        more = ("--password-stdin",) if words[1] in ("add", "reset-password") else ()
        assert cli(*words, *more, stdin=f"{WORD} {words[1]}\n").exit_code == code

    walk.command(call, "token", "--role", "viewer", "--name", "ci", does=("token.issue",), by=by, target="token:ci")
    walked = partial(walk.command, call, by=by, target="cat")
    walked("users", "add", "cat", "--role", "viewer", does=("user.add",))
    walked("users", "disable", "cat", does=("user.disable",))
    walked("users", "enable", "cat", does=("user.enable",))
    walked("users", "set-roles", "cat", "--role", "operator", does=("user.set-roles",))
    walked("users", "reset-password", "cat", does=("user.reset-password",))
    for _ in range(2):
        with pytest.raises(LoginRefused):
            log_in(Sessions(make_context(pool, utc_now)), "cat", "wrong", address="192.0.2.1", correlation_id=None)
    walked("users", "unlock", "cat", does=("user.unlock",))
    unlocked = partial(walk.command, call, by=by, target="192.0.2.1")
    unlocked("users", "unlock", "--address", "192.0.2.1", does=("address.unlock",))
    with walk.nothing():
        call("users", "enable", "cat")  # it is so already
        call("users", "unlock", "cat")
        for verb in ("disable", "enable", "reset-password", "unlock"):
            assert cli("users", verb, "nobody", stdin=f"{WORD}\n").exit_code != 0
        assert cli("token", "--role", "king").exit_code != 0
    assert walk.walked == COMMANDS


def test_every_action_has_a_surface() -> None:
    assert {name for _, name in SURFACES} == set(ACTIONS)
