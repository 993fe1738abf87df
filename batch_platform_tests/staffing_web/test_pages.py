"""Staffing's console and its read API, of a small set of facts over which the jobs have run."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from html import unescape

import httpx
import pytest
from fastapi import FastAPI, Request

from batch_platform.core import postgres
from batch_platform.core.messages import Message, to_json
from batch_platform.staffing.service import StaffingContext, accounts, approaches, loading, statuses, usage
from batch_platform.staffing.web.overview_pages import CARD
from batch_platform.web.console import Console

HOME = "/console/staffing"
HTML = {"Accept": "text/html"}
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{3,}( [A-Za-z]{2,}){2,}")
TODAY = date(2026, 12, 1)
YESTERDAY = TODAY - timedelta(days=1)

FACTS = [
    {"kind": "company", "company_id": "p/1", "name": "Pages KK", "created_at": "2026-01-01T00:00:00Z"},
    {"kind": "user", "user_id": "pu", "company_id": "p/1", "created_at": "2026-01-01T00:00:00Z"},
    {"kind": "login", "id": "pl", "user_id": "pu", "company_id": "p/1", "at": "2026-11-30T01:00:00Z"},
    *(
        {"kind": "engineer", "engineer_id": name, "company_id": "p/1", "name": f"Taro{name}"}
        for name in ("7", 7, "held")
    ),
    {
        "kind": "assignment",
        "assignment_id": "pa",
        "engineer_id": 7,
        "project_id": "pp",
        "start": "2026-09-01",
        "planned_end": "2027-01-31",
        "state": "confirmed",
        "recorded_at": "2026-08-01T00:00:00Z",
    },
    {"kind": "status_hold", "engineer_id": "held", "status": "leave", "valid_from": "2026-11-01", "reason": "x"},
    {
        "kind": "periodic_approach",
        "approach_id": "pages/monthly",
        "company_id": "p/1",
        "rule": {"every": "month", "day": 31, "time": "09:00", "start_on": "2026-10-31"},
        "criteria": {"colour": "red"},
        "policy": "latest",
        "template": "periodic-approach",
    },
]
ALTERED = Message("fault-altered", "{key} holds other bytes than were stored", key="database.dump.age")
FAULT = {"kind": "altered-object", "subject": "database.dump.age", "text": str(ALTERED), "site": "remote"}
FAULTS = [{**FAULT, "message": json.loads(to_json(ALTERED))}, {**FAULT, "text": "as an older release said it"}]


@pytest.fixture(scope="module", autouse=True)
def facts(staffing: StaffingContext, pool: postgres.Pool) -> None:
    loading.load(staffing, [json.dumps(fact).encode() for fact in FACTS])
    for day in (YESTERDAY, TODAY):
        statuses.write_day(staffing, day)
    usage.aggregate(staffing, YESTERDAY)
    accounts.check(staffing, TODAY)
    approaches.decide(staffing)
    with postgres.transaction(pool) as connection:
        connection.execute(
            "INSERT INTO staffing.backups (night, state, attempt, started_at, stored_at, manifest_sha256, objects, "
            "tables, rows, files, bytes) "
            "VALUES ('2026-11-30', 'failed', 1, '2026-11-29T16:00Z', '2026-11-29T16:01Z', "
            "'00', %s, 3, 9, 0, 5000)",
            [json.dumps({"database.dump.age": {"sha256": "ab", "bytes": 5000}})],
        )
        connection.execute(
            "INSERT INTO staffing.backup_proofs (night, attempt, site, at, seconds, passed, faults, tables, rows, "
            "files, amcheck) "
            "VALUES ('2026-11-30', 1, 'remote', '2026-11-29T16:02Z', 1.5, false, %s, 3, 9, 0, '4 indexes')",
            [json.dumps(FAULTS)],
        )


def words(client: httpx.Client, path: str, language: str = "ja") -> str:
    """What a page says, its tags taken away."""
    answer = client.get(f"{HOME}{path}", headers={**HTML, "Cookie": f"language={language}"})
    assert answer.status_code == 200, (path, answer.text)
    main = re.sub(r"(?s).*<main[^>]*>|</main>.*|<script.*?</script>|<option.*?</option>", "", answer.text)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


PAGES = (
    *("", "/engineers", "/engineers?status=leave&known=then&search=Taro", "/engineers/changes", "/usage"),
    *("/engineers/changes?date=2027-01-01", "/usage/p%2F1", "/approaches", "/approaches/occurrences?state=failed"),
    *("/backups", "/backups/2026-11-30", "/findings"),
)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_speaks_one_language(operator: httpx.Client, language: str) -> None:
    for path in PAGES:
        text = re.sub(r"\w+-\w+-\w+|Taro\w+|Pages KK|English|日本語", "", words(operator, path, language))
        foreign = JAPANESE.search(text) if language == "en" else LATIN.search(text)
        assert foreign is None, (path, text)


def test_engineers_are_found_by_status_and_name(viewer: httpx.Client) -> None:
    shown = words(viewer, "/engineers?status=waiting_soon&search=Pages")
    assert "Taro7 7 Pages KK" in shown
    assert "待機予定" in shown
    assert "2027-01-31" in shown
    assert "Taroheld" not in shown
    assert "変更はありません" in words(viewer, f"/engineers/changes?date={TODAY}")
    page = viewer.get("/api/staffing/status", params={"date": str(TODAY), "search": "Taro", "limit": 2}).json()[
        "data"
    ]
    rest = viewer.get(
        "/api/staffing/status", params={"date": str(TODAY), "search": "Taro", "cursor": page["nextCursor"]}
    )
    told = [
        (row["engineer_id"], row["status"], row["until"]) for row in (*page["items"], *rest.json()["data"]["items"])
    ]
    assert told == [(7, "waiting_soon", "2027-01-31"), ("7", "waiting", None), ("held", "leave", None)]


def test_usage_is_shown_by_company_and_day(viewer: httpx.Client) -> None:
    assert "Pages KK" in words(viewer, f"/usage?date={YESTERDAY}")
    assert "日別の実績" in words(viewer, "/usage/p%2F1")
    [row] = viewer.get("/api/staffing/usage", params={"date": str(YESTERDAY), "company": "p/1"}).json()["data"][
        "items"
    ]
    told = (row["company_id"], row["total_engineers"], row["active_engineers"], row["login_count"])
    assert (told, row["storage_usage_mb"]) == (("p/1", 3, 1, 1), "0.00")
    assert viewer.get(f"{HOME}/usage/nobody", headers=HTML).status_code == 404


def test_a_backup_tells_its_faults(viewer: httpx.Client) -> None:
    assert "オブジェクトの改変" in words(viewer, "/backups")
    shown = words(viewer, "/backups/2026-11-30")
    assert (
        "オブジェクトの改変 database.dump.age database.dump.age の内容が保存時と異なります。 遠隔地バケット" in shown
    )
    assert "older release" not in shown
    assert "older release" in words(viewer, "/backups/2026-11-30", "en")
    [row] = viewer.get("/api/staffing/backups").json()["data"]["items"]
    faults = [
        {**FAULT, "text_id": "fault-altered"},
        {**FAULT, "text": "as an older release said it", "text_id": None},
    ]
    assert (row["night"], row["state"], row["faults"]) == ("2026-11-30", "failed", faults)
    assert viewer.get(f"{HOME}/backups/2026-11-01", headers=HTML).status_code == 404


def test_the_dashboards_card_tells_what_waits(staffing: StaffingContext) -> None:
    app = FastAPI()
    app.state.staffing = staffing
    asking = Request(
        {"type": "http", "app": app, "method": "GET", "path": "/console", "query_string": b"", "headers": []}
    )
    packages = ["batch_platform.web", "batch_platform.staffing.web"]
    console = Console(packages=packages, navigation=(), environment="local")
    shown = console.page(asking, CARD.template, {"card": CARD.load(asking)})
    assert "配信に失敗したアプローチ" in shown
    assert "承認待ちの請求書" not in shown


def test_who_only_looks_delivers_nothing_again(viewer: httpx.Client, operator: httpx.Client) -> None:
    assert "再配信…" in words(operator, "/approaches")
    assert "再配信…" not in words(viewer, "/approaches")
    place = f"{HOME}/approaches/pages%2Fmonthly/retry"
    assert viewer.post(place, headers=HTML).status_code == 403
