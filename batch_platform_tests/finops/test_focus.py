"""The FOCUS 1.2 export: what the source has is there, the specification's rules hold, the sums are the summary's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.finops import focus, service
from batch_platform.finops.model import Format
from batch_platform.finops.service import CostReader, cost_query, focus_file
from batch_platform.finops.service_categories import CATEGORIES
from batch_platform_tests.finops.bucket import MONTH, as_cur2, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.test_lake_costs import context, older

__all__ = ["context"]

# FOCUS 1.2, "Service Category", allowed values
SERVICE_CATEGORIES = (
    *("AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools"),
    *("Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media"),
    *("Migration", "Mobile", "Networking", "Security", "Storage", "Web", "Other"),
)
# its columns of feature level Mandatory; the second line may be null
MANDATORY = (
    *(
        "BilledCost",
        "BillingAccountId",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargeCategory",
    ),
    *("ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost"),
    *("ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
)
NULLABLE = ("BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit")

PLAN = "arn:aws:savingsplans::1:savingsplan/1"
RI = "arn:aws:ec2:ap-northeast-1:1:reserved-instances/1"
PLAN_REFUND = "Refund for one-time fee for Savings Plan ID: 7f1d"


def export(project: Project, kind: focus.Kind = "parquet", **query: Any) -> bytes:
    asked = cost_query(project.id, **({"month": MONTH} if "start" not in query else {}), **query)
    found = focus_file(project.context, CostReader(project.context.store), asked, kind)
    with found.file as file:
        body = file.read()
    assert found.size == len(body)
    return body


def rows(project: Project, **query: Any) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(export(project, **query)))


def used(project: Project, kind: str, cost: str, text: str, **more: str) -> dict[str, str]:
    """A line item of a machine, told by short names or the columns' own."""
    names = {
        "amount": "lineItem/UsageAmount",
        "unit": "pricing/unit",
        "term": "pricing/term",
        "resource": "lineItem/ResourceId",
        "usage": "lineItem/UsageType",
        "list": "pricing/publicOnDemandCost",
        "service": "product/servicecode",
        "reservation": "reservation/ReservationARN",
        "plan": "savingsPlan/SavingsPlanARN",
    }
    told = {names.get(name, name): value for name, value in more.items()}
    return project.line(kind, cost, {"lineItem/LineItemDescription": text, **told})


HOURS = {"amount": "2", "unit": "Hrs"}


def month_of_every_kind(project: Project) -> list[dict[str, str]]:
    spread = {"reservation/AmortizedUpfrontFeeForBillingPeriod": "0"}
    return [
        used(
            project, "Usage", "3", "on demand", **HOURS, resource="i-1", usage="BoxUsage", list="3", term="OnDemand"
        ),
        used(project, "Usage", "1", "spot", **HOURS, resource="i-2", usage="SpotUsage", list="3"),
        used(project, "Usage", "4", "stored", amount="10", unit="GB-Mo", service="AmazonS3"),
        used(project, "Usage", "0.5", "no unit", amount="10", service="SomethingNew"),
        used(
            project,
            "DiscountedUsage",
            "0",
            "reserved",
            **HOURS,
            resource="i-3",
            list="5",
            reservation=RI,
            **{"reservation/EffectiveCost": "2.5"},
        ),
        used(
            project,
            "RIFee",
            "4",
            "reservation of the month",
            amount="720",
            unit="Hrs",
            reservation=RI,
            **{
                **spread,
                "reservation/UnusedRecurringFee": "1.5",
                "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "0",
            },
        ),
        used(
            project,
            "SavingsPlanCoveredUsage",
            "8",
            "covered",
            **HOURS,
            resource="i-4",
            list="8",
            plan=PLAN,
            **{"savingsPlan/SavingsPlanEffectiveCost": "5"},
        ),
        used(project, "SavingsPlanNegation", "-8", "negation", **HOURS, plan=PLAN),
        used(
            project,
            "SavingsPlanRecurringFee",
            "6",
            "plan of the month",
            plan=PLAN,
            **{
                "savingsPlan/TotalCommitmentToDate": "6",
                "savingsPlan/UsedCommitment": "5",
                "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": "0",
            },
        ),
        used(project, "Fee", "100", "support", amount="1", unit="Quantity", service="AWSSupportBusiness"),
        used(project, "Tax", "1.1", "tax", amount="1", unit="Quantity"),
        used(project, "Credit", "-0.5", "credit", amount="1", unit="Hrs"),
        used(project, "Refund", "-0.25", "refund"),
        used(project, "Refund", "-9", PLAN_REFUND),
        used(project, "EdpDiscount", "-0.01", "discount"),
        used(project, "Novelty", "0.3", "of an unknown type"),
        used(project, "Usage", "99", "split", **{"splitLineItem/ParentResourceId": "i-1"}),
    ]


