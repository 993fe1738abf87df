"""Budgets: exact in spending, honest about the rest of the month."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.finops.budgets import BudgetState, share_of, state_of
from batch_platform_tests.finops.bucket import MONTH, OPEN_MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops_web.conftest import WHATEVER

AMOUNTS = st.decimals(min_value="0.000000000001", max_value="9" * 20, places=12)


def budget(client: httpx.Client, project: Project, amount: str, **more: str) -> Any:
    body = {"currency": "USD", "monthlyAmount": amount, **more}
    return client.put(f"/api/projects/{project.id}/budgets", json=body, headers=WHATEVER)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_states_are_compared_exactly(amount: Decimal, spent: Decimal, projected: Decimal) -> None:
    state = state_of(amount, spent=spent, projected=projected)
    assert (state is BudgetState.EXCEEDED) == (spent > amount)
    assert (state is BudgetState.OK) == (spent <= amount and projected <= amount)
    assert abs(share_of(spent, amount) - Decimal(str(spent)) / amount) <= Decimal("0.0001") * max(1, spent / amount)


def test_a_month_that_has_ended_is_what_it_cost(
    client: httpx.Client, project: Project, audit_rows: Callable[[str], Any]
) -> None:
    assert budget(client, project, "10").json()["data"][0]["status"] is None
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "10.000000000001")])])
    project.run()
    [shown] = client.get(f"/api/projects/{project.id}/budgets").json()["data"]
    status = shown["status"]
    assert (status["spent"], status["projected"]) == ("10.000000000001", "10.000000000001")
    assert (status["state"], status["share"]) == ("exceeded", "1.0000")
    assert budget(client, project, "10.000000000001").json()["data"][0]["status"]["state"] == "ok"
    assert budget(client, project, "10.000000000001").status_code == 200
    gone = client.delete(f"/api/projects/{project.id}/budgets", params={"measure": "unblended", "currency": "USD"})
    assert gone.json()["data"] == []
    assert (
        client.delete(
            f"/api/projects/{project.id}/budgets", params={"measure": "unblended", "currency": "USD"}
        ).status_code
        == 404
    )
    rows = audit_rows(f"{project.id}/unblended/USD")
    assert [row[1] for row in rows] == ["cost-budget.set", "cost-budget.set", "cost-budget.delete"]


def test_budgets_are_replaced_as_they_were_seen(client: httpx.Client, project: Project) -> None:
    path = f"/api/projects/{project.id}/budgets"
    body = {"currency": "USD", "monthlyAmount": "10"}
    unnamed = client.put(path, json=body)
    assert (unnamed.status_code, unnamed.json()["type"]) == (428, "/problems/if-match-missing")
    seen = {"If-Match": client.get(path).headers["etag"]}
    first = client.put(path, json=body, headers=seen)
    assert (first.status_code, first.headers["etag"]) == (200, client.get(path).headers["etag"])
    late = client.put(path, json={**body, "monthlyAmount": "20"}, headers=seen)
    assert (late.status_code, late.json()["type"], late.json()["field"]) == (
        412,
        "/problems/budgets-changed",
        "If-Match",
    )
    assert [row["monthlyAmount"] for row in client.get(path).json()["data"]] == ["10.000000000000"]
    assert client.put(path, json=body, headers={"If-Match": "W/x"}).status_code == 422


def test_an_open_month_is_at_risk_before_it_is_exceeded(client: httpx.Client, project: Project) -> None:
    """Twenty days of 10: the month of 31 days will cost 310 or so."""
    days = [project.line("Usage", "10", day=day, month=OPEN_MONTH) for day in range(1, 21)]
    project.bucket.deliver(OPEN_MONTH, [csv_gz(days)])
    project.run(OPEN_MONTH)
    for amount, state in (("199.99", "exceeded"), ("309.99", "at_risk"), ("310", "ok")):
        status = budget(client, project, amount).json()["data"][0]["status"]
        assert (status["spent"], status["projected"]) == ("200.000000000000", "310.000000000000")
        assert (status["state"], status["monthState"]) == (state, "open")
    japanese = budget(client, project, "1000", currency="JPY").json()["data"][0]
    assert (japanese["currency"], japanese["status"]["spent"]) == ("JPY", "0.000000000000")


@pytest.mark.parametrize(
    "amount", ["0", "0.00", "-1", "1e3", "1,000", "１２", "NaN", "", "1.0000000000001", "9" * 21, 5]
)
def test_amounts_are_written_as_digits(client: httpx.Client, project: Project, amount: Any) -> None:
    answer = budget(client, project, amount)
    assert (answer.status_code, answer.json()["field"]) == (422, "monthlyAmount")


def test_measure_currency_and_project_are_known(client: httpx.Client, project: Project) -> None:
    assert budget(client, project, "1", currency="usd").json()["field"] == "currency"
    assert budget(client, project, "1", measure="free").json()["field"] == "measure"
    nobody = client.put(
        "/api/projects/nobody/budgets", json={"currency": "USD", "monthlyAmount": "1"}, headers=WHATEVER
    )
    assert nobody.status_code == 404
    assert client.get(f"/api/projects/{project.id}/budgets", params={"month": "2019-01"}).status_code == 404
