"""Rows that are not as the header says, blank lines, accounts: by row and column, whatever the container."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from batch_platform.finops.model import Format
from batch_platform_tests.finops.bucket import MONTH, File, csv_gz, csv_text, csv_zip
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.delivered import COSTS, gz_member, read_one, refusal, rows


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
