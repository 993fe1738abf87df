"""Reports by API and command: listed, shown, downloaded, and mailed with one row in the audit log."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.settings import Settings
from batch_platform.staffing.cli import app
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.reports import monthly
from batch_platform.staffing.web.reports import MAIL
from batch_platform_tests.staffing.months import MONTH, write_month
from batch_platform_tests.staffing_web.test_pages import HOME, HTML, JAPANESE, LATIN, words
from batch_platform_tests.surfaces import Walk
from batch_platform_tests.web.site import SECRET

ROUTE = "POST /api/staffing/reports/{report_id}/mail"
FORM = "POST /console/staffing/reports/{report_id}/mail"
SURFACES = {(ROUTE, MAIL.name), (FORM, MAIL.name), ("staffing reports mail", MAIL.name)}


@pytest.fixture(scope="module")
def reported(staffing: StaffingContext) -> None:
    write_month(staffing)
    monthly.run(replace(staffing, report_recipients=()), MONTH)


def listed(viewer: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = viewer.get("/api/staffing/reports", params={"month": "2026-09", **query})
    items: list[dict[str, Any]] = answer.json()["data"]["items"]
    return items


@pytest.mark.usefixtures("reported")
def test_reports_are_listed_and_downloaded(viewer: httpx.Client) -> None:
    assert [row["kind"] for row in listed(viewer)] == [
        "revenue",
        "engineer-activity",
        "system",
        "company",
        "company",
    ]
    [mine, other] = listed(viewer, company="1")
    assert {type(mine["company_id"]), type(other["company_id"])} == {int, str}
    [system] = listed(viewer, kind="system")
    assert (system["state"], system["reason"], system["mailed_to"], system["version"]) == ("complete", None, [], 1)
    assert viewer.get(f"/api/staffing/reports/{system['id']}").json()["data"] == system
    answer = viewer.get(f"/api/staffing/reports/{system['id']}/pdf")
    assert (answer.headers["content-type"], len(answer.content)) == ("application/pdf", system["bytes"])
    assert "monthly_report_system_2026-09.pdf" in answer.headers["content-disposition"]
    assert sha256(answer.content).hexdigest() == system["sha256"]
    assert viewer.get("/api/staffing/reports/nobody/pdf").status_code == 404


@pytest.mark.usefixtures("reported")
@pytest.mark.parametrize("language", ["ja", "en"])
def test_pages_speak_one_language(operator: httpx.Client, language: str) -> None:
    [system] = listed(operator, kind="system")
    place = f"/reports/{system['id']}"
    for path in ("/reports?kind=system&versions=true", place):
        text = re.sub("English|日本語|運営者", "", words(operator, path, language))
        foreign = JAPANESE.search(text) if language == "en" else LATIN.search(text)
        assert foreign is None, (path, text)
    assert operator.get(f"{HOME}{place}/pdf", headers=HTML).content.startswith(b"%PDF")
    assert operator.get(f"{HOME}{place}/picture", headers=HTML).content.startswith(b"\x89PNG")


@pytest.mark.usefixtures("reported")
def test_one_is_mailed_with_one_row(
    pool: postgres.Pool,
    operator: httpx.Client,
    viewer: httpx.Client,
    staffing_database: str,
    provisioned: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", staffing_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())
    walk = Walk(pool, SURFACES)
    companies = {row["company_id"]: row["id"] for row in listed(viewer, kind="company")}
    [system] = listed(viewer, kind="system")
    walk.leaves_none(operator, "POST", f"/api/staffing/reports/{system['id']}/mail", 409)  # to nobody
    walk.leaves_none(operator, "POST", "/api/staffing/reports/nobody/mail", 404)
    address = f"/api/staffing/reports/{companies[1]}/mail"
    walk.send(operator, "POST", address, MAIL.name, by="token:operator", target=companies[1], stranger=viewer)
    form = f"/console/staffing/reports/{companies[1]}/mail"
    walk.send(operator, "POST", form, MAIL.name, by="token:operator", target=companies[1], stranger=viewer)

    def call(*words: str) -> str:
        result = CliRunner().invoke(app, words[1:])
        if result.exception is not None:
            raise result.exception
        return result.stdout

    by = f"cli:{system_user()}"
    walk.command(call, "staffing", "reports", "mail", companies[1], does=(MAIL.name,), by=by, target=companies[1])
    assert walk.walked == SURFACES
    rows = json.loads(call("staffing", "reports", "list", "--kind", "system", "--json"))
    assert [row["id"] for row in rows] == [system["id"]]
    assert f'"{system["sha256"]}"' in call("staffing", "reports", "show", system["id"], "--json")
    file = tmp_path / "report.pdf"
    said = call("staffing", "reports", "render", system["id"], "--output", str(file))
    assert system["sha256"] in said
    assert sha256(file.read_bytes()).hexdigest() == system["sha256"]
