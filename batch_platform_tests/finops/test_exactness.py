"""Not a digit is lost between a delivered cell and a published sum, however the rows are split."""

from __future__ import annotations

import random
import re
import tempfile
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from batch_platform.finops.model import MEASURES, Format
from batch_platform.finops.normalize import normalise_csv, normalise_parquet
from batch_platform.finops.summary import service_monthly, summarise, totals
from batch_platform.finops.validation import raw_totals
from batch_platform_tests.finops.bucket import MONTH, csv_text, line

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WIDE = Context(prec=2000, rounding=ROUND_HALF_EVEN)
TWELVE = Decimal("1e-12")

digits = st.text("0123456789", max_size=45)
plain = st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), digits, digits)
scientific = st.builds("{}{}{}".format, plain, st.sampled_from("eE"), st.integers(-60, 60))
halves = st.builds(
    "{}{}.{:012d}5{}".format,
    st.sampled_from(["", "-"]),
    st.integers(0, 10**9),
    st.integers(0, 10**12 - 1),
    st.text("0", max_size=20),
)
near_numbers = st.text("0123456789+-.eE_ ,\u0665\uff15infa", min_size=1, max_size=12)
ODD = ["1_000", " 5", "5 ", "\t5", "inf", "-inf", "nan", "Infinity", "５", "٥", "1e-400", "1e400", "0e400", "+", "-"]
ODD += [".", "1.", ".5", "1e", "e5", "1e+", "--1", "0x10", "1,000", "1.0.0", "$5", "(5)", "5-", "None", "NULL"]
ODD += ["99999999999999999999999999.9999999999994", "99999999999999999999999999.9999999999996", "1e25", "1e26"]


def expected(text: str) -> Decimal | None:
    """What the cell is worth by Python's own decimal arithmetic; None if it is not a finite number that fits."""
    if not NUMBER.fullmatch(text):
        return None
    value = Decimal(text, WIDE)
    if value and value.adjusted() > 30:
        return None
    rounded = value.quantize(TWELVE, context=WIDE)
    return rounded if rounded.copy_abs() < Decimal(10) ** 26 else None


