"""Parquet as its many writers type it: every column comes to what a CSV file would hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl
import pytest

from batch_platform.finops.model import Format
from batch_platform.finops.parquet_columns import repeated_keys
from batch_platform_tests.finops.bucket import MONTH, File, as_cur2, csv_gz, parquet
from batch_platform_tests.finops.conftest import Project, SteppingClock

DATA: Final = Path(__file__).parent.parent / "data" / "cur_parquet"
WRITTEN: Final = date(2026, 9, 1)


def test_files_of_pyarrow_whose_types_differ(make_project: Callable[..., Project], clock: SteppingClock) -> None:
    clock.now = datetime(2026, 10, 20, tzinfo=UTC)
    project = make_project(Format.AUTO)
    files = [File((DATA / name).read_bytes(), "snappy.parquet") for name in ("int96.parquet", "micros.parquet")]
    project.bucket.export(WRITTEN, files)
    outcome = project.run(WRITTEN)
    assert outcome.published is not None
    rows = project.rows(WRITTEN)
    assert rows["unblended_cost"].to_list() == [
        Decimal(text) for text in ("0.1", "845116936.9904683", "0.3000000001", "2")
    ]
    assert rows["usage_account_id"].to_list() == ["500000901001"] * 2 + ["000000012345"] * 2
    assert set(rows["payer_account_id"]) == {"500000901000"}
    assert rows["invoice_id"].to_list() == ["9", None, "9", None]
    assert rows["service"].to_list() == ["AmazonEC2", 'Fire "wall"'] * 2
    assert set(rows["usage_date"]) == {date(2026, 9, 10)}
    assert rows["usage_amount"].to_list() == [Decimal(24), None] * 2
    assert rows["never_filled"].to_list() == [None, None, "once", None]
    tags = [None if text is None else json.loads(text) for text in rows["resource_tags"]]
    assert tags == [
        {"user_team": 'a,"b"', "User_Team": "c\nd", "aws:x/y~z": "あ"},
        None,
        {"user_team": "second"},
        {"user_n": "1"},
    ]
    assert rows["cost_category"].to_list() == ["{}", '{"cc":null}'] * 2
    [distinct] = [check for check in outcome.published.checks if check.name == "tags_distinct"]
    assert (distinct.passed, distinct.blocking) == (False, False)
    assert distinct.description.startswith("1 entries of resource_tags whose key stands again")


def written(folder: Path, project: Project, columns: Mapping[str, str]) -> File:
    """One line item of CUR 2.0 by DuckDB; `columns`: name -> expression."""
    row = {name: f"'{text}'" for name, text in as_cur2(project.line("Usage", "1.5")).items() if name not in columns}
    wanted = ", ".join(f'{expression} AS "{name}"' for name, expression in (row | dict(columns)).items())
    target = folder / "file.parquet"
    duckdb.sql(f"COPY (SELECT {wanted}) TO '{target}' (FORMAT parquet)")
    return File(target.read_bytes(), "snappy.parquet")


TYPES: Final[dict[str, tuple[str, str]]] = {
    # what the writer wrote -> what the lake holds
    "map": ("MAP {'user_a': 'x', 'user_b': NULL}", '{"user_a":"x","user_b":null}'),
    "map of one kind of keys": ("MAP {'1': 'x'}", '{"1":"x"}'),
    "empty map": ("MAP()::MAP(VARCHAR, VARCHAR)", "{}"),
    "null map": ("NULL::MAP(VARCHAR, VARCHAR)", ""),
    "odd keys": ("MAP {'a\"b\\c/d~é': '\"'}", '{"a\\"b\\\\c/d~é":"\\""}'),
    "entries": ("[{'key': 'k', 'value': 'v'}, {'key': 'k', 'value': 'w'}]", '{"k":"v","k":"w"}'),
    "struct": ("{'k': 'v'}", '{"k":"v"}'),
    "list": ("['a', 'b']", '["a","b"]'),
    "JSON text": ("""'{"k": "v"}'""", '{"k": "v"}'),
    "whole number": ("42::INTEGER", "42"),
    "double": ("42.5::DOUBLE", "42.5"),
    "boolean": ("true", "true"),
    "null": ("NULL::INTEGER", ""),
    "blank": ("''", ""),
}


@pytest.fixture
def kept(make_project: Callable[..., Project], tmp_path: Path) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    """What the lake keeps of one row with these columns."""

    def read(columns: Mapping[str, str]) -> dict[str, Any]:
        project = make_project(Format.CUR2)
        project.bucket.export(MONTH, [written(tmp_path, project, columns)])
        assert project.run().costs["unblended"].sum() == Decimal("1.5")
        return project.rows().row(0, named=True)

    return read


def test_carried_columns_are_text_whatever_their_type(kept: Callable[[Mapping[str, str]], dict[str, Any]]) -> None:
    columns = {f"new_{number}": expression for number, (expression, _) in enumerate(TYPES.values())}
    found = kept(columns)
    assert {kind: found[f"new_{n}"] or "" for n, kind in enumerate(TYPES)} == {
        kind: text for kind, (_, text) in TYPES.items()
    }


@pytest.mark.parametrize(
    "stamp",
    [
        "TIMESTAMP '2024-10-05 03:00:00'",
        "TIMESTAMP_S '2024-10-05 03:00:00'",
        "TIMESTAMP_NS '2024-10-05 03:00:00'",
        "TIMESTAMPTZ '2024-10-05 03:00:00+00'",
        "DATE '2024-10-05'",
        "'2024-10-05T03:00:00.000Z'::BLOB",
    ],
)
def test_stamps(kept: Callable[[Mapping[str, str]], dict[str, Any]], stamp: str) -> None:
    assert kept({"line_item_usage_start_date": stamp})["usage_date"] == date(2024, 10, 5)


def test_a_map_of_the_product_may_lack_the_name(kept: Callable[[Mapping[str, str]], dict[str, Any]]) -> None:
    entity = {"bill_billing_entity": "'AWS Marketplace'"}
    assert kept({**entity, "product": "MAP {'vendor': 'x'}"})["service"] == "AmazonEC2"
    assert kept({**entity, "product": "MAP {'product_name': 'P'}"})["service"] == "P"


@pytest.mark.parametrize("types", [("INTEGER", "VARCHAR"), ("VARCHAR", "DOUBLE"), ("BOOLEAN", "BIGINT")])
def test_columns_without_a_value_have_any_type(
    make_project: Callable[..., Project], tmp_path: Path, types: tuple[str, str]
) -> None:
    project = make_project(Format.CUR2)
    names = ["resource_tags", "reservation_reservation_a_r_n", "line_item_resource_id", "line_item_blended_cost"]
    files = [written(tmp_path, project, dict.fromkeys(names[:3], f"NULL::{kind}")) for kind in types]
    files.append(written(tmp_path, project, {**dict.fromkeys(names[:3], "'t'"), names[3]: "NULL::INTEGER"}))
    files.append(csv_gz([{**as_cur2(project.line("Usage", "1")), "resource_tags": '{"a": "b"}'}]))
    project.bucket.export(MONTH, files)
    assert project.run().costs["unblended"].sum() == Decimal("5.5")
    assert project.rows()["resource_tags"].to_list() == [None, None, "t", '{"a": "b"}']


def test_a_type_that_is_no_money_names_the_column(make_project: Callable[..., Project], tmp_path: Path) -> None:
    project = make_project(Format.CUR2)
    project.bucket.export(MONTH, [written(tmp_path, project, {"line_item_unblended_cost": "MAP {'a': 1}"})])
    assert "column line_item_unblended_cost holds Map" in (project.run().waiting_for or "")


def test_keys_that_stand_twice_are_counted(tmp_path: Path) -> None:
    assert repeated_keys(DATA / "micros.parquet") == {"resource_tags": 1}
    assert repeated_keys(DATA / "int96.parquet") == {}
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "plain")
    assert repeated_keys(tmp_path / "plain") == {}


def test_text_types_of_polars(make_project: Callable[..., Project]) -> None:
    project = make_project(Format.CUR2)
    row = as_cur2(project.line("Usage", "1.5"))
    names = dict.fromkeys(("line_item_unblended_cost", "bill_payer_account_id", "bill_billing_period_start_date"))
    project.bucket.export(MONTH, [parquet([row], dict.fromkeys(names, pl.Categorical))])
    assert project.run().costs["unblended"].sum() == Decimal("1.5")
