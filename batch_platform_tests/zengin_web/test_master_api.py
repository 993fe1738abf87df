"""`/api/zengin/banks` and `/export`: search in any writing, days of the past, files for transfers."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import httpx
import pytest

from batch_platform.zengin import service
from batch_platform_tests.zengin_web.conftest import Master
from batch_platform_tests.zengin_web.releases import first, second


@pytest.fixture
def changed(master: Master) -> Master:
    """The second release, applied a day after the first."""
    master.load(first(8))
    master.approve(master.propose(second(8, 3)))
    service.apply(master.context, master.context.business_date())
    return master


def found(client: httpx.Client, path: str, **params: Any) -> list[str]:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    items = answer.json()["data"]["items"]
    return [item.get("branchCode", item["bankCode"]) for item in items]


@pytest.mark.parametrize("text", ["さくら", "サクラ", "ｻｸﾗ", "さくら信用金庫", "0903"])
def test_banks_in_any_writing(approver: httpx.Client, changed: Master, text: str) -> None:
    assert found(approver, "/api/zengin/banks", q=text) == ["0903"]


@pytest.mark.parametrize("text", ["センター", "センタ－", "ｾﾝﾀ-", "せんたー", "センター通支店"])
def test_branches_in_any_writing(approver: httpx.Client, changed: Master, text: str) -> None:
    assert found(approver, "/api/zengin/banks/0903/branches", q=text) == ["002"]


def test_the_past_is_there(approver: httpx.Client, changed: Master) -> None:
    today = changed.context.business_date()
    before = (today - timedelta(days=1)).isoformat()
    assert found(approver, "/api/zengin/banks") == ["0901", "0902", "0903"]
    assert found(approver, "/api/zengin/banks", as_of=before) == ["0901", "0902", "0903", "0904"]
    assert found(approver, "/api/zengin/banks/0901/branches", q="駅前") == []
    assert found(approver, "/api/zengin/banks/0901/branches", q="駅前", as_of=before) == ["002"]
    assert "001" in found(approver, "/api/zengin/banks/0901/branches", q="本店営業部")  # an old name
    assert approver.get("/api/zengin/banks/0904/branches").status_code == 404
    assert found(approver, "/api/zengin/banks/0904/branches", as_of=before) == ["001"]


def test_lists_come_in_pages(approver: httpx.Client, changed: Master) -> None:
    path = "/api/zengin/banks/0902/branches"
    page = approver.get(path, params={"limit": 5}).json()["data"]
    rest = approver.get(path, params={"limit": 5, "cursor": page["nextCursor"]}).json()["data"]
    codes = [item["branchCode"] for item in (*page["items"], *rest["items"])]
    assert codes == [f"{number:03}" for number in range(1, 9)]
    assert rest["nextCursor"] is None


def test_what_is_malformed_is_refused(approver: httpx.Client, changed: Master) -> None:
    for params, name in (
        ({"as_of": "2026-13-01"}, "as_of"),
        ({"q": "x" * 101}, "q"),
        ({"cursor": "x"}, "cursor"),
        ({"query": "x"}, "query"),
    ):
        answer = approver.get("/api/zengin/banks", params=params)
        assert (answer.status_code, answer.json()["field"]) == (422, name)
    assert approver.get("/api/zengin/banks/91/branches").status_code == 422
    assert approver.get("/api/zengin/banks/9999/branches").status_code == 404


def test_the_export_for_transfers(approver: httpx.Client, changed: Master) -> None:
    answer = approver.get("/api/zengin/export", params={"format": "zengin"})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    text = answer.content.decode("cp932")
    assert "\r\n" in text
    assert "ｱｵﾊﾞ" in text
    rows = list(csv.reader(io.StringIO(text, newline="")))
    widths = {len(field.encode("cp932")) for row in rows for field in row if any("｡" <= one <= "ﾟ" for one in field)}
    assert max(widths) <= 15


def test_what_no_transfer_can_carry_is_named(approver: httpx.Client, master: Master) -> None:
    release = first(8)
    release.banks["0902"]["kana"] = ""
    release.branches["0903"]["002"]["kana"] = "通"
    changeset = master.propose(release, bootstrap=True)
    answer = approver.get(f"/api/zengin/changesets/{changeset.id}").json()["data"]
    assert [check["name"] for check in answer["failedChecks"]] == ["characters", "complete"]
    shown = approver.get(f"/console/zengin/changesets/{changeset.id}", headers={"Accept": "text/html"}).text
    assert "1 件の銀行・支店で、カナ・ひらがな・ローマ字のいずれかが空です：0902 みどり" in shown
    master.approve(changeset)
    service.apply(master.context, master.context.business_date())
    refused = approver.get("/api/zengin/export", params={"format": "zengin"})
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"] == [
        {"field": "0902", "message": "みどり: it has no kana"},
        {"field": "0903-002", "message": "センター通: its kana holds 通"},
    ]
    page = approver.get("/console/zengin/export", headers={"Accept": "text/html"})
    assert page.status_code == 409
    assert "みどり" in page.text
    assert "カナに使えない文字があります：通" in page.text
    for path, params in (("/api/zengin/export", {"format": "zengin"}), ("/console/zengin/export", {})):
        done = approver.get(path, params={**params, "skip_unwritable": "true"})
        rows = list(csv.reader(io.StringIO(done.content.decode("cp932"), newline="")))
        assert [(row[0], row[1]) for row in rows] == [
            *(("0901", code) for code in ("000", "001", "002", "003")),
            *(("0903", code) for code in ("000", "001")),
            *(("0904", code) for code in ("000", "001")),
        ]
    assert approver.get("/console/zengin/export", params={"as_of": "x"}).status_code == 422


def test_the_export_as_the_feed_writes_it(approver: httpx.Client, changed: Master) -> None:
    now = approver.get("/api/zengin/export", params={"format": "csv"}).content.decode("utf-8-sig")
    assert "霞ケ関" in now
    assert "0901" in now
    before = (changed.context.business_date() - timedelta(days=1)).isoformat()
    then = approver.get("/api/zengin/export", params={"format": "csv", "as_of": before}).content.decode("utf-8-sig")
    assert "霞ヶ関" in then
    assert "霞ケ関" not in then
    assert approver.get("/api/zengin/export", params={"format": "xml"}).json()["field"] == "format"
