"""Invoices by API and command: listed, printed, and decided about by two people, with one row each."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.staffing.cli import app
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import drafting, monthly
from batch_platform.staffing.web.invoice_actions import CREDIT, INVOICE_ACTIONS, ISSUE, VOID
from batch_platform.web.access.model import Role
from batch_platform_tests.staffing.billing import ISSUER, RATE, SEPTEMBER, company, contract, used
from batch_platform_tests.staffing.facts import load
from batch_platform_tests.surfaces import Walk, of_commands
from batch_platform_tests.web.rig import caller
from batch_platform_tests.web.site import SECRET

HERE = "/api/staffing/invoices"
NAMES = {action.name for action in INVOICE_ACTIONS}
ROUTES = {
    (f"POST {HERE}/months/{{month}}/issue", ISSUE.name),
    (f"POST {HERE}/{{invoice}}/void", VOID.name),
    (f"POST {HERE}/{{invoice}}/credit", CREDIT.name),
}
COMMANDS = {surface for surface in of_commands("staffing") if surface[1] in NAMES}
SURFACES = ROUTES | COMMANDS
FIRST, SECOND = "INV-2026-000001", "INV-2026-000002"


@pytest.fixture(scope="module")
def billed(staffing: StaffingContext) -> None:
    """Four invoices that are issued, and a draft."""
    numbers = (1, 2, 3, 4, 5)
    load(staffing, ISSUER, RATE, *map(company, numbers), *(contract(each, each) for each in numbers))
    load(staffing, *map(used, numbers[:4]))
    monthly.run(staffing, SEPTEMBER, by="system")
    load(staffing, used(5))
    drafting.draft(staffing, SEPTEMBER, by="system")


def listed(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(HERE, params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["data"]["items"]
    return items


@pytest.mark.usefixtures("billed")
def test_invoices_are_searched_and_downloaded(viewer: httpx.Client) -> None:
    rows = listed(viewer, month="2026-09")
    assert [(row["contract_id"], row["state"], row["invoice_number"]) for row in rows] == [
        *((number, "issued", f"INV-2026-{number:06}") for number in (1, 2, 3, 4)),
        (5, "draft", None),
    ]
    assert listed(viewer, company="1", total_from=1100, total_to=1100, issued_from="2026-10-01") == [rows[0]]
    assert listed(viewer, counterparty="会社2", state="all", document="all") == [rows[1]]
    answer = viewer.get(f"{HERE}/{FIRST}")
    assert (answer.headers["ETag"], answer.json()["data"]["per_rate"][0]["rate"]) == ('"2"', "10")
    assert [event["state"] for event in answer.json()["data"]["history"]] == ["draft", "issued"]
    for path in ("pdf", "preview"):
        pdf = viewer.get(f"{HERE}/{FIRST}/{path}")
        assert sha256(pdf.content).hexdigest() == rows[0]["pdf_sha256"]
    assert viewer.get(f"{HERE}/{rows[4]['id']}/preview").content.startswith(b"%PDF")
    assert viewer.get(f"{HERE}/{rows[4]['id']}/pdf").status_code == 409
    assert viewer.get(f"{HERE}/INV-2026-000099").status_code == 404
    drafts = viewer.get(f"{HERE}/months/2026-09/drafts").json()["data"]
    assert (drafts["count"], drafts["total"], drafts["proposed_by"]) == (1, 1_100, [])


@pytest.mark.usefixtures("billed", "provisioned")
def test_every_decision_takes_two_people_on_every_surface(
    pool: postgres.Pool,
    origin: str,
    operator: httpx.Client,
    staffing_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", staffing_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())
    walk, by = Walk(pool, SURFACES), f"cli:{system_user()}"

    def call(*words: str) -> Any:
        result = CliRunner().invoke(app, [*words[1:], "--json"])
        if result.exception is not None:
            raise result.exception
        return json.loads(result.stdout)

    def command(*words: str, name: str) -> dict[str, Any]:
        [row] = walk.command(call, "staffing", "invoices", *words, does=(name,), by=by, target=words[1])
        after: dict[str, Any] = row.after
        return after

    with caller(origin, Role.APPROVER, "ann") as ann:

        def post(path: str, name: str, target: str, **given: Any) -> None:
            walk.send(ann, "POST", f"{HERE}/{path}", name, by="token:ann", target=target, stranger=operator, **given)

        seen = {"count": 1, "total": 1_100}
        walk.leaves_none(ann, "POST", f"{HERE}/months/2026-09/issue", 409, json={**seen, "total": 1})
        first = command("issue", "2026-09", "--count", "1", "--total", "1100", name=ISSUE.name)
        assert first == {**seen, "approved_by": [by], "issued": False, "via": by}
        post("months/2026-09/issue", ISSUE.name, "2026-09", json=seen)
        assert listed(ann, month="2026-09")[4]["invoice_number"] == "INV-2026-000005"
        verified = ann.get(f"{HERE}/months/2026-09/verification")
        assert verified.json()["data"] == {"equal": True, "differences": []}

        wrong = {"reason": "wrong company"}
        walk.leaves_none(ann, "POST", f"{HERE}/{FIRST}/void", 409, json=wrong, headers={"If-Match": '"1"'})
        post(f"{FIRST}/void", VOID.name, FIRST, json=wrong, headers={"If-Match": '"2"'})
        walk.leaves_none(ann, "POST", f"{HERE}/{FIRST}/void", 409, json=wrong)
        assert ann.get(f"{HERE}/{FIRST}").json()["data"]["proposals"][0]["reason"] == "wrong company"
        assert command("void", FIRST, name=VOID.name)["void"] is True

        command("credit", SECOND, "--parts", "10=500", name=CREDIT.name)
        post(f"{SECOND}/credit", CREDIT.name, SECOND, json={"parts": [{"rate": "10", "amount": 500}]})
        [note] = listed(ann, document="credit_note")
        assert (note["invoice_number"], note["of_invoice"]) == ("INV-CN-2026-000001", SECOND)
        assert (note["total"], note["issue_date"], note["mailed_to"]) == (-550, "2026-12-01", "a2@b.jp")
    assert walk.walked == SURFACES
