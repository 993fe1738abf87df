"""The console pages: what they show, what they ask before they write, and that they keep secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import uuid4

import httpx
import pytest

from batch_platform.finops.service import compute_anomalies, compute_forecast
from batch_platform_tests.finops.bucket import MONTH, OPEN_MONTH, File, csv_gz
from batch_platform_tests.finops.conftest import Project

HTML = {"Accept": "text/html"}


def page(client: httpx.Client, path: str, status: int = 200) -> str:
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return unescape(answer.text)


def form(client: httpx.Client, path: str, **values: str) -> Any:
    return client.post(path, data=values, headers=HTML)


@pytest.fixture
def filled(project: Project) -> Project:
    """A month that runs, with a rhythm, an outlier and ten services, and one that was restated."""
    days = [
        project.line(
            "Usage", f"{10 + service}.5", {"product/servicecode": f"Service{service}"}, day=day, month=OPEN_MONTH
        )
        for day in range(1, 26)
        for service in range(10)
    ]
    days.append(project.line("Usage", "400", {"product/servicecode": "Service3"}, day=20, month=OPEN_MONTH))
    project.bucket.deliver(OPEN_MONTH, [csv_gz(days)])
    project.run(OPEN_MONTH)
    invoiced = {"bill/InvoiceId": "1"}
    for assembly, cost in (("first", "1.5"), ("second", "2")):
        project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", cost, invoiced)])], assembly=assembly)
        project.run()
    for month in (MONTH, OPEN_MONTH):
        compute_anomalies(project.context, project.id, month)
        compute_forecast(project.context, project.id, month)
    return project


def test_costs_are_shown_with_what_they_mean(client: httpx.Client, filled: Project) -> None:
    shown = page(client, f"/console/costs?project={filled.id}")
    assert '"kind": "bars"' in shown
    assert shown.count('"name": "Service') == 8
    assert "その他のサービス" in shown
    assert "進行中" in shown
    assert (
        f"/api/projects/{filled.id}/costs?month={OPEN_MONTH:%Y-%m}&measure=unblended&group_by=service&format=focus"
        in shown
    )
    for group in ("account", "region", "charge_class", "day"):
        assert (
            "total"
            not in page(client, f"/console/costs?project={filled.id}&group_by={group}&measure=amortized").lower()
        )
    assert "確定後に訂正" in page(client, f"/console/costs?project={filled.id}&month={MONTH:%Y-%m}")
    odd = page(client, f"/console/costs?project={filled.id}&measure=x&group_by=y")
    assert f'<option value="{OPEN_MONTH:%Y-%m}" selected>' in odd


def test_projects_and_their_tabs(client: httpx.Client, filled: Project) -> None:
    assert filled.id in page(client, "/console/projects")
    base = f"/console/projects/{filled.id}"
    overview = page(client, base)
    assert "集計済みの月" in overview
    assert "none: " not in overview
    assert "解析済み" in page(client, f"{base}/files")
    assert page(client, f"{base}/files?status=DONE&offset=1").count("<code") < page(client, f"{base}/files").count(
        "<code"
    )
    restated = page(client, f"{base}/restatements")
    assert 'value="0.500000000000"' in restated
    insight = page(client, f"{base}/insight?month={OPEN_MONTH:%Y-%m}")
    assert "は月ではありません" in page(client, f"{base}/insight?month=2026-13", status=422)
    assert "公開されていません" in page(client, f"{base}/insight?month=2019-01", status=404)
    assert "急増" in insight
    assert '"style": "band_low"' in insight
    assert page(client, "/console/projects/nobody", status=404)


def test_nothing_is_published_yet(client: httpx.Client, project: Project) -> None:
    base = f"/console/projects/{project.id}"
    for path in (base, f"{base}/insight", f"/console/costs?project={project.id}"):
        assert "まだありません" in page(client, path)
    assert "登録されたファイルはありません" in page(client, f"{base}/files")
    assert "訂正された月はありません" in page(client, f"{base}/restatements")


def test_a_project_is_asked_about_before_it_is_saved(client: httpx.Client) -> None:
    name, secret = f"p-{uuid4().hex[:10]}", "external-id-77"
    values = {
        "projectId": name,
        "name": "Acme",
        "bucket": "acme-billing",
        "prefix": "cur",
        "reportName": "cur",
        "region": "ap-northeast-1",
        "roleArn": "arn:aws:iam::123456789012:role/reader",
        "externalId": secret,
        "accountScope": "123456789012, 210987654321",
    }
    wrong = form(client, "/console/projects/~new", **{**values, "roleArn": "role"})
    assert wrong.status_code == 422
    assert 'id="field-roleArn-error"' in wrong.text
    asked = form(client, "/console/projects/~new", **values)
    assert asked.status_code == 200
    assert "data-open" in asked.text
    # who cancels and changes the form is asked again, about what it says then
    assert 'command="show-modal" commandfor="confirm"' not in asked.text
    assert client.get(f"/api/projects/{name}").status_code == 404
    saved = form(client, "/console/projects/~new", **values, step="save")
    assert (saved.status_code, saved.headers["location"]) == (303, f"/console/projects/{name}")
    assert form(client, "/console/projects/~new", **values, step="save").status_code == 409
    assert form(client, "/console/projects/~new", **values).status_code == 409
    edit = page(client, f"/console/projects/{name}/edit")
    assert secret not in edit + page(client, f"/console/projects/{name}")
    assert "123456789012 210987654321" in edit
    changed = form(
        client, f"/console/projects/{name}/edit", **{**values, "externalId": "", "name": "Acme 2"}, step="save"
    )
    assert changed.status_code == 303
    shown = client.get(f"/api/projects/{name}").json()["data"]
    assert (shown["name"], shown["hasExternalId"], shown["enabled"]) == ("Acme 2", True, False)
    form(
        client,
        f"/console/projects/{name}/edit",
        **{**values, "externalId": "", "forgetExternalId": "true"},
        step="save",
    )
    assert client.get(f"/api/projects/{name}").json()["data"]["hasExternalId"] is False


def test_writes_of_a_project(client: httpx.Client, project: Project) -> None:
    base = f"/console/projects/{project.id}"
    project.bucket.deliver(MONTH, [File(b""), csv_gz([project.line()])])
    project.fetch()
    project.read()
    files = page(client, f"{base}/files?status=ERROR")
    assert "ファイルが空(0 バイト)です" in files
    assert form(client, f"{base}/files/requeue").status_code == 303
    assert project.statuses() == ["PENDING", "DONE"]
    read = project.files()[1]["object_key"]
    assert f'value="{read}"' in page(client, f"{base}/files?status=DONE")
    assert form(client, f"{base}/files/requeue", objectKey=read).status_code == 303
    assert project.statuses() == ["PENDING", "DONE"], "nothing is wrong with it"
    assert form(client, f"{base}/files/requeue", objectKey=read, allFiles="1").status_code == 303
    assert project.statuses() == ["PENDING", "PENDING"]
    tested = form(client, f"{base}/test")
    assert (tested.status_code, "s3://" in tested.text) == (200, True)
    wrong = form(client, f"{base}/budgets", measure="unblended", currency="usd", monthly_amount="1,5")
    assert wrong.status_code == 422
    assert 'id="budget-monthly_amount-error"' in wrong.text
    assert (
        form(client, f"{base}/budgets", measure="unblended", currency="usd", monthly_amount="15.5").status_code == 303
    )
    assert "15.50" in page(client, base)
    assert form(client, f"{base}/budgets/delete", measure="unblended", currency="USD").status_code == 303
    assert form(client, f"{base}/disable").status_code == 303
    assert client.get(f"/api/projects/{project.id}").json()["data"]["enabled"] is False
    assert "プロジェクトを削除" in page(client, base)
    removed = form(client, f"{base}/remove")
    assert (removed.status_code, removed.headers["location"]) == (303, "/console/projects")
    assert client.get(f"/api/projects/{project.id}").status_code == 404


def test_a_changed_connection_is_told_before_and_after(client: httpx.Client, project: Project) -> None:
    base = f"/console/projects/{project.id}"
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "5")])])
    project.run()
    values = {
        "name": "Acme",
        "bucket": project.bucket.name,
        "prefix": "cur/acme",
        "reportName": "cur",
        "region": project.bucket.region,
        "format": "cur_legacy",
        "enabled": "true",
    }
    moved, narrowed = "接続先が変わります", "対象アカウントが変わります"
    same = form(client, f"{base}/edit", **values).text
    assert (moved in same, narrowed in same) == (False, False)
    assert narrowed in form(client, f"{base}/edit", **values, accountScope=project.account).text
    values |= {"prefix": "cur/other", "withoutManifest": "true"}
    assert moved in form(client, f"{base}/edit", **values).text
    assert form(client, f"{base}/edit", **values, step="save").status_code == 303
    project.connection = project.context.connection(project.id)
    assert (project.connection.without_manifest, project.connection.prefix) == (True, "cur/other")
    shown = page(client, base)
    assert "変更前の接続" in shown
    [month] = client.get(f"/api/projects/{project.id}/months").json()["data"]
    assert month["formerConnection"] is True
    project.fetch()
    shown = page(client, base)
    assert f"{project.connection.location} has no {MONTH:%Y-%m}" in shown
    assert "取り下げた月" in shown
    [archived] = client.get(f"/api/projects/{project.id}/archive").json()["data"]
    assert (archived["month"], archived["unblended"]) == (f"{MONTH:%Y-%m}", {"USD": "5.000000000000"})
    assert "接続の変更" in page(client, f"{base}/restatements")
    [change] = client.get(f"/api/projects/{project.id}/restatements").json()["data"]["items"]
    assert (change["reason"], change["unblended"]["after"]) == ("connection_changed", "0.000000000000")


def test_a_viewer_sees_no_button_that_writes(viewer: httpx.Client, filled: Project) -> None:
    for path in ("", "/files", "/restatements", "/insight"):
        shown = page(viewer, f"/console/projects/{filled.id}{path}")
        posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', shown)
        assert {action for action in posts if action.startswith("/console/projects")} == set()
    assert page(viewer, "/console/projects/~new", status=403)
    for action in (
        "test",
        "disable",
        "budgets",
        "budgets/delete",
        "files/requeue",
        "batch/cur-fetch",
        "edit",
        "remove",
    ):
        assert form(viewer, f"/console/projects/{filled.id}/{action}").status_code == 403


def test_english_by_the_switch(client: httpx.Client, filled: Project, make_project: Callable[[], Project]) -> None:
    client.cookies.set("language", "en")
    assert "Cost per day" in page(client, f"/console/costs?project={filled.id}")
    assert "four fifths" in page(client, f"/console/projects/{filled.id}/insight?month={OPEN_MONTH:%Y-%m}")
