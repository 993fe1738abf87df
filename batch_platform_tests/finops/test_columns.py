"""Columns by name: every spelling of every export, in any order, with whatever else stands beside them."""

from __future__ import annotations

from datetime import date

import pytest

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops import manifest, months
from batch_platform.finops.columns import canonical, recognise
from batch_platform.finops.model import Connection, Format
from batch_platform.finops.normalize import unique_names
from batch_platform_tests.finops.bucket import CUR2_NAMES, as_cur2, focus, line

WHERE = "s3://bucket/key"


@pytest.mark.parametrize(("legacy", "cur2"), CUR2_NAMES.items())
def test_legacy_names_become_those_of_cur2(legacy: str, cur2: str) -> None:
    assert canonical(legacy) == cur2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("line_item_unblended_cost", "line_item_unblended_cost"),
        ("product/fromRegionCode", "product_from_region_code"),
        ("resourceTags/user:Env", "resource_tags_user:env"),
        ("BilledCost", "BilledCost"),
        ("savingsPlan/SavingsPlanArn", "savings_plan_savings_plan_arn"),
    ],
)
def test_canonical_names(name: str, expected: str) -> None:
    assert canonical(name) == expected


def test_every_name_of_ours_that_aws_spells_otherwise_in_cur2_is_known() -> None:
    legacy = recognise([*CUR2_NAMES, "product/ProductName", "product/region"], where=WHERE)
    cur2 = recognise([*CUR2_NAMES.values(), "product"], where=WHERE)
    assert set(legacy.money) == set(cur2.money)
    assert set(legacy.text) - {"product_name", "region"} == set(cur2.text) - {"product_map"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (list(line()), Format.CUR_LEGACY),
        ([CUR2_NAMES[name] for name in line()], Format.CUR_LEGACY),  # CUR legacy Parquet
        (list(as_cur2(line())), Format.CUR2),
        (list(focus(version="1.0")), Format.FOCUS),
        (list(focus(version="1.2")), Format.FOCUS),
    ],
)
def test_format_by_header(header: list[str], expected: Format) -> None:
    layout = recognise(header, where=WHERE)
    assert layout.format is expected
    assert recognise(reversed(header), where=WHERE).money == layout.money


def test_region_code_and_region_are_apart() -> None:
    layout = recognise([*line(), "product/region", "product/regionCode"], where=WHERE)
    assert (layout.text["region"], layout.text["region_code"]) == ("product/region", "product/regionCode")


def test_tags_and_unknown_columns_are_carried_and_attributes_are_not() -> None:
    odd = ["resourceTags/user:Env", "resourceTags/user:env", "costCategory/Team", "newFamily/NewThing", "lonely"]
    layout = recognise([*line(), *odd, "product/vcpu", "pricing/unit", "identity/LineItemId"], where=WHERE)
    assert layout.carried == tuple(odd)


def test_focus_carries_its_tags_and_the_providers_own_columns() -> None:
    header = [*focus(), "Tags", "x_Operation", "x_Discounts", "SkuId"]
    assert recognise(header, where=WHERE).carried == ("Tags", "x_Discounts")


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("lineItem/UnblendedCost", "line_item_unblended_cost"),
        ("bill/BillingPeriodStartDate", "bill_billing_period_start_date"),
        ("lineItem/CurrencyCode", "line_item_currency_code"),
        ("bill/InvoiceId", "bill_invoice_id"),
    ],
)
def test_a_header_without_a_needed_column_is_refused_by_name(missing: str, told: str) -> None:
    header = [name for name in line() if name != missing]
    with pytest.raises(PermanentFailure, match=f"^{WHERE}: .*{told}$"):
        recognise(header, where=WHERE)


@pytest.mark.parametrize("missing", ["EffectiveCost", "ListCost", "BillingCurrency", "ChargeCategory"])
def test_focus_without_a_needed_column_is_refused_by_name(missing: str) -> None:
    with pytest.raises(PermanentFailure, match=f"^{WHERE}: .*{missing}$"):
        recognise([name for name in focus() if name != missing], where=WHERE)


def test_a_repeated_column_loses_nothing_and_its_first_place_counts() -> None:
    assert unique_names(["a", "b", "a", "A", "a"]) == ["a", "b", "a#2", "A", "a#4"]
    layout = recognise(unique_names([*line(), "lineItem/UnblendedCost"]), where=WHERE)
    assert layout.money["unblended_cost"] == "lineItem/UnblendedCost"


# manifests


def connection(format: Format, prefix: str = "cur/acme") -> Connection:  # noqa: A002
    return Connection("p", "p", "bucket", prefix, "cur", "ap-northeast-1", format)


