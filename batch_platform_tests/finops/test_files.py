"""What a delivered file may look like: read to the last digit, or refused by name. Through S3 and the registry."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from batch_platform.finops.model import Format
from batch_platform_tests.finops.bucket import MONTH, File, as_cur2, csv_gz, csv_text, csv_zip, parquet
from batch_platform_tests.finops.conftest import Project

COSTS = ["1.5", "-0.25", "1e-7", "0.000000000001"]
TOTAL = Decimal("1.250000100001")

MONEY_AS_DOUBLE = {"line_item_unblended_cost": pl.Float64}


def rows(project: Project) -> list[dict[str, str]]:
    return [project.line("Usage", cost) for cost in COSTS]


def read_one(project: Project, file: File) -> pl.DataFrame:
    """Deliver one file, read it, and return its line items; it must be DONE."""
    project.bucket.deliver(MONTH, [file])
    project.fetch()
    outcome = project.read()
    assert (outcome.errors, outcome.done) == ([], 1)
    return project.rows()


def refusal(project: Project, file: File) -> str:
    """Deliver one file, and return why it is ERROR: one line that begins with its name."""
    [key] = project.bucket.deliver(MONTH, [file])
    project.fetch()
    outcome = project.read()
    [stored] = project.files()
    assert (outcome.done, stored["status"], stored["line_items_key"]) == (0, "ERROR", None)
    message = stored["error_message"]
    assert message.startswith(f"{project.bucket.uri(key)}: ")
    assert "\n" not in message
    assert outcome.errors == [f"{project.id}: {message}"]
    assert project.publish().in_error
    return message.removeprefix(f"{project.bucket.uri(key)}: ")


def gz_member(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


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


# rows that are not as the header says: row and column by name, in every container and by either reader


def _cells(text: bytes) -> list[list[bytes]]:
    return [row.split(b",") for row in text.rstrip(b"\n").split(b"\n")]


def _text(cells: list[list[bytes]], end: bytes = b"\n") -> bytes:
    return b"".join(b",".join(row) + end for row in cells)


CONTAINERS: dict[str, Callable[[bytes], File]] = {
    "csv": lambda text: File(text, "csv"),
    "csv.gz": lambda text: File(gz_member(text)),
    "csv.zip": csv_zip,
    "csv.gz, CRLF": lambda text: File(gz_member(text.replace(b"\n", b"\r\n"))),
    "csv.gz, after a quoted line end": lambda text: File(gz_member(text.replace(b"quiet", b'"qui\net"'))),
}
RAGGED: dict[str, tuple[Callable[[list[list[bytes]]], None], str]] = {
    "a comma without quotes": (lambda rows: rows[3].insert(5, b" Inc."), "row 3, column {width+1}"),
    "a cell at the end too many": (lambda rows: rows[4].append(b""), "row 4, column {width+1}"),
    "the last cell missing": (lambda rows: rows[2].pop(), "row 2, column {last}"),
    "a row that ends early": (lambda rows: rows.__setitem__(3, rows[3][:4]), "row 3, column {fifth}"),
    "short, then long": (lambda rows: rows[3].insert(0, rows[2].pop()), "row 2, column {last}"),
    "a row of one word": (lambda rows: rows.insert(2, [b"total"]), "row 2, column {second}"),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", RAGGED)
def test_ragged_rows_are_refused_by_row_and_column(project: Project, kind: str, container: str) -> None:
    cells = _cells(csv_text([{**row, "resourceTags/user:n": "quiet"} for row in rows(project)]))
    header = [name.decode() for name in cells[0]]
    RAGGED[kind][0](cells)
    told = RAGGED[kind][1].replace("{width+1}", str(len(header) + 1))
    told = told.format(last=header[-1], second=header[1], fifth=header[4])
    assert refusal(project, CONTAINERS[container](_text(cells))).startswith(f"{told}: ")


@pytest.mark.parametrize("container", ["csv", "csv.gz", "csv.zip"])
@pytest.mark.parametrize("cut", [1, 30, 100])
def test_a_text_cut_in_its_last_row_is_refused(project: Project, container: str, cut: int) -> None:
    text = csv_text([{**row, "resourceTags/user:n": "", "resourceTags/user:o": ""} for row in rows(project)])
    assert refusal(project, CONTAINERS[container](text[: -1 - cut])).startswith("row 4, column ")


def test_a_ragged_row_of_a_zip_of_many_members_names_the_member(project: Project) -> None:
    good, bad = csv_text(rows(project)), csv_text(rows(project)).replace(b",AWS,", b",AWS,,", 1)
    bad = bad.replace(b"\nAWS,", b"\nAWS,,", 1)
    assert refusal(project, csv_zip(good, bad)).startswith("cur-1.csv: row 1, column ")


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    "blanks", [(b"\n", 4), (b"\n\n\n", 4), (b"\r\n\r\n", 4), (b"\n", 2), (b"\n\r\n", 0), (b" \n", 4)]
)
def test_blank_lines_are_no_rows(project: Project, blanks: tuple[bytes, int], container: str) -> None:
    lines = csv_text(rows(project)).splitlines(keepends=True)
    lines.insert(blanks[1] + 1, blanks[0])
    found = read_one(project, CONTAINERS[container](b"".join(lines)))
    assert found["unblended_cost"].to_list() == [Decimal(cost) for cost in COSTS]


def test_rows_are_numbered_without_blank_lines(project: Project) -> None:
    lines = csv_text([*rows(project), project.line("Usage", "abc")]).splitlines(keepends=True)
    lines.insert(2, b"\n")
    assert refusal(project, File(gz_member(b"".join(lines)))).startswith("row 5, column lineItem/UnblendedCost: ")


@pytest.mark.parametrize("account", ["1.23457E+11", "123456789012.0", "12345678901", "123,456,789,012", "abc"])
@pytest.mark.parametrize("column", ["lineItem/UsageAccountId", "bill/PayerAccountId"])
def test_an_account_that_is_no_id_is_refused(project: Project, column: str, account: str) -> None:
    told = refusal(project, csv_gz([project.line(), project.line("Usage", "1", {column: account})]))
    assert told == f"row 2, column {column}: not an account id of 12 digits"


@pytest.mark.parametrize(("account", "accepted"), [("1.23457E+11", False), ("12345678901", False), ("team-a", True)])
def test_accounts_of_focus(make_project: Callable[..., Project], account: str, accepted: bool) -> None:
    project = make_project(Format.FOCUS)
    project.bucket.export(MONTH, [csv_gz([project.focus("Usage", "1", more={"SubAccountId": account})])])
    assert (project.run().published is not None) is accepted


# broken files


def big_text(project: Project) -> bytes:
    """Long enough for several deflate blocks, so that a cut falls into the middle of the rows."""
    return csv_text(
        [project.line("Usage", f"{i}.{i * 7919 % 10007}", {"resourceTags/user:n": f"{i * i}"}) for i in range(5000)]
    )


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 1000, 0.5, -11, -3])
def test_a_truncated_gzip_is_refused(project: Project, cut: float) -> None:
    body = gz_member(big_text(project))
    end = int(len(body) * cut) if isinstance(cut, float) else -cut
    assert "truncated" in (told := refusal(project, File(body[:end]))) or "header" in told


def test_a_truncated_last_member_is_refused(project: Project) -> None:
    text = big_text(project)
    body = gz_member(text[:100_000]) + gz_member(text[100_000:])
    assert "truncated" in refusal(project, File(body[:-30]))


@pytest.mark.parametrize("at", [-8, -1], ids=["CRC", "length"])
def test_a_gzip_with_a_wrong_trailer_is_refused(project: Project, at: int) -> None:
    body = bytearray(gz_member(big_text(project)))
    body[at] ^= 1
    assert "checksum" in refusal(project, File(bytes(body)))


def test_a_flipped_bit_in_the_middle_of_a_gzip_is_refused(project: Project) -> None:
    body = bytearray(gz_member(big_text(project)))
    body[len(body) // 2] ^= 0x10
    refusal(project, File(bytes(body)))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_zip_with_a_wrong_crc_is_refused(project: Project, method: int) -> None:
    file = csv_zip(big_text(project), method=method)
    body = bytearray(file.body)
    directory = body.rindex(b"PK\x01\x02")
    for crc_at in (14, directory + 16):  # in the member's own header and in the directory
        crc = struct.unpack_from("<I", body, crc_at)[0]
        struct.pack_into("<I", body, crc_at, crc ^ 1)
    refusal(project, File(bytes(body), file.ending))


@pytest.mark.parametrize("cut", [1, 30, 1000, 0.5])
def test_a_truncated_zip_is_refused(project: Project, cut: float) -> None:
    file = csv_zip(big_text(project))
    end = int(len(file.body) * cut) if isinstance(cut, float) else -int(cut)
    assert "zip" in refusal(project, File(file.body[:end], file.ending))


def test_an_encrypted_zip_is_refused(project: Project) -> None:
    file = csv_zip(big_text(project))
    body = bytearray(file.body)
    body[6] |= 1
    body[body.rindex(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(project, File(bytes(body), file.ending))


def test_other_compressions_of_zip_are_refused(project: Project) -> None:
    assert "not deflated" in refusal(project, csv_zip(big_text(project), method=zipfile.ZIP_BZIP2))


def test_an_empty_zip_is_refused(project: Project) -> None:
    assert refusal(project, csv_zip()) == "the zip holds no file"


def test_a_file_of_zero_bytes_is_refused(project: Project) -> None:
    assert refusal(project, File(b"")) == "the file has zero bytes"


def test_a_gzip_of_nothing_is_refused(project: Project) -> None:
    assert refusal(project, File(gz_member(b""))) == "no header line"


@pytest.mark.parametrize("cut", [8, 100])
def test_a_truncated_parquet_is_refused(project: Project, cut: int) -> None:
    assert "truncated" in refusal(project, File(parquet(rows(project)).body[:-cut], "parquet"))


def test_bytes_that_are_not_utf8_are_refused(project: Project) -> None:
    text = csv_text([project.line("Usage", "1", {"resourceTags/user:note": "caf#"})]).replace(b"#", b"\xe9")
    assert "utf-8" in refusal(project, File(gz_member(text))).lower()


def test_a_header_that_is_not_utf8_is_refused(project: Project) -> None:
    text = csv_text([project.line("Usage", "1", {"resourceTags/user:caf#": "x"})]).replace(b"#", b"\xe9")
    assert "header" in refusal(project, File(gz_member(text)))


def test_a_header_without_a_needed_column_is_refused(project: Project) -> None:
    row = project.line()
    del row["lineItem/UnblendedCost"]
    assert refusal(project, csv_gz([row])) == "not a cost and usage report: no column line_item_unblended_cost"


def test_something_else_is_refused(project: Project) -> None:
    assert "not a cost and usage report" in refusal(project, File(b'{"error": "not found"}', "csv.gz"))


def test_a_row_with_too_many_fields_is_refused(project: Project) -> None:
    text = csv_text(rows(project)) + b",".join([b"1"] * 50) + b"\n"
    refusal(project, File(gz_member(text)))


def test_a_row_with_too_few_fields_at_the_end_is_refused(project: Project) -> None:
    text = csv_text(rows(project)) + b"AWS,2024-10-01T00:00:00Z,777\n"
    assert refusal(project, File(gz_member(text))) == (
        "row 5, column bill/PayerAccountId: the row ends before it, after 3 of 11 cells"
    )


def test_an_open_quote_is_refused(project: Project) -> None:
    text = csv_text([*rows(project), project.line("Usage", "1", {"resourceTags/user:note": "#"})])
    refusal(project, File(gz_member(text.replace(b"#", b'"'))))


def test_a_zip_of_several_formats_is_refused(project: Project) -> None:
    file = csv_zip(csv_text(rows(project)), csv_text([project.focus()]))
    assert refusal(project, file) == "the zip mixes formats"


def test_money_of_another_type_is_refused(project: Project) -> None:
    frame = pl.read_parquet(io.BytesIO(parquet(rows(project)).body))
    body = io.BytesIO()
    frame.with_columns(pl.lit(True).alias("lineItem/UnblendedCost")).write_parquet(body)
    told = refusal(project, File(body.getvalue(), "parquet"))
    assert "Boolean, which is not money" in told


# cells

USED = {
    "DiscountedUsage": ["reservation/EffectiveCost", "reservation/NetEffectiveCost"],
    "RIFee": [
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
        "reservation/UnusedRecurringFee",
        "reservation/AmortizedUpfrontFeeForBillingPeriod",
        "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod",
        "reservation/NetUnusedRecurringFee",
    ],
    "SavingsPlanCoveredUsage": ["savingsPlan/SavingsPlanEffectiveCost", "savingsPlan/NetSavingsPlanEffectiveCost"],
    "SavingsPlanRecurringFee": [
        "savingsPlan/TotalCommitmentToDate",
        "savingsPlan/UsedCommitment",
        "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod",
        "savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod",
        "savingsPlan/NetRecurringCommitmentForBillingPeriod",
    ],
}
CASES = [(kind, column) for kind, columns in USED.items() for column in columns]


@pytest.mark.parametrize(("kind", "column"), CASES)
def test_a_used_money_cell_that_is_no_number_names_row_and_column(project: Project, kind: str, column: str) -> None:
    good = project.line("Usage", "1", {column: "convertible"})
    told = refusal(project, csv_gz([good, good, project.line(kind, "1", {column: "None"})]))
    assert told == f"row 3, column {column}: not a number, in a row of type {kind}, which uses it"


@pytest.mark.parametrize("column", ["lineItem/UnblendedCost", "lineItem/NetUnblendedCost"])
@pytest.mark.parametrize(
    "text", ["None", "NULL", "convertible", "1,5", "1_000", "inf", "nan", "1e30", "５", " 1", "0x1"]
)
def test_a_cost_that_is_no_number_is_refused(project: Project, column: str, text: str) -> None:
    told = refusal(project, csv_gz([project.line(), project.line("Usage", "1", {column: text})]))
    assert told == f"row 2, column {column}: not a number"


@pytest.mark.parametrize(
    "column",
    [
        "lineItem/UnblendedCost",
        "lineItem/LineItemType",
        "lineItem/CurrencyCode",
        "lineItem/UsageAccountId",
        "bill/PayerAccountId",
    ],
)
def test_a_blank_in_a_column_every_row_needs_is_refused(project: Project, column: str) -> None:
    told = refusal(project, csv_gz([project.line(), project.line(), project.line("Usage", "1", {column: ""})]))
    assert told == f"row 3, column {column}: blank"


@pytest.mark.parametrize("text", ["usd", "US", "None", "USDT", "$"])
def test_a_currency_is_three_capital_letters(project: Project, text: str) -> None:
    told = refusal(project, csv_gz([project.line(), project.line("Usage", "1", {"lineItem/CurrencyCode": text})]))
    assert told == "row 2, column lineItem/CurrencyCode: not a currency code"


@pytest.mark.parametrize("text", ["2024-09-01T00:00:00Z", "2024-11-01T00:00:00Z", "", "None"])
def test_a_row_of_another_billing_period_is_refused(project: Project, text: str) -> None:
    told = refusal(project, csv_gz([project.line("Usage", "1", {"bill/BillingPeriodStartDate": text})]))
    assert told == "row 1, column bill/BillingPeriodStartDate: not of the billing period 2024-10"


def test_of_two_faults_the_first_row_is_named(project: Project) -> None:
    bad = [project.line("Usage", "x"), project.line("Usage", "1", {"lineItem/CurrencyCode": ""})]
    assert refusal(project, csv_gz([project.line(), *reversed(bad)])).startswith(
        "row 2, column lineItem/CurrencyCode"
    )


@pytest.mark.parametrize("column", ["BilledCost", "EffectiveCost", "ListCost"])
def test_focus_money_that_is_no_number_is_refused(make_project: Callable[..., Project], column: str) -> None:
    project = make_project(Format.FOCUS)
    project.bucket.export(MONTH, [csv_gz([project.focus(), project.focus("Usage", "1", "1", {column: "None"})])])
    project.fetch()
    project.read()
    assert project.files()[0]["error_message"].endswith(f"row 2, column {column}: not a number")


def test_cells_without_a_number_where_none_is_used_are_counted_by_column(project: Project) -> None:
    more = {"reservation/EffectiveCost": "convertible", "savingsPlan/UsedCommitment": "None"}
    also = {"reservation/EffectiveCost": "NULL", "savingsPlan/UsedCommitment": ""}
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "1", more), project.line("Tax", "1", also)])])
    outcome = project.run()
    assert project.files()[0]["stats"]["failed_cells"] == {
        "reservation/EffectiveCost": 2,
        "savingsPlan/UsedCommitment": 1,
    }
    assert outcome.published is not None
    [check] = [check for check in outcome.published.checks if check.name == "money_cells_readable"]
    assert check.description.endswith("reservation/EffectiveCost 2, savingsPlan/UsedCommitment 1")


def test_a_column_only_a_later_zip_member_has_is_checked_too(project: Project) -> None:
    later = [project.line("Usage", "1", {"reservation/EffectiveCost": "1"})]
    later.append(project.line("DiscountedUsage", "0", {"reservation/EffectiveCost": "None"}))
    told = refusal(project, csv_zip(csv_text([project.line()]), csv_text(later)))
    assert told.startswith("row 3, column reservation/EffectiveCost: not a number")