# description and whether it is the unused part of a commitment -> the columns of `TOLD`
TOLD = (
    *(
        "ChargeCategory",
        "ChargeClass",
        "ChargeFrequency",
        "PricingCategory",
        "CommitmentDiscountStatus",
        "ResourceId",
    ),
    *("PricingQuantity", "PricingUnit", "BilledCost", "ContractedCost", "EffectiveCost", "ListCost"),
)
EXPECTED: dict[tuple[str, bool], tuple[Any, ...]] = {
    ("on demand", False): ("Usage", None, "Usage-Based", "Standard", None, "i-1", 2, "Hours", 3, 3, 3, 3),
    ("spot", False): ("Usage", None, "Usage-Based", "Dynamic", None, "i-2", 2, "Hours", 1, 1, 1, 3),
    ("stored", False): ("Usage", None, "Usage-Based", "Standard", None, None, 10, "GB-Months", 4, 4, 4, 0),
    ("no unit", False): ("Usage", None, "Usage-Based", "Standard", None, None, None, None, "0.5", "0.5", "0.5", 0),
    ("reserved", False): ("Usage", None, "Usage-Based", "Committed", "Used", "i-3", 2, "Hours", 0, 5, "2.5", 5),
    ("reservation of the month", False): (
        *("Purchase", None, "Recurring", "Standard", None, RI),
        *(720, "Hours", 4, 4, 0, 0),
    ),
    ("reservation of the month", True): (
        *("Usage", None, "Usage-Based", "Committed", "Unused", RI),
        *(None, None, 0, 0, "1.5", 0),
    ),
    # what the plan covers is not billed: the negation that takes it off again is in the same row
    ("covered", False): ("Usage", None, "Usage-Based", "Committed", "Used", "i-4", 2, "Hours", 0, 8, 5, 8),
    ("plan of the month", False): ("Purchase", None, "Recurring", "Standard", None, PLAN, None, None, 6, 6, 0, 0),
    ("plan of the month", True): ("Usage", None, "Usage-Based", "Committed", "Unused", PLAN, None, None, 0, 0, 1, 0),
    ("support", False): ("Purchase", None, "One-Time", "Standard", None, None, 1, "Quantity", 100, 100, 100, 0),
    ("tax", False): ("Tax", None, "One-Time", None, None, None, None, None, "1.1", "1.1", "1.1", 0),
    ("credit", False): ("Credit", None, "One-Time", None, None, None, None, None, "-0.5", "-0.5", "-0.5", 0),
    ("refund", False): (
        *("Adjustment", "Correction", "One-Time", None, None, None),
        *(None, None, "-0.25", "-0.25", "-0.25", 0),
    ),
    (PLAN_REFUND, False): ("Purchase", "Correction", "One-Time", None, None, None, None, None, -9, -9, 0, 0),
    ("of an unknown type", False): (
        *("Adjustment", None, "One-Time", None, None, None),
        *(None, None, "0.3", "0.3", "0.3", 0),
    ),
    ("discount", False): ("Adjustment", None, "One-Time", None, None, None, None, None, "-0.01", "-0.01", "-0.01", 0),
}


def test_every_kind_of_charge(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz(month_of_every_kind(project))])
    project.run()
    found = {
        (row["ChargeDescription"], row["CommitmentDiscountStatus"] == "Unused"): tuple(row[name] for name in TOLD)
        for row in rows(project).iter_rows(named=True)
    }
    assert found.keys() == EXPECTED.keys()
    for what, told in EXPECTED.items():
        amounts = tuple(None if amount is None else Decimal(amount) for amount in (told[6], *told[8:]))
        assert found[what] == (*told[:6], amounts[0], told[7], *amounts[1:]), what
    keep_the_rules(rows(project), missing={"no unit": "PricingQuantity"})
    add_up(project)


