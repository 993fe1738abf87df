"""Random files of facts: what is billed and due once they are loaded, by the oracle; its checker reads the paper."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from random import Random
from typing import Any

import pytest
from pypdf import PdfReader

from batch_platform.settings import Settings
from batch_platform.staffing import ids
from batch_platform.staffing.instants import instant_text
from batch_platform.staffing.proving import oracle, worlds
from batch_platform.staffing.proving.oracle.checker import Terms, missing_in_text, missing_in_xml, wrong_sums
from batch_platform.staffing.recurrence import Action
from batch_platform.staffing.service import StaffingContext, approaches, loading, usage
from batch_platform.staffing.service.invoices import monthly, reading
from batch_platform_tests.staffing.holidays import national_holidays

AFTER = datetime(2027, 1, 10, tzinfo=UTC)
SAID = ("subtotal", "tax", "total", "per_rate")


@pytest.mark.parametrize("seed", [0, 5])
def test_a_random_file_is_billed_as_the_oracle_says(
    emptied: StaffingContext, provisioned: Settings, seed: int
) -> None:
    random = Random(seed)
    made = worlds.world(random, worlds.Size(months=3, period="2026-10"))
    context, world = replace(emptied, clock=lambda: AFTER), oracle.read(made.lines)
    added = loading.load(context, [line.encode() for line in made.lines]).added
    assert added == {kind: len(lines) for kind, lines in world.lines.items()}
    expected = oracle.billed(world, made.months, national_holidays())
    assert billed(context, made.months) == documents(expected)
    # the usage that invoices waited for: they take the numbers that follow
    for day in made.aggregated:
        usage.aggregate(context, day)
    expected = oracle.billed(world, made.months, national_holidays(), made.aggregated, earlier=expected)
    assert billed(context, made.months) == documents(expected)
    for month in made.months:
        for row in listed(context, month):
            assert wrong(context, world, row) == []


def test_what_is_due_of_random_approaches_is_decided_as_the_oracle_says(emptied: StaffingContext) -> None:
    made = worlds.world(Random(2), worlds.Size(approaches=15))
    world, done = oracle.read(made.lines), defaultdict[ids.Id, set[datetime]](set)
    loading.load(emptied, [line.encode() for line in made.lines])
    for now in (datetime(2026, 9, 10, 0, 59, tzinfo=UTC), datetime(2026, 9, 14, tzinfo=UTC), AFTER):
        context = replace(emptied, clock=lambda now=now: now)
        expected = oracle.approaches_due(world, now, done)
        due = approaches.due(context, now)
        rows = [vars(one) | {"scheduled_for": instant_text(one.scheduled_for)} for one in due]
        assert rows == expected
        skipped = [(one.approach_id, one.scheduled_for) for one in due if one.action is Action.SKIP]
        decided = approaches.decide(context)
        assert sorted(
            (str(one.approach_id), one.scheduled_for) for one in decided if one.state == "skipped"
        ) == sorted((str(approach), at) for approach, at in skipped)
        assert approaches.due(context, now) == []
        for one in due:
            done[one.approach_id].add(one.scheduled_for)
    assert skipped


def billed(context: StaffingContext, months: tuple[str, ...]) -> dict[str, dict[ids.Id, Any]]:
    """What is issued of each month once all were run, by contract."""
    for month in months:
        monthly.run(context, date.fromisoformat(f"{month}-01"), by="system")
    return {
        month: {
            ids.decode(row["contract_id"]): {
                "invoice_number": row["number"],
                **{name: row[name].isoformat() for name in ("issue_date", "due_date")},
                **{name: row[name] for name in SAID},
            }
            for row in listed(context, month)
        }
        for month in months
    }


def listed(context: StaffingContext, month: str) -> list[dict[str, Any]]:
    return reading.invoices(context, reading.Search(month=date.fromisoformat(f"{month}-01")), limit=500)[0]


def documents(expected: dict[str, dict[ids.Id, Any]]) -> dict[str, dict[ids.Id, Any]]:
    names = ("invoice_number", "issue_date", "due_date", *SAID)
    return {
        month: {id_: {name: said[name] for name in names} for id_, said in answers.items() if said["document"]}
        for month, answers in expected.items()
    }


def wrong(context: StaffingContext, world: oracle.World, row: dict[str, Any]) -> list[str]:
    """What the checker misses in an issued invoice's stored original."""
    [contract] = [line for line in world.of("contract") if line["contract_id"] == ids.decode(row["contract_id"])]
    [company] = [line for line in world.of("company") if line["company_id"] == contract["company_id"]]
    issuer = oracle.issuer_of(world, contract)
    terms = Terms(
        issuer["name"],
        issuer["registration_number"],
        company["name"],
        f"{row['month']:%Y-%m}",
        issuer["tax_rounding"],
        price_type=contract.get("price_type", "net"),
    )
    said = row | {"invoice_number": row["number"], "issue_date": row["issue_date"].isoformat()}
    reader = PdfReader(BytesIO(reading.original(context, str(row["id"]))))
    text = "\n".join(page.extract_text() for page in reader.pages)
    [[xml]] = reader.attachments.values()
    return wrong_sums(said, terms) + missing_in_text(said, text, terms) + missing_in_xml(said, xml, terms)
