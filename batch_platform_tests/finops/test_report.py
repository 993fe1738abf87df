"""Reports: rows add up to totals, text is exact and safe."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO, StringIO
from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.model import MEASURES, MONEY, REPORT_MEASURES, SUMMARY_KEYS
from batch_platform.finops.report import (
    GROUPS,
    Report,
    build,
    to_csv,
    to_json,
    to_parquet,
)

SCHEMA = {
    **dict.fromkeys(SUMMARY_KEYS, pl.String),
    "usage_date": pl.Date,
    **dict.fromkeys(MEASURES, MONEY),
    "usage_rows": pl.Int64,
}
TOTALS = {
    "unblended",
    "amortized",
    "net_unblended",
    "net_amortized",
    "billed",
    "list",
    "blended",
    "true_up",
    "upfront",
}
GROUPINGS = [group_by for length in range(6) for group_by in permutations(GROUPS, length)]


def line(day: int = 1, **changes: object) -> dict[str, object]:
    """One summary row of October 2026; every measure not named is zero."""
    plain: dict[str, object] = {
        "usage_date": date(2026, 10, day),
        "payer_account_id": "000000000009",
        "usage_account_id": "000000000001",
        "service": "AmazonEC2",
        "region": "ap-northeast-1",
        "charge_class": "usage",
        "currency": "USD",
        **dict.fromkeys(MEASURES, Decimal(0)),
        "usage_rows": 1,
    }
    assert changes.keys() <= plain.keys()
    return {
        **plain,
        **{name: Decimal(value) if name in MEASURES else value for name, value in changes.items()},
    }


def summary(*lines: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(lines), schema=SCHEMA)


def reports(
    frame: pl.DataFrame, *group_by: str, measure: str = "unblended", currency: str | None = None
) -> list[Report]:
    return build(
        frame,
        project_id="project-a",
        month="2026-10",
        state="final",
        manifest_version="0123456789abcdef",
        measure=measure,
        group_by=group_by,
        currency=currency,
    )


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


money = st.decimals(min_value=-(10**9), max_value=10**9, places=12)
summary_strategy = st.lists(
    st.builds(
        line,
        st.integers(1, 3),
        usage_account_id=st.sampled_from(["000000000001", "000000000002"]),
        service=st.sampled_from(["AmazonEC2", "AmazonS3", "=1+1"]),
        region=st.sampled_from(["", "us-east-1"]),
        charge_class=st.sampled_from(["usage", "commitment_fee", "refund", "discount"]),
        currency=st.sampled_from(["USD", "JPY"]),
        **dict.fromkeys(MEASURES, money),
    ),
    min_size=1,
    max_size=12,
).map(lambda lines: summary(*lines))


@given(summary_strategy, st.sampled_from(GROUPINGS), st.sampled_from(sorted(REPORT_MEASURES)))
@settings(max_examples=100)
def test_rows_add_up_to_the_total_for_every_grouping(frame: pl.DataFrame, group_by: Sequence[str], measure: str):
    built = reports(frame, *group_by, measure=measure)
    assert [report.currency for report in built] == sorted(set(frame["currency"]))
    for report in built:
        of_currency = frame.filter(pl.col("currency") == report.currency)
        assert report.rows["amount"].sum() == report.totals[measure]
        assert report.totals[measure] == of_currency[REPORT_MEASURES[measure]].sum()
        assert report.totals.keys() == TOTALS
        keys = report.rows.select(group_by)
        assert keys.columns == list(group_by)
        assert keys.is_unique().all() if group_by else report.rows.height == 1


@given(summary_strategy, st.sampled_from(GROUPINGS))
@settings(max_examples=50)
def test_every_format_carries_the_same_exact_amounts(frame: pl.DataFrame, group_by: Sequence[str]):
    built = reports(frame, *group_by)
    amounts = [amount for report in built for amount in report.rows["amount"].to_list()]
    written = [json.loads(json.dumps(to_json(report))) for report in built]
    assert [Decimal(row["amount"]) for answer in written for row in answer["rows"]] == amounts
    for report, answer in zip(built, written, strict=True):
        assert {name: Decimal(total) for name, total in answer["totals"].items()} == report.totals
    assert [Decimal(row["amount"]) for row in parsed(to_csv(built))] == amounts
    parquet = pl.read_parquet(BytesIO(to_parquet(built)))
    assert parquet["amount"].to_list() == amounts
    assert parquet.schema["amount"] == MONEY


def test_json_states_what_the_figures_mean():
    frame = summary(line(2, unblended="1894.17739686672", amortized="-1e-12", blended="3"), line(1, unblended="0.5"))
    (report,) = reports(frame, "service", "day")
    assert to_json(report) == {
        "project_id": "project-a",
        "month": "2026-10",
        "state": "final",
        "manifest_version": "0123456789abcdef",
        "currency": "USD",
        "measure": "unblended",
        "group_by": ["service", "day"],
        "rows": [
            {"service": "AmazonEC2", "day": "2026-10-01", "amount": "0.500000000000"},
            {"service": "AmazonEC2", "day": "2026-10-02", "amount": "1894.177396866720"},
        ],
        "totals": {
            "unblended": "1894.677396866720",
            "amortized": "-0.000000000001",
            "net_unblended": "0.000000000000",
            "net_amortized": "0.000000000000",
            "billed": "0.000000000000",
            "list": "0.000000000000",
            "blended": "3.000000000000",
            "true_up": "0.000000000000",
            "upfront": "0.000000000000",
        },
    }


def test_rows_stand_by_amount_then_by_key():
    frame = summary(
        line(service="a", list_cost="1"), line(service="c", list_cost="5"), line(service="b", list_cost="5")
    )
    (report,) = reports(frame, "service", measure="list")
    assert report.rows.rows() == [("b", 5), ("c", 5), ("a", 1)]


def test_rows_by_day_stand_by_day_then_by_amount():
    frame = summary(
        line(2, service="a", billed="9"), line(1, service="a", billed="1"), line(1, service="b", billed="2")
    )
    (report,) = reports(frame, "service", "day", measure="billed")
    days = [date(2026, 10, day) for day in (1, 1, 2)]
    assert report.rows.rows() == [("b", days[0], 2), ("a", days[1], 1), ("a", days[2], 9)]


@pytest.mark.parametrize("currency", ["USD", None])
def test_an_empty_month_is_one_report_of_zeros(currency: str | None):
    built = reports(summary(), "service", "day", currency=currency)
    (report,) = built
    answer = to_json(report)
    assert (answer["currency"], answer["rows"]) == (currency, [])
    assert answer["totals"] == dict.fromkeys(TOTALS, "0.000000000000")
    assert to_csv(built).strip() == ("project_id,month,state,manifest_version,currency,measure,service,day,amount")
    assert pl.read_parquet(BytesIO(to_parquet(built))).schema["amount"] == MONEY


@pytest.mark.parametrize(
    ("changes", "field", "names"),
    [
        ({"measure": "list_cost"}, "measure", ", ".join(REPORT_MEASURES)),
        ({"group_by": ["service", "currency"]}, "group_by", ", ".join(GROUPS)),
        ({"group_by": ["day", "day"]}, "group_by", "day, day"),
        ({"month": "2026-13"}, "month", "YYYY-MM"),
        ({"month": "2026-10\n"}, "month", "YYYY-MM"),
    ],
)
def test_refuses_what_it_does_not_know(changes: dict[str, object], field: str, names: str):
    arguments = {
        "project_id": "p",
        "month": "2026-10",
        "state": "open",
        "manifest_version": None,
        "measure": "billed",
        "group_by": [],
    }
    with pytest.raises(InvalidInput, match=names) as failure:
        build(summary(), **(arguments | changes))
    assert failure.value.field == field


def test_csv_cells_do_not_become_formulas_and_numbers_stay_numbers():
    risky = ["=1+1", "+1", "-1", "@x", "\tx", "\rx"]
    frame = summary(*(line(service=name, unblended="-2.5") for name in [*risky, "a=b", 'say "x", y']))
    text = to_csv(reports(frame, "service"))
    cells = {row["service"] for row in csv.DictReader(StringIO(text, newline=""))}
    assert cells == {*(f"'{name}" for name in risky), "a=b", 'say "x", y'}
    assert {row["amount"] for row in parsed(to_csv(reports(frame, "service")))} == {"-2.500000000000"}
