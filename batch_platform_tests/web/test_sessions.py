"""Browsers: cookies, their ends, and that only pages of ours can write."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from batch_platform.core import postgres
from batch_platform.web.access import service
from batch_platform.web.access.model import Role
from batch_platform.web.access.service import Change
from batch_platform.web.access.sessions import Sessions, SignedCookie
from batch_platform_tests.web.site import NOON, PASSWORD, HandClock, Site, make_context, open_site

CHANGE = Change("test:somebody", NOON)


def test_signing_in_and_out(site: Site) -> None:
    browser = site.browser()
    form = browser.get("/console")
    assert form.status_code == 401
    assert 'name="password"' in form.text
    assert 'value="/console"' in form.text
    site.add_user("ann", Role.VIEWER)
    answer = browser.log_in("ann")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert browser.get("/console").text == "hello ann"
    cookie = dict(browser.client.cookies)
    out = browser.send("/logout", {"csrf_token": browser.csrf("/console/audit")})
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert browser.get("/console").status_code == 401
    again = site.browser()
    again.client.cookies.update(cookie)
    assert again.get("/console").status_code == 401


@pytest.mark.parametrize("secure", [False, True])
def test_the_cookie_is_strict(pool: postgres.Pool, secure: bool) -> None:
    response = Response()
    SignedCookie(make_context(pool, HandClock(), secure_cookies=secure), "session").set(
        response, "id", age=timedelta(hours=1)
    )
    [(name, morsel)] = SimpleCookie(response.headers["set-cookie"]).items()
    assert name.startswith("__Host-") is secure
    assert bool(morsel["secure"]) is secure
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (True, "lax", "/", "")


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_altered_cookie_is_ours(pool: postgres.Pool, data: st.DataObject) -> None:
    cookie = SignedCookie(make_context(pool, HandClock()), "session")
    response = Response()
    cookie.set(response, "the-id", age=timedelta(hours=1))
    value = SimpleCookie(response.headers["set-cookie"])[cookie.name].value
    assert cookie.read({cookie.name: value}) == "the-id"
    place = data.draw(st.integers(0, len(value) - 1))
    altered = value[:place] + data.draw(st.characters()) + value[place + 1 :]
    assert altered == value or cookie.read({cookie.name: altered}) is None
    assert SignedCookie(cookie.context, "visitor").read({cookie.name: value}) is None


def test_the_database_holds_no_session_that_opens_anything(site: Site) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    session_id = site.app.state.sessions.cookie.read(browser.client.cookies)
    with postgres.transaction(site.context.pool) as connection:
        [(row,)] = connection.execute("SELECT row::text FROM web.sessions AS row").fetchall()
    assert session_id not in row
    assert session_id.encode().hex() not in row


def test_a_session_idles_out(site: Site) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    for _ in range(4):
        site.clock.pass_by(timedelta(minutes=59))
        assert browser.get("/console").status_code == 200
    site.clock.pass_by(timedelta(minutes=61))
    assert browser.get("/console").status_code == 401


def test_a_session_ends_whatever_happens(site: Site) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    for _ in range(23):
        site.clock.pass_by(timedelta(minutes=31))
        assert browser.get("/console").status_code == 200
    site.clock.pass_by(timedelta(minutes=30))
    assert browser.get("/console").status_code == 401


@pytest.mark.parametrize("act", ["disable", "roles", "password"])
def test_what_an_administrator_changes_ends_sessions_at_once(site: Site, act: str) -> None:
    browsers = [site.signed_in("ann", Role.OPERATOR), site.browser()]
    browsers[1].log_in("ann")
    pool = site.context.pool
    if act == "disable":
        service.set_enabled(pool, "ann", CHANGE, enabled=False)
    elif act == "roles":
        service.set_roles(pool, "ann", [Role.VIEWER], CHANGE)
    else:
        service.reset_password(pool, "ann", lambda: "another long password", CHANGE)
    assert [browser.get("/console").status_code for browser in browsers] == [401, 401]


def test_a_login_makes_a_new_session_and_ends_the_old(site: Site) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    old = dict(browser.client.cookies)
    form = {"name": "ann", "password": PASSWORD, "csrf_token": browser.csrf("/console/audit")}
    assert browser.send("/login", form).status_code == 303
    assert dict(browser.client.cookies) != old
    stale = site.browser()
    stale.client.cookies.update(old)
    assert stale.get("/console").status_code == 401


def test_who_is_signed_in_needs_no_form(site: Site) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    assert browser.get("/login?next=/console/audit").headers["location"] == "/console/audit"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_login_leads_nowhere_else(site: Site, target: str) -> None:
    site.add_user("ann", Role.VIEWER)
    assert site.browser().log_in("ann", target=target).headers["location"] == "/console"


def test_the_wrong_password_shows_the_form_again(site: Site) -> None:
    site.add_user("ann", Role.VIEWER)
    answer = site.browser().log_in("ann", "wrong", target="/console/audit")
    assert answer.status_code == 401
    assert "正しくありません" in answer.text
    assert 'value="ann"' in answer.text
    assert 'value="/console/audit"' in answer.text
    assert "wrong" not in answer.text


def test_a_lock_out_says_when(site: Site) -> None:
    browser = site.browser()
    answers = [browser.log_in("nobody", "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "31"


def test_writes_need_the_token_of_the_session(site: Site) -> None:
    ann, bob = site.signed_in("ann", Role.ADMINISTRATOR), site.signed_in("bob", Role.ADMINISTRATOR)
    visitor = site.browser().csrf()
    wrong = [{}, {"csrf_token": ""}, {"csrf_token": "0" * 64}, {"csrf_token": bob.csrf("/console/users")}]
    for form in [*wrong, {"csrf_token": visitor}, {"csrf_token": "é"}]:
        assert ann.send("/console/users/bob/disable", form).status_code == 403
    assert ann.client.post("/api/shop/orders", json={}).status_code == 403
    token = ann.csrf("/console/users")
    assert ann.client.post("/api/shop/orders", json={}, headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    assert ann.client.post("/api/shop/orders", json={}, headers={"X-CSRF-Token": token}).status_code == 201
    assert ann.send("/console/users/bob/disable", {"csrf_token": token}).status_code == 303


def test_a_form_with_files_carries_its_token_too(site: Site) -> None:
    ann = site.signed_in("ann", Role.ADMINISTRATOR)
    site.add_user("bob", Role.VIEWER)
    token = ann.csrf("/console/users")
    answer = ann.client.post("/console/users/bob/disable", data={"csrf_token": token}, files={"f": b"x"})
    assert answer.status_code == 303
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ann.client.post("/console/users/bob/enable", content=b"nonsense", headers=broken).status_code in (403, 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_other_origins_cannot_write_even_with_the_token(site: Site, headers: dict[str, str]) -> None:
    ann = site.signed_in("ann", Role.ADMINISTRATOR)
    token = {"X-CSRF-Token": ann.csrf("/console/users")}
    assert ann.client.post("/api/shop/orders", json={}, headers=token | headers).status_code == 403
    assert ann.client.post("/inside/x", json={}, headers=headers).status_code == 403
    assert ann.send("/login", {"csrf_token": token["X-CSRF-Token"]}, **headers).status_code == 403
    assert site.till.orders == []


def test_behind_a_proxy_the_public_address_is_the_origin(pool: postgres.Pool) -> None:
    with open_site(pool, url="https://batch.example") as site:
        ann = site.signed_in("ann", Role.ADMINISTRATOR)
        headers = {"X-CSRF-Token": ann.csrf("/console/users"), "Origin": "https://batch.example"}
        assert ann.client.post("/api/shop/orders", json={}, headers=headers).status_code == 201
        headers["Origin"] = "http://batch.example"
        assert ann.client.post("/api/shop/orders", json={}, headers=headers).status_code == 403


def test_a_login_cannot_be_forced_upon_a_browser(site: Site) -> None:
    """A page of another site cannot sign a visitor in to the attacker's account."""
    site.add_user("ann", Role.VIEWER)
    form = {"name": "ann", "password": PASSWORD}
    assert site.browser().send("/login", form).status_code == 403
    assert site.browser().send("/login", form | {"csrf_token": site.browser().csrf()}).status_code == 403


def test_a_token_beats_a_cookie_and_needs_no_form(site: Site) -> None:
    ann = site.signed_in("ann", Role.ADMINISTRATOR)
    headers = {"Authorization": f"Bearer {site.token(Role.VIEWER)}"}
    assert ann.client.post("/api/shop/orders", json={}, headers=headers).status_code == 403
    assert ann.client.get("/api/session", headers={"Authorization": "Bearer x"}).status_code == 401
    assert ann.client.get("/api/session", headers={"Authorization": "Basic YTpi"}).status_code == 401
    assert site.program(Role.OPERATOR).post("/api/shop/orders", json={}).status_code == 201


def test_two_homes_on_one_machine_do_not_sign_each_other_out(pool: postgres.Pool) -> None:
    one, other = (Sessions(make_context(pool, HandClock(), secret=secret * 32)) for secret in (b"a", b"b"))
    assert one.cookie.name != other.cookie.name
