"""A feed that runs backwards, shrinks or swells is held; what is left passes."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given

from batch_platform.zengin.brake import APPLIED_SCHEMA, Judgement, inverse_count, judge
from batch_platform.zengin.content import content_hash
from batch_platform.zengin.diff import diff, inverse
from batch_platform.zengin.model import Limits
from batch_platform_tests.zengin.masters import (
    AFTER,
    BEFORE,
    EMPTY,
    Master,
    banks,
    branches,
    excerpt,
    masters,
    thrifty,
)

NOTHING = pl.DataFrame(schema=APPLIED_SCHEMA)
GENEROUS = Limits(**{name: 100 for name in vars(Limits()) if name.endswith("_percent")})


def master(size: int, each: int) -> Master:
    """So many banks with so many branches each."""
    codes = [f"{10 * number:04d}" for number in range(1, size + 1)]
    return (
        banks(*((code, f"銀行{code}", "ア") for code in codes)),
        branches(*((f"{code}-{number:03d}", f"支店{number}", "イ") for code in codes for number in range(each))),
    )


def judged(
    old: Master,
    new: Master,
    *,
    accepted: tuple[Master, ...] = (),
    applied: pl.DataFrame = NOTHING,
    limits: Limits | None = None,
    bootstrap: bool = False,
) -> Judgement:
    return judge(
        diff(*old, *new),
        *old,
        content_hash=content_hash(*new),
        current_hash=content_hash(*old),
        accepted={content_hash(*one) for one in accepted},
        applied=applied.select(*APPLIED_SCHEMA),
        limits=limits or Limits(),
        bootstrap=bootstrap,
    )


def renamed(frame: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The first rows of a table under another name."""
    column = next(name for name in frame.columns if name.endswith("_name"))
    first = pl.int_range(pl.len()) < rows
    return frame.with_columns(pl.when(first).then(pl.lit("改名")).otherwise(column).alias(column))


def test_an_empty_master_is_filled_only_on_demand():
    """Fact 10."""
    real = excerpt(AFTER)
    assert judged(EMPTY, real)[:2] == ("held", "bootstrap")
    assert judged(EMPTY, real, bootstrap=True)[:2] == ("accepted", None)
    assert judged(EMPTY, EMPTY)[0] == "noop"


def test_a_bootstrap_does_not_release_the_brake():
    assert judged(excerpt(BEFORE), excerpt(AFTER), bootstrap=True)[:2] == ("held", "brake")


def test_the_same_rows_are_nothing_to_do():
    """Fact 1."""
    real = excerpt(BEFORE)
    assert judged(real, real, accepted=(real,)) == ("noop", None, "The snapshot is the master as it stands.")


def test_an_earlier_content_is_a_regression_and_its_undo_is_nothing_to_do():
    """Fact 1: the stale file is held, so the master stays, and the file that undoes it equals the master."""
    old, new = excerpt(BEFORE), excerpt(AFTER)
    stale = judged(new, old, accepted=(old, new), limits=GENEROUS)
    assert stale[:2] == ("held", "regression")
    assert judged(new, new, accepted=(old, new))[0] == "noop"


def test_the_snapshot_accepted_last_is_no_regression():
    """Its changes may still wait for people when it arrives again."""
    old, new = excerpt(BEFORE), excerpt(AFTER)
    changes = diff(*old, *new)
    again = judge(
        changes,
        *old,
        content_hash=content_hash(*new),
        current_hash=content_hash(*new),
        accepted={content_hash(*new), content_hash(*old)},
        applied=NOTHING,
        limits=GENEROUS,
    )
    assert again.verdict == "accepted"


def test_undoing_what_was_applied_is_held():
    """Fact 1: five changes, more than half of them inverses."""
    before = master(3, 300)
    after = (before[0], renamed(before[1], 6))
    applied = diff(*before, *after)
    assert judged(after, before, applied=applied)[:2] == ("held", "inverse")
    assert judged(after, before, applied=applied).reason.startswith("6 of 6 changes undo")
    half = applied.head(3)
    assert judged(after, before, applied=half)[0] == "accepted"
    fewer = (before[0], renamed(before[1], 4))
    assert judged(fewer, before, applied=diff(*before, *fewer))[0] == "accepted"


@thrifty
@given(masters, masters)
def test_an_inverse_undoes_all_of_it(old: Master, new: Master):
    changes = diff(*old, *new)
    applied = changes.select(*APPLIED_SCHEMA)
    assert inverse_count(inverse(changes), applied) == changes.height
    assert inverse_count(changes, applied) == 0


@pytest.mark.parametrize(
    ("table", "kind", "percent"),
    [
        ("banks", "added", 3),
        ("banks", "updated", 5),
        ("banks", "deleted", 3),
        ("branches", "added", 2),
        ("branches", "updated", 2),
        ("branches", "deleted", 2),
    ],
)
def test_the_brake(table: str, kind: str, percent: int):
    """Fact 10: exactly the limit passes, one more row is held."""
    old = master(100, 1) if table == "banks" else master(1, 100)
    place = 0 if table == "banks" else 1
    for rows, verdict in ((percent, "accepted"), (percent + 1, "held")):
        frame = old[place]
        code = frame.columns[place]
        if kind == "added":
            extra = frame.head(rows).with_columns((pl.lit("9") + pl.col(code).str.slice(1)).alias(code))
            changed = pl.concat([frame, extra])
        elif kind == "updated":
            changed = renamed(frame, rows)
        else:
            changed = frame.slice(rows)
        new = (changed, old[1]) if table == "banks" else (old[0], changed)
        judgement = judged(old, new)
        assert judgement.verdict == verdict
        if verdict == "held":
            assert judgement.hold_reason == "brake"
            assert f"{rows} of 100 {table} would be {kind}, more than {percent} %" in judgement.reason


def test_a_file_cut_off_is_held():
    """Fact 10: the last rows of the code order are missing, though few."""
    old = master(100, 10)
    cut = judged(old, (old[0], old[1].head(995)))
    assert cut == ("held", "truncation", "All 5 branches after 1000-004 are missing: the file looks cut off.")
    assert judged(old, (old[0], old[1].head(996)))[0] == "accepted"
    assert judged(old, (old[0].head(98), old[1].head(980))).reason.startswith("All 2 banks after 0980 are missing")
    scattered = old[1].filter(~pl.col("branch_code").is_in(["009"]) | (pl.col("bank_code") > "0050"))
    assert judged(old, (old[0], scattered))[0] == "accepted"
    assert judged(old, (old[0], old[1].clear()), limits=GENEROUS)[:2] == ("held", "truncation")


def test_thresholds_are_settings():
    old = master(100, 1)
    new = (renamed(old[0], 6), old[1])
    assert judged(old, new)[0] == "held"
    assert judged(old, new, limits=Limits(bank_updates_percent=6))[0] == "accepted"