def test_where_manifests_stand() -> None:
    december = date(2026, 12, 1)
    legacy = "cur/acme/cur/20261201-20270101/cur-Manifest.json"
    export = "cur/acme/cur/metadata/BILLING_PERIOD=2026-12/cur-Manifest.json"
    assert manifest.manifest_keys(connection(Format.CUR_LEGACY), december) == (legacy,)
    assert manifest.manifest_keys(connection(Format.CUR2), december) == (export,)
    assert manifest.manifest_keys(connection(Format.FOCUS), december) == (export,)
    assert manifest.manifest_keys(connection(Format.AUTO), december) == (export, legacy)
    # where it is known to stand comes first in its layout, and no layout before the one that counts
    assert manifest.manifest_keys(connection(Format.AUTO), december, known=legacy) == (export, legacy)


@pytest.mark.parametrize(
    ("prefix", "folders"),
    [
        ("", ("/cur/", "cur/")),
        ("a", ("a/cur/",)),
        ("a/", ("a//cur/", "a/cur/")),
        ("/a", ("/a/cur/", "a/cur/")),
        ("/a//b/", ("/a//b//cur/", "a/b/cur/")),
    ],
)
def test_a_prefix_is_taken_literally_and_then_without_empty_parts(prefix: str, folders: tuple[str, ...]) -> None:
    assert manifest.folders(connection(Format.CUR_LEGACY, prefix)) == folders
    exports = tuple(f"{folder}metadata/" for folder in folders)
    assert manifest.folders(connection(Format.AUTO, prefix)) == (*exports, *folders)
    plain = f"{folders[-1]}20261201-20270101/cur-Manifest.json"
    keys = manifest.manifest_keys(connection(Format.CUR_LEGACY, prefix), date(2026, 12, 1), known=plain)
    assert keys[0] == plain


@pytest.mark.parametrize(
    ("folder", "month"),
    [
        ("cur/20261001-20261101/", date(2026, 10, 1)),
        ("cur/metadata/BILLING_PERIOD=2026-10/", date(2026, 10, 1)),
        ("cur/data/", None),
        ("cur/20261301-20270101/", None),
        ("cur/20261002-20261101/", None),
        ("cur/metadata/BILLING_PERIOD=2026-00/", None),
    ],
)
def test_month_of_a_folder(folder: str, month: date | None) -> None:
    assert manifest.month_of_folder(folder) == month


def test_a_manifest_lists_its_files_in_order() -> None:
    legacy = b'{"assemblyId": "a", "reportKeys": ["x/2.gz", "x/1.gz"], "columns": []}'
    assert manifest.read_manifest(legacy, date(2026, 10, 1), where=WHERE).keys == ("x/2.gz", "x/1.gz")
    export = b'{"executionId": "e", "dataFiles": ["s3://other/x/BILLING_PERIOD=2026-10/1?#.gz", "x/2.gz"]}'
    content = manifest.read_manifest(export, date(2026, 10, 1), where=WHERE)
    assert (content.assembly_id, content.keys) == ("e", ("x/BILLING_PERIOD=2026-10/1?#.gz", "x/2.gz"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b'{"reportKeys": ["a"', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a manifest"),
        (b"{}", "neither reportKeys nor dataFiles"),
        (b'{"reportKeys": "a"}', "neither reportKeys nor dataFiles"),
        (b'{"reportKeys": [1]}', "not an object key"),
        (b'{"dataFiles": [null]}', "not an object key"),
        (b'{"reportKeys": ["a", "a"]}', "lists an object twice"),
        (b'{"reportKeys": ["a"], "billingPeriod": {"start": "20260901T000000.000Z"}}', "billing period 20260901"),
    ],
)
def test_a_broken_manifest_names_itself_and_its_fault(body: bytes, told: str) -> None:
    with pytest.raises(PermanentFailure, match=told) as failure:
        manifest.read_manifest(body, date(2026, 10, 1), where=WHERE)
    assert failure.value.message.startswith(WHERE)


# months


def test_months_are_counted_over_years() -> None:
    assert months.next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    assert months.next_month(date(2024, 1, 31)) == date(2024, 2, 1)
    assert months.shift(date(2026, 1, 1), -13) == date(2024, 12, 1)
    assert months.shift(date(2026, 11, 1), 2) == date(2027, 1, 1)
    assert months.month_start("2026-10") == months.month_start("2026-10-31") == date(2026, 10, 1)


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-1", "10-2026", "2026-10-32", "october"])
def test_what_is_not_a_month(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        months.month_start(text)
