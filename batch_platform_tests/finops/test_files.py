"""What a delivered file may look like: read to the last digit, or refused by name. Through S3 and the registry."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from batch_platform.finops.model import Format
from batch_platform_tests.finops.bucket import MONTH, File, as_cur2, csv_gz, csv_text, csv_zip, parquet
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.delivered import COSTS, gz_member, read_one, rows

TOTAL = Decimal("1.250000100001")

MONEY_AS_DOUBLE = {"line_item_unblended_cost": pl.Float64}


GOOD: dict[str, Callable[[list[dict[str, str]]], File]] = {
    "csv.gz": csv_gz,
    "csv.zip": lambda rows: csv_zip(csv_text(rows)),
    "zip of many members": lambda rows: csv_zip(*(csv_text([row]) for row in rows)),
    "zip of many members, columns in another order": lambda rows: csv_zip(
        csv_text(rows[:2]), csv_text(rows[2:], sorted(rows[0], reverse=True))
    ),
    "zip with a stored member": lambda rows: csv_zip(csv_text(rows), method=zipfile.ZIP_STORED),
    "zip with an empty folder in it": lambda rows: File(_with_folder(csv_text(rows)), "csv.zip"),
    "zip named .gz": lambda rows: File(csv_zip(csv_text(rows)).body, "csv.gz"),
    "gzip named .zip": lambda rows: File(csv_gz(rows).body, "csv.zip"),
    "gzip named .parquet": lambda rows: File(csv_gz(rows).body, "snappy.parquet"),
    "Parquet named .csv.gz": lambda rows: File(parquet(rows).body, "csv.gz"),
    "text without compression": lambda rows: File(csv_text(rows), "csv"),
    "gzip of several members": lambda rows: File(_split(csv_text(rows), 3)),
    "gzip with a member cut inside a row": lambda rows: File(_split(csv_text(rows), 7)),
    "byte order mark": lambda rows: File(gz_member(b"\xef\xbb\xbf" + csv_text(rows))),
    "CRLF line ends": lambda rows: File(gz_member(csv_text(rows).replace(b"\n", b"\r\n"))),
    "no line end at the end": lambda rows: File(gz_member(csv_text(rows).rstrip(b"\n"))),
    "every cell quoted": lambda rows: File(gz_member(_all_quoted(rows))),
}


def _split(text: bytes, parts: int) -> bytes:
    size = len(text) // parts + 1
    return b"".join(gz_member(text[at : at + size]) for at in range(0, len(text), size))


def _with_folder(text: bytes) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cur/", b"")
        archive.writestr("cur/1.csv", text)
    return body.getvalue()


def _all_quoted(rows: list[dict[str, str]]) -> bytes:
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(",".join(f'"{cell}"' for cell in line) + "\n" for line in lines).encode()


@pytest.mark.parametrize("kind", GOOD)
def test_every_container_gives_the_same_rows(project: Project, kind: str) -> None:
    found = read_one(project, GOOD[kind](rows(project)))
    assert found["unblended_cost"].to_list() == [Decimal(cost) for cost in COSTS]
    assert found["unblended_cost"].dtype == pl.Decimal(38, 12)
    assert set(found["usage_account_id"]) == {project.account}
    assert project.publish().costs["unblended"].sum() == TOTAL


def test_a_leading_zero_of_an_account_stays(make_project: Callable[..., Project]) -> None:
    project = make_project()
    project.account = "000000000" + project.account[:3]
    types = {"lineItem/UsageAccountId": pl.String}
    assert set(read_one(project, csv_gz(rows(project)))["usage_account_id"]) == {project.account}
    assert set(read_one(project, parquet(rows(project), types))["usage_account_id"]) == {project.account}


def test_quoted_line_ends_commas_and_quotes(project: Project) -> None:
    note = 'first, "quoted"\nsecond'
    [found] = read_one(project, csv_gz([project.line("Usage", "1", {"resourceTags/user:note": note})])).to_dicts()
    assert found["resourceTags/user:note"] == note
    assert found["unblended_cost"] == 1


def test_a_quoted_header_name_with_a_line_end(project: Project) -> None:
    odd = "resourceTags/user:two\nlines"
    [found] = read_one(project, csv_gz([project.line("Usage", "1", {odd: "x"})])).to_dicts()
    assert found[odd] == "x"


def test_a_quoted_empty_cell_is_blank(project: Project) -> None:
    more = {"reservation/ReservationARN": "", "bill/InvoiceId": "", "reservation/EffectiveCost": ""}
    [found] = read_one(project, File(gz_member(_all_quoted([project.line("Fee", "3", more)])))).to_dicts()
    assert (found["commitment_arn"], found["invoice_id"], found["ri_effective_cost"]) == (None, None, None)
    assert found["failed_cells"] == 0
    assert project.publish().costs["charge_class"].to_list() == ["fee"]


def test_an_empty_text_of_parquet_is_blank(project: Project) -> None:
    frame = pl.DataFrame([project.line("Fee", "3", {"reservation/ReservationARN": "", "bill/InvoiceId": ""})])
    body = io.BytesIO()
    frame.write_parquet(body)
    [found] = read_one(project, File(body.getvalue(), "parquet")).to_dicts()
    assert (found["commitment_arn"], found["invoice_id"]) == (None, None)
    [row] = project.publish().costs.to_dicts()
    assert (row["charge_class"], row["amortized"]) == ("fee", 3)


def test_tags_that_differ_only_by_case_stay_apart(project: Project) -> None:
    tags = {"resourceTags/user:Env": "upper", "resourceTags/user:env": "lower", "resourceTags/user:ENV": "all"}
    files = [
        csv_gz([project.line("Usage", "1", tags)]),
        csv_gz([project.line("Usage", "2", dict(reversed(tags.items())))]),
    ]
    project.bucket.deliver(MONTH, files)
    outcome = project.run()
    for row in project.rows().to_dicts():
        assert {name: row[name] for name in tags} == tags
    assert outcome.costs["unblended"].sum() == 3
    assert outcome.published is not None
    [check] = [check for check in outcome.published.checks if check.name == "tags_distinct"]
    assert not check.passed
    assert "resourceTags/user:ENV / resourceTags/user:Env / resourceTags/user:env" in check.description


@pytest.mark.parametrize("name", ["service", "currency", "unblended_cost", "failed_cells", "Usage_Account_Id"])
def test_an_unknown_column_may_have_a_name_of_ours(project: Project, name: str) -> None:
    found = read_one(project, csv_gz([project.line("Usage", "1.5", {name: "theirs"})]))
    assert "theirs" in {str(cell) for cell in found.row(0)}
    [row] = project.publish().costs.to_dicts()
    assert (row["unblended"], row["service"], row["currency"]) == (Decimal("1.5"), "AmazonEC2", "USD")
    assert row["usage_account_id"] == project.account


def test_a_repeated_column_is_carried_and_does_not_count(project: Project) -> None:
    text = csv_text([project.line("Usage", "1.5")])
    header, row = text.rstrip(b"\n").split(b"\n")
    double = header + b",lineItem/UnblendedCost,newFamily/X,newFamily/X\n" + row + b",99,first,second\n"
    [found] = read_one(project, File(gz_member(double))).to_dicts()
    assert found["unblended_cost"] == Decimal("1.5")
    again = [text for name, text in found.items() if name.startswith("newFamily/X")]
    assert again == ["first", "second"]


def test_column_order_and_set_change_between_the_files_of_a_month(project: Project) -> None:
    wide = project.line("DiscountedUsage", "0", {"reservation/EffectiveCost": "0.5", "newFamily/X": "x"})
    narrow = [project.line("Usage", "2"), project.line("RIFee", "0.5", {"reservation/UnusedRecurringFee": "0"})]
    project.bucket.deliver(MONTH, [csv_gz([wide], sorted(wide)), csv_gz(narrow, sorted(narrow[1], reverse=True))])
    costs = project.run().costs
    assert costs["amortized"].sum() == Decimal("2.5")
    assert project.rows()["newFamily/X"].to_list() == ["x", None, None]


def test_a_header_without_rows_is_a_month_without_cost(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([], list(project.line()))])
    outcome = project.run()
    assert project.statuses() == ["DONE"]
    assert outcome.published is not None
    assert (outcome.published.row_count, outcome.costs.height) == (0, 0)


def test_a_manifest_without_files_is_a_month_without_cost(project: Project) -> None:
    project.bucket.deliver(MONTH, [])
    outcome = project.run()
    assert outcome.published is not None
    assert (outcome.published.file_count, outcome.costs.height) == (0, 0)


# Data Exports


@pytest.mark.parametrize("make", [csv_gz, parquet])
def test_cur2(make_project: Callable[..., Project], make: Callable[[list[dict[str, str]]], File]) -> None:
    project = make_project(Format.CUR2)
    project.bucket.export(MONTH, [make([as_cur2(row) for row in rows(project)])])
    assert project.run().costs["unblended"].sum() == TOTAL
    assert project.files()[0]["stats"]["format"] == "cur2"


@pytest.mark.parametrize("version", ["1.0", "1.2"])
@pytest.mark.parametrize("make", [csv_gz, parquet])
def test_focus(
    make_project: Callable[..., Project], make: Callable[[list[dict[str, str]]], File], version: str
) -> None:
    project = make_project(Format.FOCUS)
    project.bucket.export(MONTH, [make([project.focus("Usage", cost, version=version) for cost in COSTS])])
    outcome = project.run()
    assert outcome.costs["unblended"].sum() == TOTAL
    assert outcome.published is not None
    # without an invoice id a month cannot be known to be final
    assert outcome.published.state == ("final" if version == "1.2" else "closing")


def test_parquet_as_aws_types_it(make_project: Callable[..., Project]) -> None:
    project = make_project(Format.CUR2)
    times = {
        "line_item_usage_start_date": pl.Datetime("ms", "UTC"),
        "bill_billing_period_start_date": pl.Datetime("ns"),
    }
    costs = ["0.1", "0.30000000000000004", "845116936.9904683", "-584292.1815782410", "1e-7"]
    delivered = [as_cur2(project.line("Usage", cost)) for cost in costs]
    frame = pl.read_parquet(io.BytesIO(parquet(delivered, {**times, **MONEY_AS_DOUBLE}).body))
    entry = pl.Struct({"key": pl.String, "value": pl.String})
    product = pl.Series("product", [[{"key": "product_name", "value": "Thing"}]] * len(costs), dtype=pl.List(entry))
    body = io.BytesIO()
    frame.with_columns(product).write_parquet(body)
    project.bucket.export(MONTH, [File(body.getvalue(), "snappy.parquet")])
    project.run()
    assert project.rows()["unblended_cost"].to_list() == [
        Decimal(text) for text in ("0.1", "0.3", "845116936.9904683", "-584292.181578241", "0.0000001")
    ]
    assert set(project.rows()["usage_date"]) == {datetime(2024, 10, 5, tzinfo=UTC).date()}


def test_auto_finds_an_export(make_project: Callable[..., Project]) -> None:
    project = make_project(Format.AUTO)
    project.bucket.export(MONTH, [csv_gz([as_cur2(row) for row in rows(project)])])
    assert project.run().costs["unblended"].sum() == TOTAL


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_product_map_names_marketplace_products(make_project: Callable[..., Project], kind: str) -> None:
    project = make_project(Format.CUR2)
    row = as_cur2(project.line("Usage", "1", {"bill/BillingEntity": "AWS Marketplace"}))
    names = {"product_name": 'A "quoted" product', "vendor": "x"}
    if kind == "csv":
        file = csv_gz([{**row, "product": json.dumps(names)}])
    else:
        pairs = [{"key": key, "value": value} for key, value in names.items()]
        frame = pl.DataFrame([{**row, "product": pairs}])
        body = io.BytesIO()
        frame.write_parquet(body)
        file = File(body.getvalue(), "snappy.parquet")
    project.bucket.export(MONTH, [file])
    assert project.run().costs["service"].to_list() == ['A "quoted" product']


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", "null", '{"product_name": ""}'])
def test_a_product_map_without_a_name_falls_back(make_project: Callable[..., Project], text: str) -> None:
    project = make_project(Format.CUR2)
    row = as_cur2(project.line("Usage", "1", {"bill/BillingEntity": "AWS Marketplace"}))
    project.bucket.export(MONTH, [csv_gz([{**row, "product": text}])])
    assert project.run().costs["service"].to_list() == ["AmazonEC2"]


# what the lake keeps beside the costs

WHAT_FOR = {
    "lineItem/ResourceId": "arn:aws:ec2:ap-northeast-1:1:instance/i-0abc",
    "lineItem/UsageType": "APN1-BoxUsage:m5.large",
    "lineItem/Operation": "RunInstances",
    "lineItem/LineItemDescription": "$0.124 per On Demand Linux m5.large, hour",
    "pricing/unit": "Hrs",
    "pricing/term": "OnDemand",
}
KEPT = ["resource_id", "usage_type", "operation", "description", "pricing_unit", "pricing_term"]


def test_the_lake_keeps_what_a_cost_was_for(project: Project) -> None:
    amounts = ["24.0000000000001", "1e3", "a lot", ""]
    delivered = [project.line("Usage", "1", {**WHAT_FOR, "lineItem/UsageAmount": amount}) for amount in amounts]
    kept = read_one(project, csv_gz([*delivered, project.line("Tax", "0.1")]))
    assert kept.select(KEPT).rows() == [tuple(WHAT_FOR.values())] * 4 + [(None,) * 6]
    assert kept["usage_amount"].to_list() == [Decimal(24), Decimal(1000), None, None, None]
    [file] = project.files()
    assert file["stats"]["failed_cells"] == {"lineItem/UsageAmount": 1}
    assert project.publish().costs["unblended"].sum() == Decimal("4.1")


@pytest.mark.parametrize("make", [csv_gz, parquet])
def test_the_lake_keeps_as_much_of_cur2(make_project: Callable[..., Project], make: Callable[..., File]) -> None:
    project = make_project(Format.CUR2)
    row = as_cur2(project.line("Usage", "1", {**WHAT_FOR, "lineItem/UsageAmount": "1.5"}))
    project.bucket.export(MONTH, [make([row])])
    project.run()
    assert project.rows().select(*KEPT, "usage_amount").rows() == [(*WHAT_FOR.values(), Decimal("1.5"))]


def test_the_lake_keeps_as_much_of_focus(make_project: Callable[..., Project]) -> None:
    project = make_project(Format.FOCUS)
    more = {
        "ResourceId": "i-1",
        "x_UsageType": "BoxUsage",
        "SkuMeter": "Compute",
        "x_Operation": "RunInstances",
        "ChargeDescription": "an hour",
        "PricingUnit": "Hours",
        "PricingCategory": "Standard",
        "ServiceCategory": "Compute",
        "ConsumedQuantity": "2",
        "PricingQuantity": "1.25",
        "ContractedCost": "0.9",
    }
    by_sku = {name: text for name, text in more.items() if name not in ("x_UsageType", "ConsumedQuantity")}
    project.bucket.export(MONTH, [csv_gz([project.focus(more=kept)]) for kept in (more, by_sku)])
    project.run()
    text = ("i-1", "BoxUsage", "RunInstances", "an hour", "Hours", "Standard", "Compute")
    numbers = (Decimal("1.25"), Decimal("0.9"))
    assert project.rows().select(
        *KEPT, "service_category", "usage_amount", "pricing_quantity", "contracted_cost"
    ).rows() == [
        (*text, Decimal(2), *numbers),
        ("i-1", "Compute", *text[2:], Decimal("1.25"), *numbers),
    ]


def test_a_usage_amount_of_a_strange_type_refuses_no_file(make_project: Callable[..., Project]) -> None:
    project = make_project(Format.CUR2)
    row = as_cur2(project.line("Usage", "1", {"lineItem/UsageAmount": "2024-10-05"}))
    project.bucket.export(MONTH, [parquet([row], {"line_item_usage_amount": pl.Binary})])
    assert project.run().costs["unblended"].sum() == 1
    assert project.rows()["usage_amount"].to_list() == [None]
