"""Masters to compare: excerpts of real releases, and random ones."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from batch_platform.zengin.classify import classify
from batch_platform.zengin.diff import diff
from batch_platform.zengin.mergers import proposals
from batch_platform.zengin.model import BANK_COLUMNS, BANK_SCHEMA, BRANCH_COLUMNS, BRANCH_SCHEMA
from batch_platform.zengin.readers import read_release

DATA = Path(__file__).parents[1] / "data" / "zengin"
BEFORE, AFTER = "2024-03-13", "2024-04-15"

patient = settings(max_examples=200, deadline=None)

thrifty = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A master is dear to draw, and a machine may be busy."""

Master = tuple[pl.DataFrame, pl.DataFrame]
EMPTY: Master = (pl.DataFrame(schema=BANK_SCHEMA), pl.DataFrame(schema=BRANCH_SCHEMA))


def files(day: str) -> dict[str, bytes]:
    """The files of an excerpt under paths as a wheel has them."""
    folder = DATA / day
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f"zengin_code/source-data/data/{path.relative_to(folder)}": path.read_bytes() for path in paths}


def excerpt(day: str) -> Master:
    banks, branches, _ = read_release(files(day), where=day)
    return banks, branches


def banks(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """Banks of code, name and kana."""
    full = [(code, name, kana, "", "") for code, name, kana in rows]
    return pl.DataFrame(full, schema=BANK_SCHEMA, orient="row")


def branches(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """Branches of key ("0001-001"), name and kana."""
    full = [(*key.split("-"), name, kana, "", "") for key, name, kana in rows]
    return pl.DataFrame(full, schema=BRANCH_SCHEMA, orient="row")


def classified(old: Master, new: Master, closed: pl.DataFrame | None = None) -> pl.DataFrame:
    changes = diff(*old, *new)
    return classify(changes, proposals(changes, *new), closed=closed)


_texts = st.sampled_from(
    ["本店", "中央", "霞ヶ関", "霞ケ関", "", "ア", "a|b", '"x", y', "\N{GRINNING FACE}", "-", "0001"]
)
_values = st.tuples(_texts.filter(bool), _texts, _texts, _texts)
_branch_codes = st.integers(0, 12).map("{:03d}".format)
_random = st.dictionaries(
    st.integers(0, 6).map("{:04d}".format), st.tuples(_values, st.dictionaries(_branch_codes, _values, max_size=6))
)


def _frames(drawn: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, ...]]]]) -> Master:
    bank_rows = [(code, *values) for code, (values, _) in drawn.items()]
    branch_rows = [(code, key, *values) for code, (_, entries) in drawn.items() for key, values in entries.items()]
    return (
        pl.DataFrame(bank_rows, schema=BANK_SCHEMA, orient="row").sort(BANK_COLUMNS[0]),
        pl.DataFrame(branch_rows, schema=BRANCH_SCHEMA, orient="row").sort(BRANCH_COLUMNS[:2]),
    )


masters = _random.map(_frames)
"""Random masters in which keys and names collide often."""
