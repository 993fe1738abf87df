"""Periodic approaches by API, form and command: lists, and failed ones delivered with one row in the audit log."""

from __future__ import annotations

import json

import httpx
import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.staffing.cli import app
from batch_platform.staffing.service import StaffingContext, approaches, loading
from batch_platform.staffing.web.approaches import RETRY
from batch_platform_tests.surfaces import Walk
from batch_platform_tests.web.site import SECRET

ROUTE = "POST /api/staffing/approaches/{approach_id}/retry"
FORM = "POST /console/staffing/approaches/{approach_id:path}/retry"
SURFACES = {(ROUTE, RETRY.name), (FORM, RETRY.name), ("staffing approaches retry", RETRY.name)}

FACTS = [
    {"kind": "company", "company_id": 1, "name": "株式会社髙橋"},
    {"kind": "engineer", "engineer_id": "e-approached", "company_id": 1, "email": "e@example.jp"},
    *(
        {
            "kind": "periodic_approach",
            "approach_id": name,
            "company_id": 1,
            "rule": {"every": "day", "time": "09:00", "start_on": "2026-12-01"},
            "criteria": {"colour": "red"},
            "policy": "all",
            "template": "periodic-approach",
        }
        for name in ("by-api", "by-command", "by/form")
    ),
]


@pytest.fixture(scope="module")
def failed(staffing: StaffingContext) -> None:
    loading.load(staffing, [json.dumps(fact).encode() for fact in FACTS])
    assert {each.state for each in approaches.decide(staffing)} == {"failed"}


def mend(pool: postgres.Pool) -> None:
    with postgres.transaction(pool) as connection:
        connection.execute("UPDATE staffing.periodic_approaches SET criteria = '{}'")


@pytest.mark.usefixtures("failed")
def test_failed_ones_are_delivered_with_one_row(
    pool: postgres.Pool,
    operator: httpx.Client,
    viewer: httpx.Client,
    staffing_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", staffing_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())
    walk, address = Walk(pool, SURFACES), "/api/staffing/approaches/by-api/retry"
    walk.leaves_none(operator, "POST", address, 422)
    walk.leaves_none(operator, "POST", "/api/staffing/approaches/nobody/retry", 404)
    mend(pool)
    walk.send(operator, "POST", address, RETRY.name, by="token:operator", target="by-api", stranger=viewer)
    form = "/console/staffing/approaches/by%2Fform/retry"
    walk.send(operator, "POST", form, RETRY.name, by="token:operator", target="by/form", stranger=viewer)

    def call(*words: str) -> None:
        result = CliRunner().invoke(app, words[1:])
        if result.exception is not None:
            raise result.exception

    by = f"cli:{system_user()}"
    walk.command(
        call, "staffing", "approaches", "retry", "by-command", does=(RETRY.name,), by=by, target="by-command"
    )
    assert walk.walked == SURFACES


@pytest.mark.usefixtures("failed")
def test_lists_say_when_and_what_became_of_it(viewer: httpx.Client) -> None:
    [first, second, _third] = viewer.get("/api/staffing/approaches").json()["data"]
    assert (first["approach_id"], first["company_id"], second["next_at"]) == ("by-api", 1, "2026-12-02T00:00:00Z")
    page = viewer.get("/api/staffing/approaches/occurrences?approach=by-api&limit=1").json()["data"]
    [occurrence] = page["items"]
    assert (occurrence["scheduled_for"], page["nextCursor"]) == ("2026-12-01T00:00:00Z", None)
