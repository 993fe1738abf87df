"""Several at once: numbers without gaps, in the order of companies and contracts, nobody billed or mailed twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from batch_platform.core.failures import Conflict
from batch_platform.staffing import ids
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import issuing, monthly, reading, voiding
from batch_platform.staffing.service.invoices.verifying import verify
from batch_platform_tests.staffing.billing import ISSUER, SEPTEMBER, company, contract, mails, run, used
from batch_platform_tests.staffing.facts import load, rows

OCTOBER = date(2026, 10, 1)
OTHER = {**ISSUER, "registration_number": "T8000012050001", "number_prefix": "B"}


def world(random: Random) -> list[dict[str, Any]]:
    """Contracts of two issuers, whose ids are numbers and texts; one of them cannot be printed."""
    owners = [random.choice((number, f"c{number}")) for number in range(1, 9)]
    facts = [company(owner) for owner in owners] + [company("😀", name="😀")]
    for number, owner in enumerate([*owners, *owners, "😀"]):
        issuer = random.choice((ISSUER, OTHER))["registration_number"]
        facts.append(contract(random.choice((number, str(number))), owner, issuer=issuer, start="2026-09-30"))
    days = [SEPTEMBER + timedelta(days=29), *(OCTOBER + timedelta(days=day) for day in range(31))]
    return facts + [{**used(owner), "date": day.isoformat()} for owner in [*owners, "😀"] for day in days]


@pytest.mark.parametrize("seed", range(2))
def test_runs_at_once_number_as_one_does(
    billing: StaffingContext, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(issuing, "_BATCH", 3)
    random = Random(seed)
    load(billing, OTHER, *world(random))
    months = [SEPTEMBER, OCTOBER, SEPTEMBER, OCTOBER, SEPTEMBER]
    with ThreadPoolExecutor(len(months)) as pool:
        done = list(pool.map(lambda month: monthly.run(billing, month, by="system"), months))
    assert sum(each.issued for each in done) == 32
    for month in (SEPTEMBER, OCTOBER):
        assert {each.what for each in verify(billing, month)} == {"contract 16"}
        issued = reading.invoices(billing, reading.Search(month=month), limit=100)[0]
        order = [(ids.order(row["company_id"]), ids.order(row["contract_id"])) for row in issued]
        assert order == sorted(order)
        for issuer in (ISSUER, OTHER):
            own = [row["number"] for row in issued if row["number"].startswith(str(issuer["number_prefix"]) + "-")]
            assert own == sorted(own)
    assert len(mails(billing)) == 32


def test_of_people_who_agree_at_once_one_voids(billing: StaffingContext) -> None:
    load(billing, company(1), contract(1, 1), used(1))
    run(billing)

    def void(by: str) -> bool | None:
        try:
            return voiding.void(
                billing, "INV-2026-000001", by=by, version=None, reason="wrong", record=lambda *_: None
            ).done
        except Conflict:
            return None

    people = [f"local:{name}" for name in ("ann", "bob", "eve", "kim")]
    with ThreadPoolExecutor(len(people)) as pool:
        done = list(pool.map(void, people))
    assert sorted(done, key=str) == [False, None, None, True]
    assert rows(billing, "SELECT count(*) FROM staffing.invoice_events WHERE state = 'void'") == [(1,)]
