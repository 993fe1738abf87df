"""API tokens in hand: made for oneself or a program, listed, revoked, and worth what their owner is worth."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from batch_platform.core import postgres
from batch_platform.core.audit import AuditStore, Log
from batch_platform.web.access import service, token_service
from batch_platform.web.access.model import Role
from batch_platform_tests.web.site import Browser, Site, open_site
from batch_platform_tests.web.test_users_cli import Cli, cli, said

__all__ = ["cli"]

OWNERS = {"vic": Role.VIEWER, "ann": Role.APPROVER}


def make(browser: Browser, name: str = "report", **form: Any) -> httpx.Response:
    given = {"csrf_token": browser.csrf("/console/tokens"), "name": name, "roles": ["viewer"], **form}
    return browser.send("/console/tokens", given)


def shown(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    match = re.search(r'id="token">([^<]+)<', page.text)
    assert match
    return match[1]


def status(site: Site, token: str, path: str = "/api/session") -> int:
    return site.client(Authorization=f"Bearer {token}").get(path).status_code


def rows(pool: postgres.Pool, what: str) -> list[Any]:
    return AuditStore(pool).rows(what=what, limit=3)


def test_a_token_acts_as_who_made_it_and_is_shown_once(site: Site, pool: postgres.Pool) -> None:
    ann = site.signed_in("ann", Role.OPERATOR)
    token = shown(make(ann, roles=["operator"]))
    assert token not in ann.get("/console/tokens").text
    client = site.client(Authorization=f"Bearer {token}")
    told = client.get("/api/session").json()["data"]
    assert (told["subject"], told["roles"], told["via"]) == ("local:ann", ["operator"], "token")
    [mine] = client.get("/api/access-tokens").json()["data"]
    assert (mine["name"], mine["owner"], mine["state"]) == ("report", "local:ann", "active")
    assert mine["lastUsedAt"] is not None
    assert token not in json.dumps(mine)
    [row] = [row for row in rows(pool, "token.use") if row.after.get("id") == mine["id"]]
    assert (row.who, row.target, row.after["address"]) == ("local:ann", "token:report", "127.0.0.1")
    assert client.get("/api/session").status_code == 200  # and leaves no second row
    assert len([row for row in rows(pool, "token.use") if row.after.get("id") == mine["id"]]) == 1


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"roles": ["approver"]}, "自分にないロール"),
        ({"roles": []}, "ロール"),
        ({"roles": ["operator"], "ttl": "90d"}, "最長 1 日"),
        ({"ttl": "x"}, "有効期間"),
        ({"name": "a b"}, "63"),
        ({"name": "taken"}, "既にあります"),
    ],
)
def test_what_is_refused(site: Site, form: dict[str, Any], sentence: str) -> None:
    ann = site.signed_in("ann", Role.OPERATOR)
    shown(make(ann, "taken"))
    answer = make(ann, **form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'id="token"' not in answer.text


def test_only_who_manages_tokens_makes_them_for_programs(site: Site) -> None:
    ann, root = site.signed_in("ann", Role.OPERATOR), site.signed_in("root", Role.ADMINISTRATOR)
    subjects = [
        site.client(Authorization=f"Bearer {shown(make(browser, acts_as='program'))}")
        .get("/api/session")
        .json()["data"]["subject"]
        for browser in (ann, root)
    ]
    assert subjects == ["local:ann", "token:report"]


def test_no_token_makes_another(site: Site) -> None:
    answer = site.program(Role.ADMINISTRATOR).post("/console/tokens", data={"name": "more", "roles": "administrator"})
    assert answer.status_code == 403


def test_a_revoked_token_is_refused_at_once(site: Site, pool: postgres.Pool) -> None:
    ann, bob = site.signed_in("ann", Role.VIEWER), site.signed_in("bob", Role.VIEWER)
    token = shown(make(ann))
    assert status(site, token) == 200
    [mine] = [each for each in token_service.listed(pool, owner="local:ann") if each.revoked_at is None]
    form = {"csrf_token": bob.csrf("/console/tokens")}
    assert bob.send(f"/console/tokens/{mine.id}/revoke", form).status_code == 303
    assert status(site, token) == 200  # it is none of bob's
    form = {"csrf_token": ann.csrf("/console/tokens")}
    assert ann.send(f"/console/tokens/{mine.id}/revoke", form).status_code == 303
    assert status(site, token) == 401
    assert rows(pool, "token.revoke")[0].before["id"] == mine.id
    assert "失効済み" in ann.get("/console/tokens").text


def test_the_very_next_request_knows_of_a_revocation_by_another_process(site: Site, pool: postgres.Pool) -> None:
    token = site.token(Role.VIEWER, name="elsewhere")
    assert [status(site, token) for _ in range(3)] == [200] * 3
    [kept] = [each for each in token_service.listed(pool, owner=None) if each.name == "elsewhere"]
    assert token_service.revoke(Log(pool, site.clock, "test:elsewhere"), kept.id)
    assert status(site, token) == 401


def test_a_token_in_foreign_hands_ends_itself_by_the_api(site: Site) -> None:
    client = site.program(Role.OPERATOR)
    ann = site.client(Authorization=f"Bearer {shown(make(site.signed_in('ann', Role.VIEWER)))}")
    [own] = ann.get("/api/access-tokens").json()["data"]
    assert client.post("/api/access-tokens/x/revoke").status_code == 404
    assert client.post(f"/api/access-tokens/{own['id']}/revoke").status_code == 404
    assert ann.post(f"/api/access-tokens/{own['id']}/revoke").json()["data"] == {"id": own["id"], "changed": True}
    assert ann.get("/api/session").status_code == 401
    root = site.program(Role.ADMINISTRATOR)
    assert root.post(f"/api/access-tokens/{own['id']}/revoke").json()["data"]["changed"] is False
    names = {each["name"]: each["state"] for each in root.get("/api/access-tokens?all=true").json()["data"]}
    assert names["report"] == "revoked"


def test_a_token_is_worth_what_its_owner_is_worth(site: Site, pool: postgres.Pool) -> None:
    ann = site.signed_in("ann", Role.OPERATOR)
    token = shown(make(ann, roles=["operator", "viewer"]))

    def roles() -> list[str] | int:
        answer = site.client(Authorization=f"Bearer {token}").get("/api/session")
        return answer.json()["data"]["roles"] if answer.status_code == 200 else answer.status_code

    assert roles() == ["operator", "viewer"]
    change = service.Change("test:setup", site.clock())
    service.set_roles(pool, "ann", [Role.APPROVER], change)
    assert roles() == ["viewer"]
    service.set_enabled(pool, "ann", change, enabled=False)
    assert roles() == 401


def test_a_token_rests_while_its_owner_has_something_to_settle(site: Site, pool: postgres.Pool) -> None:
    tokens = {name: shown(make(site.signed_in(name, role))) for name, role in OWNERS.items()}
    assert {name: status(site, token) for name, token in tokens.items()} == dict.fromkeys(tokens, 200)
    with open_site(pool, second_factor_required=True) as strict:
        assert {name: status(strict, token) for name, token in tokens.items()} == {"vic": 200, "ann": 401}
        strict_program = strict.program(Role.APPROVER)
        assert strict_program.get("/api/session").status_code == 200  # nobody's own has no second factor to show
    service.reset_password(pool, "vic", lambda: "a password of somebody else", service.Change("test", site.clock()))
    assert status(site, tokens["vic"]) == 401
    assert status(site, tokens["ann"]) == 200


def test_a_token_that_was_made_before_they_were_kept_is_entered(site: Site, pool: postgres.Pool) -> None:
    assert site.program(Role.VIEWER, name="old").get("/api/session").status_code == 200
    [old] = [each for each in token_service.listed(pool, owner=None) if each.name == "old"]
    assert (old.made_by, old.owner, old.roles) == (None, None, {Role.VIEWER})
    assert old.last_used_at == site.clock()
    site.clock.pass_by(timedelta(hours=2))
    assert old.state(site.clock()) == "expired"


def test_the_command_lists_and_revokes(cli: Cli, pool: postgres.Pool) -> None:
    made = said(cli("token", "--role", "operator", "--name", "nightly", "--json"))
    listed = {row["id"]: row for row in said(cli("tokens", "list", "--json"))}
    assert listed[made["id"]]["state"] == "active"
    assert "nightly" in cli("tokens", "list").stdout
    assert said(cli("tokens", "revoke", made["id"], "--dry-run", "--json"))["changed"] is True
    assert said(cli("tokens", "revoke", made["id"], "--json"))["changed"] is True
    assert said(cli("tokens", "revoke", made["id"], "--json"))["changed"] is False
    assert made["id"] not in {row["id"] for row in said(cli("tokens", "list", "--json"))}
    assert made["id"] in {row["id"] for row in said(cli("tokens", "list", "--all", "--json"))}
    assert cli("tokens", "revoke", "none").exit_code != 0


def test_many_first_uses_at_once_are_all_let_in(site: Site, pool: postgres.Pool) -> None:
    token = site.token(Role.VIEWER, name="crowd")
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: status(site, token), range(16))) == {200}
    assert len([row for row in rows(pool, "token.use") if row.target == "token:crowd"]) == 1