def keep_the_rules(found: pl.DataFrame, missing: Mapping[str, str] = {}) -> None:
    """What FOCUS 1.2 asks of its mandatory columns; `missing`: what the source of some rows has not."""
    assert {*MANDATORY, *NULLABLE} <= {*found.columns}
    assert found.columns == sorted(found.columns)
    assert found.select(MANDATORY).null_count().sum_horizontal().item() == 0
    assert set(found["ServiceCategory"]) <= {*SERVICE_CATEGORIES}
    assert set(found["ChargeCategory"]) <= {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}
    assert set(found["ChargeClass"]) <= {"Correction", None}
    for row in found.iter_rows(named=True):
        category, what = row["ChargeCategory"], row["ChargeDescription"]
        assert (row["PricingQuantity"] is None) == (row["PricingUnit"] is None)
        assert not (category == "Tax" and row["PricingQuantity"] is not None)
        priced = category in ("Usage", "Purchase") and row["ChargeClass"] is None
        # the unused part of a commitment has no amount in CUR, and neither has a plan's fee here
        if priced and row["CommitmentDiscountId"] is None and what not in missing:
            assert row["PricingQuantity"] is not None, what
        assert (row["PricingCategory"] is not None) == priced
        assert not (category == "Purchase" and row["ChargeFrequency"] == "Usage-Based")
        if category == "Purchase" and row["CommitmentDiscountId"] is not None:
            assert row["EffectiveCost"] == 0
        if category not in ("Usage", "Purchase"):
            assert row["EffectiveCost"] == row["BilledCost"] == row["ContractedCost"]
        commitment = [row[f"CommitmentDiscount{name}"] is not None for name in ("Id", "Category", "Type")]
        assert len({*commitment}) == 1
        assert (row["CommitmentDiscountStatus"] is not None) == (commitment[0] and category == "Usage")
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]


