"""Invoices in the console: searched, shown, and decided about by two people with one row each."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from batch_platform.core import postgres
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import drafting, monthly
from batch_platform.staffing.web.invoice_actions import CREDIT, ISSUE, VOID
from batch_platform.web.access.model import Role
from batch_platform_tests.staffing.billing import ISSUER, RATE, SEPTEMBER, company, contract, used
from batch_platform_tests.staffing.facts import load
from batch_platform_tests.staffing_web.test_pages import HOME, HTML, JAPANESE, LATIN, words
from batch_platform_tests.surfaces import Walk
from batch_platform_tests.web.rig import caller

LIST = f"{HOME}/invoices"
SURFACES = {
    (f"POST {LIST}/months/{{month}}/issue", ISSUE.name),
    (f"POST {LIST}/{{invoice}}/void", VOID.name),
    (f"POST {LIST}/{{invoice}}/credit", CREDIT.name),
}


@pytest.fixture(scope="module")
def billed(staffing: StaffingContext, viewer: httpx.Client) -> dict[int, str]:
    """Two invoices that are issued, a draft, and one that waits for usage; ids by contract."""
    load(staffing, ISSUER, RATE, *map(company, (1, 2, 3, 4)), *(contract(each, each) for each in (1, 2, 3, 4)))
    load(staffing, *map(used, (1, 2)))
    monthly.run(staffing, SEPTEMBER, by="system")
    load(staffing, used(3))
    drafting.draft(staffing, SEPTEMBER, by="system")
    rows = viewer.get("/api/staffing/invoices", params={"state": "all"}).json()["data"]["items"]
    return {row["contract_id"]: row["id"] for row in rows}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_speaks_one_language(viewer: httpx.Client, billed: dict[int, str], language: str) -> None:
    for path in ("", "?state=all", "/months/2026-09", "/months/2026-08", *(f"/{name}" for name in billed.values())):
        text = re.sub(r"English|日本語|株式会社|基本\w*", "", words(viewer, f"/invoices{path}", language))
        foreign = JAPANESE.search(text) if language == "en" else LATIN.search(text)
        assert foreign is None, (path, text)


def test_invoices_are_searched_and_shown(viewer: httpx.Client, billed: dict[int, str]) -> None:
    found = words(viewer, "/invoices?counterparty=会社1&total_from=1100&total_to=1100&issued_from=2026-10-01")
    assert "INV-2026-000001 株式会社1" in found
    assert "株式会社2" not in found
    assert "実績なし 1 日" in words(viewer, "/invoices?state=waiting_for_usage")
    shown = words(viewer, f"/invoices/{billed[1]}")
    assert "10 % 1,000 円 100 円 1,100 円" in shown
    assert "無効にする" not in shown
    for name in (billed[1], billed[3]):
        assert viewer.get(f"{LIST}/{name}/pdf", headers=HTML).content.startswith(b"%PDF")
        assert viewer.get(f"{LIST}/{name}/picture", headers=HTML).content.startswith(b"\x89PNG")
    assert viewer.get(f"{LIST}/{billed[1]}/picture?number=9", headers=HTML).status_code == 404
    assert viewer.get(f"{LIST}/{billed[4]}/pdf", headers=HTML).status_code == 409
    month = words(viewer, "/invoices/months/2026-09")
    assert "まだ承認されていません" in month
    assert "2026-09-30" in month


def test_two_people_decide_by_forms(
    pool: postgres.Pool, origin: str, operator: httpx.Client, billed: dict[int, str]
) -> None:
    walk = Walk(pool, SURFACES)
    with caller(origin, Role.APPROVER, "ann") as ann, caller(origin, Role.APPROVER, "ben") as ben:

        def send(who: httpx.Client, path: str, name: str, target: str, **form: Any) -> None:
            by = "token:ann" if who is ann else "token:ben"
            walk.send(who, "POST", f"{LIST}/{path}", name, by=by, target=target, stranger=operator, data=form)

        seen = {"count": "1", "total": "1100"}
        walk.leaves_none(ann, "POST", f"{LIST}/months/2026-09/issue", 303, data={**seen, "total": "1"})
        send(ann, "months/2026-09/issue", ISSUE.name, "2026-09", **seen)
        assert "承認済み：token:ann" in words(ann, "/invoices/months/2026-09")
        walk.leaves_none(ann, "POST", f"{LIST}/months/2026-09/issue", 303, data=seen)
        send(ben, "months/2026-09/issue", ISSUE.name, "2026-09", **seen)
        assert "INV-2026-000003" in words(ben, "/invoices")

        send(ann, f"{billed[1]}/void", VOID.name, "INV-2026-000001", version="2", reason="宛先の誤り")
        assert "「無効にする」を申請しました" in words(ben, f"/invoices/{billed[1]}")
        send(ben, f"{billed[1]}/void", VOID.name, "INV-2026-000001", version="2", reason="")
        assert "宛先の誤り" in words(ben, f"/invoices/{billed[1]}")

        part = {"version": "2", "parts": "10=500", "remarks": ""}
        asked = ann.post(f"{LIST}/{billed[2]}/credit", headers=HTML, data=part)
        assert (asked.status_code, "-550" in asked.text) == (200, True)
        walk.leaves_none(ann, "POST", f"{LIST}/{billed[2]}/credit", 303, data={**part, "parts": "10=5000"})
        for who in (ann, ben):
            send(who, f"{billed[2]}/credit", CREDIT.name, "INV-2026-000002", sure="true", **part)
        assert "INV-CN-2026-000001" in words(ben, "/invoices?document=credit_note")
    assert walk.walked == SURFACES
