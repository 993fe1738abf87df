"""The bundled month, computed twice: by the platform, and here by Python's csv and Decimal alone."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import polars as pl
import pytest

from batch_platform.finops.demo import DATA
from batch_platform.finops.model import MEASURES, MonthState
from batch_platform.finops.summary import totals
from batch_platform_tests.finops.conftest import Project, SteppingClock

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
TOTAL = Decimal("1894.177396866720")
PAYER = "100000000000"
MANIFEST = "cur/acme/cur/20261001-20261101/cur-Manifest.json"

MONEY_CELLS = (
    "lineItem/BlendedCost",
    "lineItem/UnblendedCost",
    "pricing/publicOnDemandCost",
    "reservation/AmortizedUpfrontFeeForBillingPeriod",
    "reservation/EffectiveCost",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    "reservation/UnusedRecurringFee",
    "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod",
    "savingsPlan/SavingsPlanEffectiveCost",
    "savingsPlan/TotalCommitmentToDate",
    "savingsPlan/UsedCommitment",
)


@pytest.fixture
def bundled(make_project: Callable[..., Project], clock: SteppingClock) -> Project:
    """The demo's files as they lie in its bucket, but of a payer no other test has: October twice, and November."""
    clock.now = datetime(2026, 11, 10, tzinfo=UTC)
    project = make_project()
    for path in sorted(DATA.glob("cur/**/*.*"), key=lambda path: path.suffix == ".json"):
        body = path.read_bytes()
        if path.suffix == ".gz":
            text = gzip.decompress(body).replace(PAYER.encode(), project.payer.encode())
            body = gzip.compress(text, 1, mtime=0)
        project.bucket.put(path.relative_to(DATA).as_posix(), body)
    return project


def delivered_rows(manifest: Path) -> list[dict[str, str]]:
    """The rows of every file a manifest lists, by the standard library."""
    rows: list[dict[str, str]] = []
    for key in json.loads(manifest.read_bytes())["reportKeys"]:
        with gzip.open(DATA / key, "rt", encoding="utf-8-sig", newline="") as text:
            rows += csv.DictReader(text)
    return rows


def number(row: dict[str, str], column: str) -> Decimal:
    """A cell at twelve decimals; blank is zero."""
    return Decimal(row.get(column) or "0").quantize(Decimal("1e-12"), ROUND_HALF_EVEN)


def by_hand(row: dict[str, str]) -> dict[str, Decimal]:
    """Every measure of a row of the kinds that are in the bundled month, from the table in the CUR user guide."""
    kind, zero = row["lineItem/LineItemType"], Decimal(0)
    convertible = row["pricing/publicOnDemandCost"] == "convertible"  # a word in a price of convertible reservations
    unblended = number(row, "lineItem/UnblendedCost")
    amortized, true_up, upfront = unblended, zero, zero
    if kind == "DiscountedUsage":
        amortized = number(row, "reservation/EffectiveCost")
    elif kind == "SavingsPlanCoveredUsage":
        amortized = number(row, "savingsPlan/SavingsPlanEffectiveCost")
    elif kind == "SavingsPlanNegation":
        amortized = zero
    elif kind == "SavingsPlanRecurringFee":
        amortized = number(row, "savingsPlan/TotalCommitmentToDate") - number(row, "savingsPlan/UsedCommitment")
        true_up = -number(row, "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod")
    elif kind == "SavingsPlanUpfrontFee":
        amortized, upfront = zero, unblended
    else:
        assert kind == "Usage"
    return {
        "unblended": unblended,
        "blended": number(row, "lineItem/BlendedCost"),
        "amortized": amortized,
        "net_unblended": unblended,
        "net_amortized": amortized,
        "billed": unblended,
        "list_cost": zero
        if kind == "SavingsPlanNegation" or convertible
        else number(row, "pricing/publicOnDemandCost"),
        "true_up": true_up,
        "upfront": upfront,
    }


def test_an_independent_pass_agrees_on_every_measure(bundled: Project) -> None:
    rows = delivered_rows(DATA / MANIFEST)
    outcome = bundled.run(OCTOBER)
    assert outcome.published is not None
    assert outcome.published.row_count == len(rows)
    expected = {measure: sum((by_hand(row)[measure] for row in rows), Decimal(0)) for measure in MEASURES}
    assert totals(outcome.costs) == {"USD": expected}
    assert expected["unblended"] == TOTAL
    days = Counter(row["lineItem/UsageStartDate"][:10] for row in rows)
    by_day = outcome.costs.group_by("usage_date").agg(pl.col("usage_rows").sum())
    assert {str(day): count for day, count in by_day.rows()} == days


def test_the_stored_rows_are_the_published_ones(bundled: Project) -> None:
    outcome = bundled.run(OCTOBER)
    with bundled.context.store.transaction() as session:
        assert session.costs(bundled.id, OCTOBER, OCTOBER).equals(outcome.costs)


def test_the_estimated_assembly_and_the_final_one_are_never_added(bundled: Project) -> None:
    final = bundled.bucket.s3.get_object(Bucket=bundled.bucket.name, Key=MANIFEST)["Body"].read()
    assemblies = {path.parent.name: path for path in (DATA / MANIFEST).parent.glob("*/cur-Manifest.json")}
    current = json.loads(final)["assemblyId"]
    [estimated] = [path for name, path in assemblies.items() if name != current]
    bundled.bucket.put(MANIFEST, estimated.read_bytes())
    first = bundled.run(OCTOBER)
    assert first.published is not None
    assert totals(first.costs)["USD"]["unblended"] == sum(
        number(row, "lineItem/UnblendedCost") for row in delivered_rows(estimated)
    )
    assert first.published.state is MonthState.CLOSING  # without invoices
    bundled.bucket.put(MANIFEST, final)
    second = bundled.run(OCTOBER)
    assert second.published is not None
    assert totals(second.costs)["USD"]["unblended"] == TOTAL
    assert second.published.state is MonthState.FINAL
    with bundled.context.store.transaction() as session:
        assert session.costs(bundled.id, OCTOBER, OCTOBER)["unblended"].sum() == TOTAL


def test_november_is_a_header(bundled: Project) -> None:
    outcome = bundled.run(NOVEMBER)
    assert outcome.published is not None
    assert (outcome.published.row_count, outcome.published.file_count, outcome.costs.height) == (0, 1, 0)
    assert [file["status"] for file in bundled.files(NOVEMBER)] == ["DONE"]


def test_its_natural_dirt_is_counted_by_column(bundled: Project) -> None:
    bundled.run(OCTOBER)
    counted: Counter[str] = Counter()
    for file in bundled.files(OCTOBER):
        counted.update(file["stats"]["failed_cells"])
    rows = delivered_rows(DATA / MANIFEST)
    expected = Counter(column for row in rows for column in MONEY_CELLS if row.get(column) in ("None", "convertible"))
    assert counted == expected
    assert counted.total() > 0


def test_only_the_accounts_of_the_scope_count(bundled: Project) -> None:
    rows = delivered_rows(DATA / MANIFEST)
    account = min({row["lineItem/UsageAccountId"] for row in rows} - {PAYER})
    bundled.reconnect(account_scope=(account,))
    outcome = bundled.run(OCTOBER)
    mine = [row for row in rows if row["lineItem/UsageAccountId"] == account]
    assert 0 < len(mine) < len(rows)
    assert totals(outcome.costs)["USD"]["unblended"] == sum(number(row, "lineItem/UnblendedCost") for row in mine)
    assert outcome.costs["usage_rows"].sum() == len(mine)