def add_up(project: Project, **query: Any) -> None:
    """The three costs are the summary's, by day, account, service and region."""
    _, summary = service.month_costs(project.context, project.id, MONTH)
    keys = {
        "ChargePeriodStart": pl.col("usage_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        **{name: pl.col(column).replace("", None) for name, column in OF_SUMMARY.items()},
    }
    expected = (
        summary.select(**keys, BilledCost="billed", EffectiveCost="amortized", ListCost="list_cost")
        .group_by(*keys)
        .agg(pl.all().sum())
    )
    costs = ("BilledCost", "EffectiveCost", "ListCost")
    found = rows(project, **query).group_by(*keys).agg(pl.col(costs).sum())
    assert found.sort(pl.all()).equals(expected.select(found.columns).sort(pl.all()))


OF_SUMMARY = {
    "BillingAccountId": "payer_account_id",
    "SubAccountId": "usage_account_id",
    "BillingCurrency": "currency",
    "ServiceName": "service",
    "RegionId": "region",
}


def test_a_negation_of_another_place_keeps_its_row(project: Project) -> None:
    covered = {"plan": PLAN, "savingsPlan/SavingsPlanEffectiveCost": "5", **HOURS}
    fee = {"savingsPlan/TotalCommitmentToDate": "10", "savingsPlan/UsedCommitment": "10"}
    spread = {"savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": "0"}
    delivered = [
        used(project, "SavingsPlanCoveredUsage", "8", "covered", **covered),
        used(project, "SavingsPlanNegation", "-8", "negation", **HOURS, plan=PLAN, **{"product/regionCode": "eu-1"}),
        used(project, "SavingsPlanCoveredUsage", "1", "database", **covered, service="AmazonRDS"),
        used(project, "SavingsPlanNegation", "-1", "taken off", **HOURS, plan=PLAN, service="AmazonRDS"),
        used(project, "SavingsPlanRecurringFee", "10", "fee", plan=PLAN, **fee, **spread),
    ]
    project.bucket.deliver(MONTH, [csv_gz(delivered)])
    project.run()
    found = {row["ChargeDescription"]: row for row in rows(project).iter_rows(named=True)}
    assert {text: row["BilledCost"] for text, row in found.items()} == {
        "covered": 8,
        "negation": -8,
        "database": 0,
        "fee": 10,
    }
    # amount and price stand in the row of the usage alone
    assert (found["negation"]["PricingQuantity"], found["negation"]["ContractedCost"]) == (None, 0)
    assert found["database"]["ContractedCost"] == 1
    add_up(project)


def test_line_items_of_a_day_are_one_row_where_they_agree(project: Project) -> None:
    hours = [used(project, "Usage", "0.1", "an hour", amount=amount, unit="Hrs", resource="i-1") for amount in "123"]
    other = used(project, "Usage", "0.1", "an hour", amount="4", unit="Hrs", resource="i-2")
    untold = [used(project, "Usage", "0.1", "untold", amount=amount, unit="Hrs") for amount in ("1", "")]
    project.bucket.deliver(MONTH, [csv_gz(hours), csv_gz([other, *untold])])
    project.run()
    found = rows(project).select("ChargeDescription", "ResourceId", "BilledCost", "PricingQuantity", "PricingUnit")
    assert sorted(found.rows(), key=str) == [
        ("an hour", "i-1", Decimal("0.3"), Decimal(6), "Hours"),
        ("an hour", "i-2", Decimal("0.1"), Decimal(4), "Hours"),
        ("untold", None, Decimal("0.2"), None, None),
    ]


def test_who_bills_and_who_made_it(make_project: Callable[..., Project]) -> None:
    project = make_project(Format.CUR2)
    names = {
        "bill_payer_account_name": "Acme Holding",
        "bill_invoicing_entity": "Amazon Web Services Japan G.K.",
        "line_item_legal_entity": "Red Hat",
    }
    project.bucket.export(MONTH, [csv_gz([as_cur2(project.line()) | names, as_cur2(project.line(cost="2"))])])
    project.run()
    found = rows(project).sort("BilledCost")
    assert found.select("BillingAccountName", "InvoiceIssuerName", "PublisherName", "ProviderName").rows() == [
        ("Acme Holding", "Amazon Web Services Japan G.K.", "Red Hat", "AWS"),
        (None, "AWS", "AWS", "AWS"),
    ]


SOURCE = {
    "BillingAccountName": "Acme Holding",
    "ChargeDescription": "an hour",
    "ContractedCost": "0.9",
    "InvoiceIssuerName": "Amazon Web Services Japan G.K.",
    "PricingCategory": "Standard",
    "PricingQuantity": "1.25",
    "PricingUnit": "Hours",
    "PublisherName": "Red Hat",
    "ResourceId": "i-1",
    "ServiceCategory": "Compute",
}


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_focus_passes_through_what_its_source_has(make_project: Callable[..., Project], version: str) -> None:
    project = make_project(Format.FOCUS)
    unused = {"CommitmentDiscountId": PLAN, "CommitmentDiscountStatus": "Unused"}
    bought = {"CommitmentDiscountId": PLAN, "ChargeFrequency": "One-Time", "ListCost": "100"}
    delivered = [
        project.focus("Usage", "1", None, SOURCE, version=version),
        project.focus("Usage", "0", "3", unused, version=version),
        project.focus("Purchase", "100", "0", bought, version=version),
        project.focus("Tax", "0.1", None, {"ChargeClass": "Correction"}, version=version),
        project.focus("Adjustment", "-2", None, {"ContractedCost": "-2"}, version=version),
    ]
    project.bucket.export(MONTH, [csv_gz(delivered)])
    project.run()
    found = {row["BilledCost"]: row for row in rows(project).iter_rows(named=True)}
    numbers = {name: Decimal(SOURCE[name]) for name in ("ContractedCost", "PricingQuantity")}
    assert {name: found[1][name] for name in SOURCE} == SOURCE | numbers
    assert found[1]["InvoiceId"] == ("777" if version == "1.2" else None)
    told = ("ChargeCategory", "ChargeClass", "ChargeFrequency", "CommitmentDiscountStatus", "EffectiveCost")
    assert [tuple(found[Decimal(billed)][name] for name in told) for billed in ("0", "100", "0.1", "-2")] == [
        ("Usage", None, "Usage-Based", "Unused", 3),
        ("Purchase", None, "One-Time", None, 0),
        ("Tax", "Correction", "One-Time", None, Decimal("0.1")),
        ("Adjustment", None, "One-Time", None, -2),
    ]
    # where it tells none: without negotiated discounts it is the list cost, and an unknown service is Other
    assert (found[Decimal("0.1")]["ContractedCost"], found[Decimal("0.1")]["ServiceCategory"]) == (
        Decimal("0.1"),
        "Other",
    )
    add_up(project)


def test_csv_and_parquet_hold_the_same(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz(month_of_every_kind(project))])
    project.run()
    as_csv = list(csv.DictReader(io.StringIO(export(project, "csv").decode())))
    as_parquet = rows(project)
    assert dict(as_parquet.schema) == {
        name: pl.Datetime("us", "UTC") if isinstance(dtype, pl.Datetime) else dtype
        for name, dtype in focus.SCHEMA.items()
    }
    text = as_parquet.with_columns(
        pl.col(pl.Decimal).cast(pl.String), pl.col(pl.Datetime).dt.to_string("%Y-%m-%dT%H:%M:%SZ")
    ).fill_null("")
    assert as_csv == text.to_dicts()
    assert (as_csv[0]["BillingPeriodStart"], as_csv[0]["BillingPeriodEnd"]) == (
        "2024-10-01T00:00:00Z",
        "2024-11-01T00:00:00Z",
    )
    assert export(project, "csv") == export(project, "csv")


