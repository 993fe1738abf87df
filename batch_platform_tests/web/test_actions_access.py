"""Every action of the access to the platform, on every surface that carries it out, leaves exactly one row."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.core.clock import utc_now
from batch_platform.web.access import (
    account_pages,
    api,
    audit_api,
    oidc_pages,
    pages,
    second_factor_pages,
    token_api,
    token_pages,
    users_api,
    users_pages,
)
from batch_platform.web.access.model import Principal, Role
from batch_platform.web.access.service import ACTIONS, list_sessions, start_session
from batch_platform.web.access.sessions import Sessions, hash_id
from batch_platform.web.access.sign_in import LoginRefused, log_in
from batch_platform.web.access.token_service import listed
from batch_platform_tests.surfaces import Walk, of_commands, of_routers
from batch_platform_tests.web.oidc_provider import providing
from batch_platform_tests.web.site import Browser, HandClock, Site, make_context, open_site
from batch_platform_tests.web.test_oidc import other, settings_of, sign_in
from batch_platform_tests.web.test_second_factor import Phone
from batch_platform_tests.web.test_users_cli import Cli, cli

__all__ = ["cli"]

WEB = of_routers(api.router, pages.router, account_pages.router, second_factor_pages.router, users_pages.router)
OIDC = of_routers(oidc_pages.router)
AUDIT = of_routers(audit_api.router)
TOKENS = of_routers(token_api.router, token_pages.router)
COMMANDS = of_commands("token", "tokens", "users", "audit")
ACCOUNTS = of_routers(users_api.router)
SURFACES = WEB | ACCOUNTS | OIDC | AUDIT | TOKENS | COMMANDS
WORD = "a long enough password"
OWN = "another that bob has chosen"


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
    for verb, given, wrong in (
        ("set-roles", {"roles": ["viewer", "operator"]}, {"roles": []}),
        ("reset-password", {"password": WORD}, {"password": "short"}),
    ):
        path = f"/console/users/bob/{verb}"
        with walk.nothing():
            assert vic.send(path, {**theirs, **given}).status_code == 403
            assert ann.send(path, {**token, **wrong}).status_code == 303
        with walked(f"POST /console/users/{{name}}/{verb}", f"user.{verb}"):
            assert ann.send(path, {**token, **given}).status_code == 303
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
    walk_own_account(site, walk, bob)
    walk_sessions(site, walk, ann, vic)
    walk_second_factor(site, walk, ann)
    with walk.rows("POST /logout", "session.end", by="local:bob"):
        assert bob.send("/logout", {"csrf_token": bob.csrf("/console/account")}).status_code == 303
    assert walk.walked == WEB


def test_accounts_by_the_api(site: Site, pool: postgres.Pool) -> None:
    walk = Walk(pool, ACCOUNTS)
    root, stranger = site.program(Role.ADMINISTRATOR), site.program(Role.OPERATOR, name="stranger")
    done = partial(walk.send, root, "POST", by="token:test", target="bob", stranger=stranger)
    bob = {"name": "bob", "password": WORD, "roles": ["viewer"]}

    def refused(path: str, status: int, **body: Any) -> None:
        with walk.nothing():
            answer = root.post(path, json=body)
        assert answer.status_code == status, answer.text
        assert WORD not in answer.text
        assert "short!" not in answer.text

    def changes_nothing(path: str, **body: Any) -> None:
        with walk.nothing():
            assert root.post(path, json=body or None).json()["data"]["changed"] is False

    for wrong in ({"name": "?"}, {"password": "short!"}, {"roles": []}, {"roles": ["king"]}, {"more": 1}):
        refused("/api/accounts", 422, **bob | wrong)
    done("/api/accounts", "user.add", json=bob)
    changes_nothing("/api/accounts", **bob)
    refused("/api/accounts", 409, **bob | {"roles": ["operator"]})
    done("/api/accounts/bob/set-roles", "user.set-roles", json={"roles": ["operator"]})
    changes_nothing("/api/accounts/bob/set-roles", roles=["operator"])
    refused("/api/accounts/bob/reset-password", 422, password="short!")
    done("/api/accounts/bob/reset-password", "user.reset-password", json={"password": WORD})
    for verb in ("disable", "enable"):
        done(f"/api/accounts/bob/{verb}", f"user.{verb}")
        changes_nothing(f"/api/accounts/bob/{verb}")
    site.browser().log_in("bob", "wrong")
    done("/api/accounts/bob/unlock", "user.unlock")
    changes_nothing("/api/accounts/bob/unlock")
    site.browser().log_in("bob", "wrong")
    done("/api/addresses/unlock", "address.unlock", target="127.0.0.1", json={"address": "127.0.0.1"})
    refused("/api/addresses/unlock", 422, address="nowhere")
    with postgres.transaction(pool) as connection:
        connection.execute("INSERT INTO web.second_factors VALUES ('bob', '', 0, now())")
    assert root.get("/api/accounts").json()["data"][0]["secondFactor"] is True
    done("/api/accounts/bob/reset-second-factor", "user.reset-second-factor")
    changes_nothing("/api/accounts/bob/reset-second-factor")
    for _ in range(2):
        site.browser().log_in("bob", WORD)
    sessions = root.get("/api/sessions?subject=local:bob").json()["data"]
    assert [session["name"] for session in sessions] == ["bob", "bob"]
    done(f"/api/sessions/{sessions[0]['id']}/end", "session.end")
    refused(f"/api/sessions/{sessions[0]['id']}/end", 404)
    done("/api/accounts/bob/end-sessions", "user.end-sessions")
    changes_nothing("/api/accounts/bob/end-sessions")
    assert root.get("/api/sessions?subject=local:bob").json()["data"] == []
    assert stranger.get("/api/accounts").status_code == stranger.get("/api/sessions").status_code == 403
    for verb in ("disable", "enable", "unlock", "end-sessions", "reset-second-factor"):
        refused(f"/api/accounts/nobody/{verb}", 404)
    assert walk.walked == ACCOUNTS


def walk_own_account(site: Site, walk: Walk, bob: Browser) -> None:
    """A password that somebody else has set is changed, then sessions end."""
    by_bob = {"by": "local:bob", "target": "bob"}
    change = "POST /console/account/password"
    form = {"csrf_token": bob.csrf("/console/account/password"), "password": OWN, "repeated": OWN}
    for names in [("sign-in.fail",)] * 4 + [("sign-in.lock",)]:
        with walk.rows(change, *names, **by_bob):
            assert bob.send("/console/account/password", {**form, "current": "wrong"}).status_code == 422
    with walk.nothing():
        assert bob.send("/console/account/password", {**form, "current": WORD}).status_code == 429
        assert bob.send("/console/account/password", {**form, "repeated": "another"}).status_code == 422
    site.clock.pass_by(timedelta(minutes=1))
    with walk.rows(change, "user.change-password", **by_bob):
        assert bob.send("/console/account/password", {**form, "current": WORD}).status_code == 303
    token = {"csrf_token": form["csrf_token"]}
    for _ in range(2):
        assert site.browser().log_in("bob", OWN).status_code == 303
    with walk.rows("POST /console/account/sessions/{session}/end", "session.end", **by_bob):
        assert bob.send(f"/console/account/sessions/{another(site, 'bob', bob)}/end", token).status_code == 303
    with walk.rows("POST /console/account/end-other-sessions", "user.end-sessions", **by_bob):
        assert bob.send("/console/account/end-other-sessions", token).status_code == 303
    with walk.nothing():
        assert bob.send("/console/account/end-other-sessions", token).status_code == 303
        assert bob.send("/console/account/sessions/none/end", token).status_code == 303


def walk_second_factor(site: Site, walk: Walk, ann: Browser) -> None:
    """Set up, shown, removed by its owner, set up again and taken by an administrator."""
    page = "/console/account/second-factor"
    cat = site.signed_in("cat", Role.VIEWER)
    by_cat = {"by": "local:cat", "target": "cat"}
    with walk.nothing():
        assert cat.send(page, {"csrf_token": cat.csrf(page), "code": "000000"}).status_code == 422
    with walk.rows(f"POST {page}", "user.enrol-second-factor", **by_cat):
        phone = Phone(site, cat)
    browser = site.browser()
    assert browser.log_in("cat").status_code == 303
    verify = {"csrf_token": browser.csrf(f"{page}/verify")}
    for names in [("sign-in.fail",)] * 4 + [("sign-in.lock",)]:
        with walk.rows(f"POST {page}/verify", *names, **by_cat):
            assert browser.send(f"{page}/verify", {**verify, "code": "000000"}).status_code == 422
    with walk.nothing():
        assert browser.send(f"{page}/verify", {**verify, "code": phone.code()}).status_code == 429
    phone.next()
    with walk.rows(f"POST {page}/verify", "session.verify", **by_cat):
        assert browser.send(f"{page}/verify", {**verify, "code": phone.next()}).status_code == 303
    remove = {"csrf_token": browser.csrf(page)}
    for names in [("sign-in.fail",)] * 4 + [("sign-in.lock",)]:
        with walk.rows(f"POST {page}/remove", *names, **by_cat):
            assert browser.send(f"{page}/remove", {**remove, "code": "000000"}).status_code == 422
    phone.next()
    with walk.rows(f"POST {page}/remove", "user.remove-second-factor", **by_cat):
        assert browser.send(f"{page}/remove", {**remove, "code": phone.next()}).status_code == 303
    Phone(site, browser)
    token = {"csrf_token": ann.csrf("/console/users")}
    with walk.rows(
        "POST /console/users/{name}/reset-second-factor", "user.reset-second-factor", by="local:ann", target="cat"
    ):
        assert ann.send("/console/users/cat/reset-second-factor", token).status_code == 303
    with walk.nothing():
        assert ann.send("/console/users/cat/reset-second-factor", token).status_code == 303  # there is none


def walk_sessions(site: Site, walk: Walk, ann: Browser, vic: Browser) -> None:
    """An administrator ends those of others."""
    other = site.browser()
    assert other.log_in("vic").status_code == 303
    token = {"csrf_token": ann.csrf("/console/users")}
    path = f"/console/sessions/{another(site, 'vic', vic)}/end"
    with walk.nothing():
        theirs = {"csrf_token": vic.csrf("/console/audit")}
        assert vic.send(path, theirs).status_code == 403
        assert vic.send("/console/users/ann/end-sessions", theirs).status_code == 403
        assert ann.send("/console/sessions/none/end", token).status_code == 303
    by_ann = {"by": "local:ann", "target": "vic"}
    with walk.rows("POST /console/sessions/{session}/end", "session.end", **by_ann):
        assert ann.send(path, token).status_code == 303
    with walk.rows("POST /console/users/{name}/end-sessions", "user.end-sessions", **by_ann):
        assert ann.send("/console/users/vic/end-sessions", token).status_code == 303


def another(site: Site, name: str, browser: Browser) -> str:
    """The id of a session of that account in another browser."""
    own = hash_id(site.app.state.sessions.cookie.read(browser.client.cookies)).hex()
    ids = [listed.id for listed in list_sessions(site.app.state.sessions, f"local:{name}")]
    return next(session_id for session_id in ids if session_id != own)


def test_a_session_of_a_login_provider(pool: postgres.Pool) -> None:
    walk = Walk(pool, OIDC)
    with providing(HandClock()) as provider, open_site(pool, oidc=settings_of(provider)) as site:
        provider.clock = site.clock
        with walk.nothing():
            assert site.browser().get("/login/oidc/callback?code=x&state=y").status_code == 401
        callback = "GET /login/oidc/callback"
        for mend, status, by in (
            (other(**{"cognito:groups": []}), 403, {"by": "oidc:u-1", "target": "Ann"}),
            (other(aud="x"), 401, {"by": "address:127.0.0.1", "target": "unknown account"}),
        ):
            provider.mend = mend
            with walk.rows(callback, "sign-in.fail", **by):
                assert sign_in(site.browser()).status_code == status
        provider.mend = other()
        for _tab in range(2):
            with walk.rows(callback, "session.start", by="oidc:u-1"):
                assert sign_in(site.browser()).status_code == 303

        def ended() -> int:
            form = {"logout_token": provider.logout_token(sub="u-1")}
            return site.client().post("/login/oidc/logout", data=form).status_code

        with walk.rows("POST /login/oidc/logout", "session.end", by="oidc:u-1", target="Ann"):
            assert ended() == 200
        with walk.nothing():
            assert ended() == 200  # nobody is signed in any more
    assert walk.walked == OIDC


def test_tokens(site: Site, pool: postgres.Pool) -> None:
    walk = Walk(pool, TOKENS)
    ann, bob = site.signed_in("ann", Role.VIEWER), site.signed_in("bob", Role.VIEWER)
    form = {"csrf_token": ann.csrf("/console/tokens"), "name": "report", "roles": ["viewer"]}
    done = partial(walk.rows, by="local:ann", target="token:report")
    with walk.nothing():
        assert ann.send("/console/tokens", {**form, "roles": ["operator"]}).status_code == 422
    for revoked_by in ("page", "program"):
        with done("POST /console/tokens", "token.issue"):
            assert ann.send("/console/tokens", form).status_code == 200
        token = listed(pool, owner="local:ann", living_at=site.clock())[0].id
        with walk.nothing():
            theirs = {"csrf_token": bob.csrf("/console/tokens")}
            assert bob.send(f"/console/tokens/{token}/revoke", theirs).status_code == 303
        if revoked_by == "page":
            with done("POST /console/tokens/{token_id}/revoke", "token.revoke"):
                assert ann.send(f"/console/tokens/{token}/revoke", form).status_code == 303
        else:
            client = site.program(Role.ADMINISTRATOR)
            with walk.rows(
                "POST /api/access-tokens/{id}/revoke", "token.revoke", by="token:test", target="token:report"
            ):
                assert client.post(f"/api/access-tokens/{token}/revoke").status_code == 200
    assert walk.walked == TOKENS


def test_the_log_is_taken_out(site: Site, pool: postgres.Pool) -> None:
    walk = Walk(pool, AUDIT, intents={"audit.export"})
    walk.leaves_none(site.client(), "GET", "/api/audit/export", 401)
    walk.send(
        site.program(Role.VIEWER), "GET", "/api/audit/export?target=x", "audit.export", by="token:test", target="csv"
    )
    assert walk.walked == AUDIT


def test_every_action_of_a_command(site: Site, pool: postgres.Pool, cli: Cli) -> None:
    walk = Walk(pool, COMMANDS, intents={"audit.export"})
    by = f"cli:{system_user()}"

    def call(*words: str, code: int = 0) -> None:
        more = ("--password-stdin",) if words[1] in ("add", "reset-password") else ()
        assert cli(*words, *more, stdin=f"{WORD} {words[1]}\n").exit_code == code

    walk.command(call, "token", "--role", "viewer", "--name", "ci", does=("token.issue",), by=by, target="token:ci")
    walk.command(call, "audit", "export", does=("audit.export",), by=by, target="csv")
    [token] = listed(pool, owner=None)
    walk.command(call, "tokens", "revoke", token.id, does=("token.revoke",), by=by, target="token:ci")
    walked = partial(walk.command, call, by=by, target="cat")
    walked("users", "add", "cat", "--role", "viewer", does=("user.add",))
    walked("users", "disable", "cat", does=("user.disable",))
    walked("users", "enable", "cat", does=("user.enable",))
    walked("users", "set-roles", "cat", "--role", "operator", does=("user.set-roles",))
    walked("users", "reset-password", "cat", does=("user.reset-password",))
    for _ in range(2):
        with pytest.raises(LoginRefused):
            log_in(Sessions(make_context(pool, utc_now)), "cat", "wrong", address="192.0.2.1", correlation_id=None)
    with postgres.transaction(pool) as connection:
        connection.execute("INSERT INTO web.second_factors VALUES ('cat', '', 0, now())")
    walked("users", "reset-second-factor", "cat", does=("user.reset-second-factor",))
    start_session(
        Sessions(make_context(pool, utc_now)),
        Principal("local:cat", "cat", frozenset({Role.VIEWER}), "session"),
        address="192.0.2.1",
        correlation_id=None,
    )
    walked("users", "end-sessions", "cat", does=("user.end-sessions",))
    walked("users", "unlock", "cat", does=("user.unlock",))
    unlocked = partial(walk.command, call, by=by, target="192.0.2.1")
    unlocked("users", "unlock", "--address", "192.0.2.1", does=("address.unlock",))
    with walk.nothing():
        call("users", "enable", "cat")  # it is so already
        call("users", "unlock", "cat")
        call("users", "reset-second-factor", "cat")
        call("users", "end-sessions", "cat")
        for verb in ("disable", "enable", "reset-password", "unlock", "end-sessions"):
            assert cli("users", verb, "nobody", stdin=f"{WORD}\n").exit_code != 0
        assert cli("token", "--role", "king").exit_code != 0
    assert walk.walked == COMMANDS


def test_every_action_has_a_surface() -> None:
    assert {name for _, name in SURFACES} == set(ACTIONS)
