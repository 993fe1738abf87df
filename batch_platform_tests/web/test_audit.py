"""The audit log: only added to, in the change's own transaction; the API and the page read it."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from batch_platform.core import postgres
from batch_platform.core.audit import DONE, AuditStore, Log, intend, record, settle
from batch_platform.core.failures import Conflict, PermanentFailure, TransientFailure
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform_tests.databases import empty_database
from batch_platform_tests.web.site import NOON, Site
from batch_platform_tests.web.test_users_cli import Cli, cli, said

__all__ = ["cli"]

ANN = "local:ann"


def write(pool: postgres.Pool, target: str, what: str = "job.run", now: datetime = NOON, **more: Any) -> None:
    with postgres.transaction(pool) as connection:
        record(connection, who=ANN, what=what, target=target, now=now, **more)


@pytest.fixture
def target() -> str:
    """Rows of other tests stay for ever, so each test has a target of its own."""
    return f"t-{uuid4().hex}"


@pytest.mark.parametrize(
    "statement", ["UPDATE web.audit_log SET who = 'x'", "DELETE FROM web.audit_log", "TRUNCATE web.audit_log"]
)
def test_rows_cannot_be_changed(pool: postgres.Pool, target: str, statement: str) -> None:
    write(pool, target)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
        postgres.transaction(pool) as connection,
    ):
        connection.execute(statement.encode())
    assert len(AuditStore(pool).rows(target=target)) == 1


def test_a_change_that_is_rolled_back_leaves_no_row(pool: postgres.Pool, target: str) -> None:
    def fail_after_recording() -> None:
        with postgres.transaction(pool) as connection:
            record(connection, who="cli:root", what="job.run", target=target, now=NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_recording()
    assert AuditStore(pool).rows(target=target) == []


def test_secrets_are_masked(pool: postgres.Pool, target: str) -> None:
    write(
        pool,
        target,
        before={"password": "geheim", "amount": 5},
        after=["postgresql://u:geheim@h/d", {"token": "geheim"}],
    )
    [row] = AuditStore(pool).rows(target=target)
    assert "geheim" not in repr(row)
    assert row.before == {"password": "***", "amount": 5}


def test_an_intent_says_what_became_of_it(pool: postgres.Pool, target: str) -> None:
    log = Log(pool, lambda: NOON, ANN, via="cli:root", correlation_id="c-1")
    with log.intent("job.run", target, {"status": "open"}) as intent:
        [row] = AuditStore(pool).rows(target=target)
        assert (row.outcome, row.settled_at, row.before, row.after) == (None, None, {"status": "open"}, None)
        intent.after = {"status": "done", "password": "geheim"}
    [row] = AuditStore(pool).rows(target=target)
    assert (row.outcome, row.settled_at, row.correlation_id) == ("done", NOON, "c-1")
    assert row.after == {"status": "done", "password": "***", "via": "cli:root"}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Conflict("ended", "it has ended"), "refused: it has ended"),
        (TransientFailure("away", "away: password=geheim"), "failed: away: password=***"),
        (RuntimeError("a bug\nwith data"), "failed: RuntimeError: a bug"),
        (KeyboardInterrupt(), "failed: KeyboardInterrupt"),
    ],
)
def test_an_intent_that_is_not_carried_out_says_why(
    pool: postgres.Pool, target: str, error: BaseException, outcome: str
) -> None:
    with pytest.raises(type(error)), Log(pool, lambda: NOON, ANN).intent("job.run", target):
        raise error
    assert [row.outcome for row in AuditStore(pool).rows(target=target)] == [outcome]


def test_whoever_was_killed_meets_his_row_again(pool: postgres.Pool, target: str) -> None:
    log = Log(pool, lambda: NOON, ANN, key=f"key of {target}")
    killed = intend(pool, who=ANN, what="job.run", target=target, key=log.key, now=NOON)
    with log.intent("job.run", target):
        pass
    with log.intent("job.run", target):
        pass
    [row] = AuditStore(pool).rows(target=target)
    assert (row.id, row.outcome) == (killed, "done")


def test_a_refused_write_may_be_tried_again_under_its_key(pool: postgres.Pool, target: str) -> None:
    log = Log(pool, lambda: NOON, ANN, key=f"key of {target}")
    with pytest.raises(Conflict), log.intent("job.run", target):
        raise Conflict("not-now", "not now")
    with log.intent("job.run", target):
        pass
    assert [row.outcome for row in AuditStore(pool).rows(target=target)] == ["done", "refused: not now"]


def test_only_the_outcome_of_an_intent_is_added(pool: postgres.Pool, target: str) -> None:
    intent = intend(pool, who=ANN, what="job.run", target="unknown yet", now=NOON)
    for change in ("who = 'x'", "before = '1'", "target = 'x'", "at = now()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres.transaction(pool) as connection:
            connection.execute(f"UPDATE web.audit_log SET {change} WHERE id = {intent}".encode())
    settle(pool, intent, "done", target=target, after={"made": target}, now=NOON)
    settle(pool, intent, "failed", now=NOON)
    [row] = AuditStore(pool).rows(target=target)
    assert (row.outcome, row.after) == ("done", {"made": target})


def test_a_row_of_several_is_found_by_each_of_them(pool: postgres.Pool, target: str) -> None:
    write(pool, "several", before={target: {"status": "pending"}, f"{target}-2": {}})
    assert [row.target for row in AuditStore(pool).rows(target=target)] == ["several"]


def test_filters(pool: postgres.Pool, target: str) -> None:
    for day, what in enumerate(["job.run", "job.cancel", "user.add"]):
        write(pool, target, what, NOON + timedelta(days=day))
    store = AuditStore(pool)

    def found(**wanted: Any) -> list[str]:
        return [row.what for row in store.rows(target=target, **wanted)]

    assert found() == ["user.add", "job.cancel", "job.run"]
    assert found(what="job") == ["job.cancel", "job.run"]
    assert found(what="jo") == []
    assert found(what="job.run") == ["job.run"]
    assert found(who="local:bob") == []
    assert found(since=NOON + timedelta(days=1)) == ["user.add", "job.cancel"]
    assert found(until=NOON + timedelta(days=1)) == ["job.run"]


def test_the_api_pages_through(site: Site, target: str) -> None:
    for number in range(7):
        write(site.context.pool, target, after={"number": number})
    client = site.program(Role.VIEWER)
    seen, cursor, pages = [], None, 0
    while True:
        query = {"target": target, "limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/audit", params=query).json()["data"]
        seen += [row["after"]["number"] for row in page["items"]]
        write(site.context.pool, target, after={"number": 100})  # what comes in meanwhile shifts nothing
        pages, cursor = pages + 1, page["nextCursor"]
        if cursor is None:
            break
    assert (seen, pages) == ([6, 5, 4, 3, 2, 1, 0], 3)
    offset = client.get("/api/audit", params={"target": target, "limit": "2", "offset": "4"}).json()["data"]["items"]
    assert [row["after"]["number"] for row in offset] == [5, 4]


def test_days_are_those_of_tokyo(site: Site, target: str) -> None:
    write(site.context.pool, target, now=datetime(2026, 11, 19, 15, 0, tzinfo=UTC))  # midnight of the 20th
    client = site.program(Role.VIEWER)

    def count(**query: str) -> int:
        return len(client.get("/api/audit", params={"target": target, **query}).json()["data"]["items"])

    assert count(since="2026-11-20", until="2026-11-20") == 1
    assert count(until="2026-11-19") == count(since="2026-11-21") == 0


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=1.0", "offset=-1", "cursor=x", "since=1", "who="])
def test_queries_that_are_refused(site: Site, query: str) -> None:
    answer = site.program(Role.VIEWER).get(f"/api/audit?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


def test_the_page_filters_and_pages(site: Site, target: str) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    for number in range(51):
        write(site.context.pool, target, after={"number": number, "html": "<b>"}, correlation_id="c-1")
    page = browser.get(f"/console/audit?target={target}&who=&what=&since=&until=").text
    assert page.count(f"<code>{target}</code>") == 50
    assert "offset=50" in page
    assert "<b>" not in page
    rest = browser.get(f"/console/audit?target={target}&offset=50").text
    assert rest.count(f"<code>{target}</code>") == 1
    assert browser.get(f"/console/audit?target={target}&since=2026-13-01").status_code == 422


def test_accounts_are_managed_on_their_page(site: Site) -> None:
    viewer = site.signed_in("vera", Role.VIEWER)
    assert viewer.get("/console/users").status_code == 403
    ann = site.signed_in("ann", Role.ADMINISTRATOR)
    token = ann.csrf("/console/users")
    form = {"csrf_token": token, "name": "Bob!", "password": "long enough 123", "roles": ["viewer", "operator"]}
    refused = ann.send("/console/users", form)
    assert refused.status_code == 422
    assert "long enough 123" not in refused.text
    assert ann.send("/console/users", form | {"name": "bob", "roles": []}).status_code == 422
    assert ann.send("/console/users", form | {"name": "bob"}).status_code == 303
    assert "bob" in ann.get("/console/users").text
    assert ann.send("/console/users", form | {"name": "bob"}).status_code == 303
    bob = site.browser()
    assert bob.log_in("bob", "long enough 123").status_code == 303
    assert ann.send("/console/users/bob/disable", {"csrf_token": token}).status_code == 303
    assert bob.get("/console").status_code == 401
    assert ann.send("/console/users/bob/enable", {"csrf_token": token}).status_code == 303
    assert ann.send("/console/users/ann/disable", {"csrf_token": token}).status_code == 303
    assert "ann は最後の管理者です" in ann.get("/console/users").text
    assert ann.send("/console/users/nobody/disable", {"csrf_token": token}).status_code == 303


def test_a_database_without_a_log_is_told(settings: Settings) -> None:
    with empty_database(settings, "empty") as database:
        empty = postgres.open_pool(database, application_name="audit tests")
        with pytest.raises(PermanentFailure, match=r"audit_log.*does not exist.*batch-platform provision"):
            AuditStore(empty).require()
        empty.close()


def test_a_log_that_is_there_is_enough(pool: postgres.Pool) -> None:
    AuditStore(pool).require()


def test_an_intent_gets_its_outcome_once_and_nothing_else(pool: postgres.Pool, target: str) -> None:
    intent = intend(pool, who=ANN, what="job.run", target=target, after={"password": "geheim"}, now=NOON)
    store = AuditStore(pool)
    [row] = store.rows(target=target)
    assert (row.id, row.outcome, row.settled_at, row.after) == (intent, None, None, {"password": "***"})
    for statement in (
        "UPDATE web.audit_log SET who = 'x' WHERE id = %s",
        "UPDATE web.audit_log SET who = 'x', settled_at = now() WHERE id = %s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres.transaction(pool) as connection:
            connection.execute(statement.encode(), [intent])
    later = NOON + timedelta(seconds=1)
    settle(pool, intent, "done with password=geheim", now=later)
    settle(pool, intent, "something else", now=later)
    [row] = store.rows(target=target)
    assert (row.outcome, row.settled_at) == ("done with password=***", later)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres.transaction(pool) as connection:
        connection.execute("UPDATE web.audit_log SET outcome = 'x' WHERE id = %s", [intent])


def test_the_page_says_what_became_of_an_intent(site: Site, target: str) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    intent = intend(site.context.pool, who=ANN, what="job.run", target=target, now=NOON)
    assert "結果不明" in browser.get(f"/console/audit?target={target}").text
    settle(site.context.pool, intent, "DONE-IT", now=NOON)
    page = browser.get(f"/console/audit?target={target}").text
    assert "結果不明" not in page
    assert "DONE-IT" in page
    failed = intend(site.context.pool, who=ANN, what="job.run", target=target, now=NOON)
    settle(site.context.pool, failed, "failed: no disk", now=NOON)
    page = browser.get(f"/console/audit?target={target}").text
    assert '<span class="badge tone-bad">失敗</span>' in page
    assert page.count('class="badge tone-') == 1  # what is done needs no mark


# sentences and files


def test_the_page_speaks_in_sentences(site: Site, target: str) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    write(site.context.pool, target, "user.set-roles", before={"roles": ["viewer"]})
    write(site.context.pool, target, "no-such.deed")
    japanese = text_of(browser.get(f"/console/audit?target={target}").text)
    assert f"ann がアカウント {target} のロールを変更" in japanese
    assert f"ann が no-such.deed を実行: {target}" in japanese
    browser.client.cookies.set("language", "en")
    assert f"ann gives the account {target} other roles" in text_of(
        browser.get(f"/console/audit?target={target}").text
    )


def test_refusals_do_not_read_as_done(site: Site, target: str) -> None:
    log = Log(site.context.pool, lambda: NOON, ANN)
    for error in (Conflict("not-now", "not now"), TransientFailure("away", "away")):
        with pytest.raises(type(error)), log.intent("user.add", target):
            raise error
    page = site.signed_in("ann", Role.VIEWER).get(f"/console/audit?target={target}").text
    assert 'tone-warning">拒否<' in page
    assert 'tone-bad">失敗<' in page


def test_a_person_is_found_by_name_and_by_the_token_in_between(site: Site, target: str) -> None:
    write(site.context.pool, target)
    write(site.context.pool, target, after={"via": "token:nightly"})
    client = site.program(Role.VIEWER)

    def count(who: str) -> int:
        return len(client.get("/api/audit", params={"target": target, "who": who}).json()["data"]["items"])

    assert [count(who) for who in ("ann", ANN, "nightly", "token:nightly", "an", "cli:ann")] == [2, 2, 1, 1, 0, 0]


def test_the_log_is_taken_out_whole_and_exactly(
    site: Site, target: str, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.setattr("batch_platform.core.audit._AT_ONCE", 3)  # several turns
    for number in range(7):
        write(site.context.pool, target, "user.add", after={"number": number, "text": '=1+1,"\n日本'})
    client = site.program(Role.VIEWER)
    filters = {"target": target, "since": "2026-11-20", "until": "2026-11-20"}
    answer = client.get("/api/audit/export", params={"format": "json", **filters})
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.json"'
    rows = answer.json()
    assert [row["after"]["number"] for row in rows] == [6, 5, 4, 3, 2, 1, 0]
    assert rows[0]["sentence"] == f"ann がアカウント {target} を追加"
    by_page = client.get("/api/audit", params=filters).json()["data"]["items"]
    assert [(row["id"], row["sentence"], row["after"]) for row in by_page] == [
        (row["id"], row["sentence"], row["after"]) for row in rows
    ]
    table = list(csv.DictReader(io.StringIO(client.get("/api/audit/export", params=filters).text, newline="")))
    assert [json.loads(row["after"]) for row in table] == [row["after"] for row in rows]
    assert [row["id"] for row in table] == [str(row["id"]) for row in rows]
    printed = cli("audit", "export", "--format", "json", "--target", target)
    assert [row["after"] for row in json.loads(printed.stdout)] == [row["after"] for row in rows]
    kept = [
        row for row in AuditStore(site.context.pool).rows(what="audit.export") if row.before.get("target") == target
    ]
    assert [(row.who.partition(":")[0], row.target, row.after["rows"], row.outcome) for row in kept] == [
        ("cli", "json", 7, DONE),
        ("token", "csv", 7, DONE),
        ("token", "json", 7, DONE),
    ]


def test_no_spreadsheet_runs_what_somebody_wrote(site: Site, target: str) -> None:
    write(site.context.pool, f"=cmd|{target}")
    file = site.program(Role.VIEWER).get("/api/audit/export", params={"target": f"=cmd|{target}"}).text
    assert f",'=cmd|{target}," in file


def test_the_command_lists(cli: Cli, pool: postgres.Pool, target: str) -> None:
    write(pool, target, "user.add", NOON)
    [row] = said(cli("audit", "list", "--target", target, "--who", "ann", "--since", "2026-11-20", "--json"))
    assert (row["sentence"], row["result"]) == (f"ann adds the account {target}", "done")
    assert f"ann adds the account {target}" in cli("audit", "list", "--target", target).stdout
    assert said(cli("audit", "list", "--target", target, "--until", "2026-11-19", "--json")) == []
    assert cli("audit", "export", "--format", "xml").exit_code != 0


def text_of(page: str) -> str:
    """What is read of a page."""
    return " ".join(re.sub(r"<[^>]+>", "", page).split())
