"""One's own password and sessions: nobody else knows the one, and the other can be ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batch_platform.core.audit import AuditEntry, AuditStore
from batch_platform.web.access import service
from batch_platform.web.access.model import Role
from batch_platform.web.access.service import Change
from batch_platform_tests.web.site import NOON, PASSWORD, Browser, Site

GIVEN, OWN = "given by somebody else", "my very own password"
ACCOUNT = "/console/account"
PAGE = f"{ACCOUNT}/password"


@pytest.fixture
def bob(site: Site) -> Browser:
    """Signed in with what an administrator has set."""
    service.add_user(site.context.pool, "bob", [Role.APPROVER], lambda: GIVEN, Change("local:ann", NOON))
    return signed_in(site, "bob", GIVEN)


def signed_in(site: Site, name: str, password: str = PASSWORD) -> Browser:
    browser = site.browser()
    assert browser.log_in(name, password).status_code == 303
    return browser


def change(
    browser: Browser, current: str, password: str, repeated: str | None = None, target: str = "/console"
) -> int:
    answer = browser.send(
        PAGE,
        {
            "current": current,
            "password": password,
            "repeated": password,
            "next": target,
            "csrf_token": browser.csrf(PAGE),
        },
    )
    if answer.status_code == 303:
        assert answer.headers["location"] == target
    return answer.status_code


def newest(site: Site) -> AuditEntry:
    return AuditStore(site.context.pool).rows(limit=1)[0]


def test_a_password_somebody_else_has_set_opens_nothing_but_its_change(site: Site, bob: Browser) -> None:
    answer = bob.get("/console/audit?who=x")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?next=%2Fconsole%2Faudit%3Fwho%3Dx")
    assert "管理者が設定したパスワードです" in bob.get(answer.headers["location"]).text
    program = bob.client.get("/api/session")
    assert (program.status_code, program.json()["type"].rpartition("/")[2]) == (403, "password-due")
    assert bob.get("/inside/x").status_code == 303
    assert bob.client.get(ACCOUNT, headers={"Accept": "text/html"}).status_code == 303
    token = {"X-CSRF-Token": bob.csrf(PAGE)}
    assert bob.client.post("/api/shop/orders", json={}, headers=token).status_code == 403
    assert site.till.orders == []
    assert bob.send("/login/language", {"language": "en", "csrf_token": token["X-CSRF-Token"]}).status_code == 303
    assert "An administrator set your password" in bob.get(PAGE).text
    assert change(bob, GIVEN, OWN, target="/console/audit?who=x") == 303
    assert bob.get("/console").text == "hello bob"
    assert signed_in(site, "bob", OWN).get("/console").status_code == 200
    assert site.browser().log_in("bob", GIVEN).status_code == 401


def test_who_does_not_want_to_can_leave(bob: Browser) -> None:
    assert bob.send("/logout", {"csrf_token": bob.csrf(PAGE)}).status_code == 303
    assert bob.get("/console").status_code == 401


def test_a_reset_password_is_somebody_elses_too(site: Site) -> None:
    site.add_user("ann", Role.ADMINISTRATOR)
    assert signed_in(site, "ann").get("/console").status_code == 200
    service.reset_password(site.context.pool, "ann", lambda: GIVEN, Change("cli:root", NOON))
    ann = signed_in(site, "ann", GIVEN)
    assert ann.get("/console").status_code == 303
    assert change(ann, GIVEN, OWN) == 303
    assert ann.get("/console").status_code == 200


@pytest.mark.parametrize(
    ("current", "password", "repeated", "said"),
    [
        ("wrong", OWN, OWN, "現在のパスワードが正しくありません"),
        (PASSWORD, "short", "short", "12"),
        (PASSWORD, OWN, f"{OWN}!", "一致しません"),
        (PASSWORD, PASSWORD, PASSWORD, "現在のものと同じ"),
    ],
)
def test_passwords_that_are_refused(site: Site, current: str, password: str, repeated: str, said: str) -> None:
    ann = site.signed_in("ann", Role.VIEWER)
    form = {"current": current, "password": password, "repeated": repeated, "csrf_token": ann.csrf(PAGE)}
    answer = ann.send(PAGE, form)
    assert answer.status_code == 422
    assert said in answer.text
    assert password not in answer.text
    assert site.browser().log_in("ann").status_code == 303


def test_another_password_ends_all_other_sessions(site: Site) -> None:
    ann = site.signed_in("ann", Role.VIEWER)
    other, vic = signed_in(site, "ann"), site.signed_in("vic", Role.VIEWER)
    assert change(ann, PASSWORD, OWN) == 303
    assert [browser.get("/console").status_code for browser in (ann, other, vic)] == [200, 401, 200]
    row = newest(site)
    assert (row.who, row.what, row.target, row.after) == ("local:ann", "user.change-password", "ann", None)


def test_a_stolen_session_cannot_guess_the_password(site: Site) -> None:
    ann = site.signed_in("ann", Role.VIEWER)
    assert [change(ann, "wrong", OWN) for _ in range(6)] == [422] * 5 + [429]
    assert change(ann, PASSWORD, OWN) == 429
    assert newest(site).what == "sign-in.lock"
    site.clock.pass_by(timedelta(seconds=31))
    assert change(ann, PASSWORD, OWN) == 303


def test_people_end_their_own_sessions_and_nobody_elses(site: Site) -> None:
    ann, vic = site.signed_in("ann", Role.VIEWER), site.signed_in("vic", Role.ADMINISTRATOR)
    others = [signed_in(site, "ann") for _ in range(3)]
    token = {"csrf_token": ann.csrf(ACCOUNT)}
    anns = [entry.id for entry in service.list_sessions(site.app.state.sessions, "local:ann")]
    [vics] = [entry.id for entry in service.list_sessions(site.app.state.sessions, "local:vic")]
    page = ann.get(ACCOUNT).text
    assert page.count(f"{ACCOUNT}/sessions/") == 3
    assert vics not in page
    assert ann.send(f"{ACCOUNT}/sessions/{vics}/end", token).status_code == 303
    assert "そのセッションはありません" in ann.get(ACCOUNT).text
    assert vic.get("/console").status_code == 200
    ended = next(id_ for id_ in anns if f"{ACCOUNT}/sessions/{id_}/" in page)
    assert ann.send(f"{ACCOUNT}/sessions/{ended}/end", token).status_code == 303
    assert sorted(browser.get("/console").status_code for browser in others) == [200, 200, 401]
    row = newest(site)
    assert (row.who, row.what, row.target) == ("local:ann", "session.end", "ann")
    assert row.before == {"address": "127.0.0.1", "created_at": NOON.isoformat()}
    assert ann.send(f"{ACCOUNT}/end-other-sessions", token).status_code == 303
    assert [browser.get("/console").status_code for browser in (ann, vic, *others)] == [200, 200, 401, 401, 401]
    assert (newest(site).what, newest(site).before) == ("user.end-sessions", {"sessions": 2})


def test_administrators_end_everybodys_sessions(site: Site) -> None:
    ann, vic = site.signed_in("ann", Role.ADMINISTRATOR), site.signed_in("vic", Role.VIEWER)
    token = {"csrf_token": ann.csrf("/console/users")}
    assert vic.get("/console/sessions").status_code == 403
    [vics] = [entry.id for entry in service.list_sessions(site.app.state.sessions, "local:vic")]
    assert f"/console/sessions/{vics}/end" in ann.get("/console/sessions").text
    assert ann.send(f"/console/sessions/{vics}/end", token).status_code == 303
    assert (ann.get("/console").status_code, vic.get("/console").status_code) == (200, 401)
    vic = signed_in(site, "vic")
    assert ann.send("/console/users/vic/end-sessions", token).status_code == 303
    assert vic.get("/console").status_code == 401
    assert signed_in(site, "vic").get("/console").status_code == 200


def test_sessions_that_have_ended_are_not_listed(site: Site) -> None:
    ann = site.signed_in("ann", Role.VIEWER)
    site.clock.pass_by(timedelta(minutes=59))
    ann.get("/console")
    signed_in(site, "ann")
    site.clock.pass_by(timedelta(minutes=2))
    assert len(service.list_sessions(site.app.state.sessions, "local:ann")) == 2
    site.clock.pass_by(timedelta(hours=1))
    assert service.list_sessions(site.app.state.sessions) == []