def cast(texts: list[str]) -> tuple[list[Decimal | None], list[int]]:
    """The unblended cost that normalize gives these cells, and the bits of the cells that failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells"
        rows = [line("Usage", text) for text in texts]
        path.write_bytes(csv_text(rows))
        _, frame = normalise_csv(path, header=list(rows[0]), where="s3://b/k")
        found = frame.select("unblended_cost", "failed_cells").collect()
    return found["unblended_cost"].to_list(), found["failed_cells"].to_list()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(plain, scientific, halves, near_numbers), min_size=1, max_size=60))
@example(ODD)
def test_the_cast_of_text_is_pythons_half_even_quantize(texts: list[str]) -> None:
    got, failed = cast(texts)
    wanted = [expected(text) for text in texts]
    assert dict(zip(texts, got, strict=True)) == dict(zip(texts, wanted, strict=True))
    assert [bits != 0 for bits in failed] == [value is None for value in wanted]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=50))
@example([845116936.9904683, 584292.1815782410, 1e15, 0.1 + 0.2, 1e-10, 2.5e-10, 1e27, 1e28, 5e-324])
def test_a_double_of_parquet_is_its_shortest_text_at_ten_decimals(doubles: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells"
        frame = pl.DataFrame([line()] * len(doubles))
        frame.with_columns(pl.Series("lineItem/UnblendedCost", doubles, dtype=pl.Float64)).write_parquet(path)
        _, rows = normalise_parquet(path, where="s3://b/k")
        got = rows.select("unblended_cost").collect()["unblended_cost"].to_list()
    wanted = []
    for double in doubles:
        text = expected(repr(double))
        value = None if text is None else Decimal(repr(double), WIDE).quantize(Decimal("1e-10"), context=WIDE)
        # money has 26 digits before the point
        wanted.append(value if value is not None and value.copy_abs() < Decimal(10) ** 26 else None)
    assert got == wanted


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int32, pl.UInt64, pl.Decimal(38, 18), pl.Decimal(20, 2), pl.Float32])
def test_other_types_of_parquet(tmp_path: Path, dtype: pl.DataType) -> None:
    frame = pl.DataFrame([line("Usage", "3")] * 2).with_columns(pl.col("lineItem/UnblendedCost").cast(dtype))
    frame.write_parquet(tmp_path / "f")
    _, rows = normalise_parquet(tmp_path / "f", where="s3://b/k")
    assert rows.collect()["unblended_cost"].to_list() == [Decimal(3)] * 2


def test_a_column_of_nothing_but_null(tmp_path: Path) -> None:
    frame = pl.DataFrame([{**line(), "reservation/EffectiveCost": None}])
    frame.write_parquet(tmp_path / "f")
    _, rows = normalise_parquet(tmp_path / "f", where="s3://b/k")
    assert rows.select("ri_effective_cost", "failed_cells").collect().row(0) == (None, 0)


# sums

KINDS = ["Usage", "DiscountedUsage", "RIFee", "Fee", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "Tax", "New"]
amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=12)
line_items = st.tuples(
    st.sampled_from(KINDS),
    st.integers(-3, 34),  # days, some outside the month
    st.sampled_from(["000000000001", "000000000002"]),
    st.sampled_from(["AmazonEC2", "AmazonS3"]),
    st.sampled_from(["USD", "JPY"]),
    amounts,
    amounts,
)


def normalised(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    records = [
        {
            "line_item_type": kind,
            "usage_date": MONTH + timedelta(days=day - 1),
            "payer_account_id": "1",
            "usage_account_id": account,
            "service": service,
            "region": None,
            "currency": currency,
            "invoice_id": None,
            "commitment_arn": None,
            "split_allocation": False,
            "unblended_cost": cost,
            "ri_effective_cost": other,
            "sp_effective_cost": other,
            "ri_unused_recurring": other,
        }
        for kind, day, account, service, currency, cost, other in rows
    ]
    money = dict.fromkeys(["unblended_cost", "ri_effective_cost", "sp_effective_cost", "ri_unused_recurring"])
    schema: dict[str, pl.DataType] = (
        {name: pl.Decimal(38, 12) if name in money else pl.String() for name in records[0]} if records else {}
    )
    return pl.DataFrame(records, schema={**schema, "usage_date": pl.Date(), "split_allocation": pl.Boolean()})


def summary_of(frames: list[pl.DataFrame]) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, frame in enumerate(frames):
            paths.append(Path(folder) / f"{number}.parquet")
            frame.write_parquet(paths[-1])
        scratch = Path(folder) / "scratch"
        scratch.mkdir()
        return summarise(paths, month=MONTH, format=Format.CUR_LEGACY, accounts=None, scratch=scratch).costs


@settings(max_examples=10, deadline=None)
@given(st.lists(line_items, min_size=1, max_size=40), st.integers(1, 6), st.randoms(use_true_random=False))
def test_any_split_and_any_order_of_the_rows_give_the_same_frame(
    rows: list[tuple[object, ...]], parts: int, chance: random.Random
) -> None:
    whole = normalised(rows)
    expected_frame = summary_of([whole])
    shuffled = rows[:]
    chance.shuffle(shuffled)
    cuts = sorted(chance.randint(0, len(rows)) for _ in range(parts - 1))
    pieces = [shuffled[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    frames = [normalised(piece) if piece else whole.clear() for piece in pieces]
    assert_frame_equal(summary_of(frames), expected_frame)


@settings(max_examples=10, deadline=None)
@given(st.lists(line_items, min_size=1, max_size=40))
def test_groups_add_up_to_pythons_own_sums(rows: list[tuple[object, ...]]) -> None:
    frame = normalised(rows)
    costs = summary_of([frame])
    with localcontext(WIDE):
        by_currency: dict[str, Decimal] = {}
        for row in frame.iter_rows(named=True):
            by_currency[row["currency"]] = by_currency.get(row["currency"], Decimal(0)) + row["unblended_cost"]
    assert {currency: sums["unblended"] for currency, sums in totals(costs).items()} == by_currency
    raw = raw_totals([frame.lazy()], accounts=None)
    assert {currency: Decimal(text) for currency, text in raw.items()} == by_currency
    assert costs["usage_rows"].sum() == len(rows)
    assert costs["usage_date"].is_between(MONTH, date(2024, 10, 31)).all()
    monthly = service_monthly(costs)
    for measure in (*MEASURES, "usage_rows"):
        assert monthly[measure].sum() == costs[measure].sum()


def test_a_cent_of_a_trillionth_in_a_million_rows(tmp_path: Path) -> None:
    """The sum of many tiny amounts beside a huge one: where doubles would lose them all."""
    tiny = pl.DataFrame({"unblended_cost": [Decimal("0.000000000001")]}).select(pl.all().repeat_by(10**6).explode())
    huge = pl.DataFrame({"unblended_cost": [Decimal("10000000000000.000000000000"), Decimal("-9999999999999")]})
    shape = normalised([("Usage", 1, "1", "s", "USD", Decimal(0), Decimal(0))]).drop("unblended_cost")
    frames = [
        cost.cast(pl.Decimal(38, 12)).with_columns(
            *(pl.lit(shape[name][0], dtype=shape[name].dtype).alias(name) for name in shape.columns)
        )
        for cost in (tiny, huge)
    ]
    [row] = summary_of(frames).to_dicts()
    assert row["unblended"] == Decimal("1.000001")