def test_text_of_the_csv_is_safe_in_a_spreadsheet(project: Project) -> None:
    formula = '=HYPERLINK("http://x")'
    more = {"lineItem/LineItemDescription": formula, "lineItem/ResourceId": "@i", "product/servicecode": "+s"}
    project.bucket.deliver(MONTH, [csv_gz([project.line("Credit", "-1", more)])])
    project.run()
    [row] = csv.DictReader(io.StringIO(export(project, "csv").decode()))
    assert (row["ChargeDescription"], row["ResourceId"], row["ServiceName"]) == (f"'{formula}", "'@i", "'+s")
    assert row["BilledCost"] == "-1.000000000000"
    assert rows(project)["ChargeDescription"].to_list() == [formula]


def test_days_filters_and_accounts(make_project: Callable[..., Project]) -> None:
    project = make_project(account_scope=("111111111111",))
    before = date(2024, 9, 1)
    tag = "resourceTags/user:team"

    def of(cost: str, team: str, month: date, day: int, account: str = "111111111111") -> dict[str, str]:
        return project.line(cost=cost, more={tag: team}, month=month, day=day, account=account)

    project.bucket.deliver(before, [csv_gz([of("1", "web", before, 29), of("2", "db", before, 30)])])
    late = [of("4", "web", MONTH, 1), of("8", "web", MONTH, 2), of("99", "web", MONTH, 1, "222222222222")]
    project.bucket.deliver(MONTH, [csv_gz(late)])
    project.run(before)
    project.run()

    def billed(**query: Any) -> list[Decimal]:
        return rows(project, **query)["BilledCost"].to_list()

    days: dict[str, Any] = {"start": date(2024, 9, 30), "end": date(2024, 10, 1)}
    assert billed() == [4, 8]
    assert billed(**days) == [2, 4]
    assert billed(**days, filters=["tag:team=web"]) == [4]
    assert billed(filters=["charge_class=tax"]) == []
    found = rows(project, **days)["BillingPeriodStart"].to_list()
    assert found == [datetime(2024, 9, 1, tzinfo=UTC), datetime(2024, 10, 1, tzinfo=UTC)]
    with pytest.raises(InvalidInput, match="no tag 'nobody'"):
        export(project, filters=["tag:nobody=x"])


def test_an_empty_month_is_a_header(project: Project) -> None:
    header = [*project.line()]
    project.bucket.deliver(MONTH, [csv_gz([], header)])
    project.run()
    assert export(project, "csv").decode() == ",".join(focus.SCHEMA) + "\n"
    assert rows(project).height == 0


def test_line_items_read_before_focus_was_filled(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.run()
    older(project, without=["publisher"])  # of the younger ones, what it had
    assert rows(project).select("InvoiceIssuerName", "PublisherName").row(0) == ("AWS", "AWS")
    older(project, without=["pricing_unit"])
    with pytest.raises(Conflict, match=f"before pricing_unit was kept.*requeue {project.id} --month 2024-10 --all"):
        export(project)


@pytest.mark.parametrize(
    ("service_name", "category"),
    [("AmazonEC2", "Compute"), ("AmazonS3", "Storage"), ("awskms", "Identity"), ("A product", "Other")],
)
def test_services_have_a_category(service_name: str, category: str) -> None:
    assert CATEGORIES.get(service_name, "Other") == category
    assert set(CATEGORIES.values()) <= {*SERVICE_CATEGORIES}
