"""Approvals and deadlines on the page, by the API, on the dashboard and as a command: one list for all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from batch_platform.cli import PLATFORM
from batch_platform.cli.waiting import app as waiting_app
from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.operations import pauses, platform
from batch_platform.operations.pauses import Pause
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform_tests.accounts import add_account
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import Rig

LIST = "/api/admin/batch/waiting"
HTML = {"accept": "text/html"}


@pytest.fixture
def pause(rig: Rig) -> Iterator[Pause]:
    now = utc_now()
    pool = rig.operations.pool
    pause = pauses.begin(pool, until=now + timedelta(hours=3), reason="a new disk", by="local:ada", now=now)
    yield pause
    pauses.end(pool, pause.id, reason="done", by="local:ada", now=utc_now())


def test_what_waits_names_who_decides_it_and_what_happens_at_its_end(client: Client, rig: Rig, pause: Pause) -> None:
    letter = rig.letter()
    rows = client("operator").get(LIST).json()["data"]
    by_id = {row["id"]: row for row in rows}
    ends = [row["until"] for row in rows]
    assert ends == sorted(ends, key=lambda end: (end is None, end))
    row = by_id[f"pause {pause.id}"]
    assert (row["title"], row["what"]) == ("Maintenance window", "everything is paused: a new disk (local:ada)")
    assert row["then"] == "schedules and sensors start again, and what they left is caught up"
    assert (row["decidedBy"], row["mayDecide"]) == (["operator", "administrator"], True)
    row = by_id[f"dead-letter {letter}"]
    assert (row["path"], row["until"], row["then"]) == (f"/console/dead-letters/{letter}", None, None)
    assert client("operator").get(row["path"], headers=HTML).status_code == 200


def test_mine_is_what_the_caller_may_decide(client: Client, rig: Rig, pause: Pause) -> None:
    letter = f"dead-letter {rig.letter()}"

    def ids(role: str, **query: str) -> list[str]:
        return [row["id"] for row in client(role).get(LIST, params=query).json()["data"]]

    assert {letter, f"pause {pause.id}"} <= {*ids("viewer")} & {*ids("operator", mine="true")}
    assert ids("viewer", mine="true") == ids("operator", domain="zengin") == []
    assert letter in ids("operator", domain="operations")
    assert client("operator").get(LIST, params={"owner": "me"}).status_code == 422
    assert client("nobody").get(LIST).status_code == 401


def test_the_page_says_it_in_the_readers_language(client: Client, rig: Rig, pause: Pause) -> None:
    letter = rig.letter()
    page = client("operator").get("/console/waiting", headers=HTML).text
    for text in (
        "承認待ち・期限",
        "すべて一時停止しています: a new disk(local:ada)",
        "あと 2 時間",
        "自分が決裁できる",
    ):
        assert text in page, text
    assert "スケジュールとセンサーが再開し" in page
    assert f'href="/console/dead-letters/{letter}"' in page
    assert "1 分前から" in page
    viewer = client("viewer")
    english = viewer.get("/console/waiting?mine=true", headers={**HTML, "cookie": "language=en"}).text
    assert "What you may decide now is not here." in english
    assert "a new disk (local:ada)</small>" not in english


def test_the_navigation_counts_what_the_reader_may_decide(client: Client, rig: Rig, pause: Pause) -> None:
    rig.letter()

    def counted(role: str, path: str) -> int:
        page = client(role).get(path, headers=HTML).text
        found = re.search(
            r'href="/console/waiting"[^>]*>[^<]*<span[^>]*><span[^>]*>自分の対応待ち</span> (\d+)</span>', page
        )
        return int(found[1]) if found else 0

    mine = client("operator").get(LIST, params={"mine": "true"}).json()["data"]
    assert counted("operator", "/console/jobs") == len(mine) >= 2
    assert counted("viewer", "/console/jobs") == 0


def test_the_dashboard_has_the_first_of_it(client: Client, rig: Rig, pause: Pause) -> None:
    page = client("viewer").get("/console", headers=HTML).text
    assert "すべて一時停止しています: a new disk(local:ada)</small>" in page
    assert '<a href="/console/waiting">承認待ち・期限をすべて見る</a>' in page


def test_the_command_reads_the_same_list(provisioned: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    platform.give(PLATFORM)
    now = utc_now()
    with postgres.open_pool(provisioned.database(), application_name="tests") as pool:
        add_account(pool, "waiting-ono", Role.OPERATOR)
        pause = pauses.begin(pool, until=now + timedelta(hours=1), reason="a new disk", by="local:ada", now=now)
        try:
            listed = _run(capsys, "list", "--json", "--for", "waiting-ono", "--mine")
            rows = {row["id"]: row for row in json.loads(listed)}
            assert rows[f"pause {pause.id}"]["mayDecide"] is True
            assert "everything is paused: a new disk" in _run(capsys, "list", "--domain", "operations")
            assert f"pause {pause.id}" not in _run(capsys, "list", "--json", "--mine", "--domain", "zengin")
        finally:
            pauses.end(pool, pause.id, reason="done", by="local:ada", now=utc_now())


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    waiting_app(list(arguments), standalone_mode=False)
    return capsys.readouterr().out
