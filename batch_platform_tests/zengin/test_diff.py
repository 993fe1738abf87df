"""A diff is exactly what turns one master into the other, in an order that never leaves a branch without its bank."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from polars.testing import assert_frame_equal

from batch_platform.zengin.content import content_hash, row_hash, row_hashes, row_text
from batch_platform.zengin.diff import apply, diff, in_order, inverse, rows_of
from batch_platform.zengin.model import BANK_COLUMNS, BANK_SCHEMA, CHANGE_SCHEMA, VALUES, Table
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


def assert_same(one: Master, other: Master) -> None:
    for frame, expected in zip(one, other, strict=True):
        assert_frame_equal(frame, expected)


def by_dicts(old: Master, new: Master) -> dict[tuple[str, str], tuple[object, object]]:
    """The changes as plain Python finds them."""
    found: dict[tuple[str, str], tuple[object, object]] = {}
    for table, before, after, width in zip(("banks", "branches"), old, new, (1, 2), strict=True):
        was, becomes = ({row[:width]: row for row in frame.iter_rows()} for frame in (before, after))
        for key in was.keys() | becomes.keys():
            if was.get(key) != becomes.get(key):
                found[table, "-".join(key)] = (was.get(key), becomes.get(key))
    return found


@thrifty
@given(masters, masters)
def test_a_diff_turns_one_master_into_the_other(old: Master, new: Master):
    changes = diff(*old, *new)
    assert dict(changes.schema) == CHANGE_SCHEMA
    assert_same(apply(*old, changes), new)
    assert_same(apply(*new, inverse(changes)), old)
    assert_frame_equal(inverse(inverse(changes)), changes)


@thrifty
@given(masters, masters)
def test_a_diff_finds_what_dictionaries_find(old: Master, new: Master):
    changes = diff(*old, *new)
    found = {}
    for row in changes.iter_rows(named=True):
        code = (row["bank_code"],) if row["branch_code"] is None else (row["bank_code"], row["branch_code"])
        sides = [row[side] and (*code, *(row[side][value] for value in VALUES)) for side in ("old", "new")]
        assert row["base_hash"] == (sides[0] and row_hash(sides[0]))
        assert row["new_hash"] == (sides[1] and row_hash(sides[1]))
        assert row["diff_type"] == ("addition" if not sides[0] else "update" if sides[1] else "deletion")
        found[row["table"], row["key"]] = tuple(sides)
    assert found == by_dicts(old, new)


@thrifty
@given(masters, masters)
def test_the_order_of_rows_and_of_changes_does_not_matter(old: Master, new: Master):
    changes = diff(*old, *new)
    backwards = [frame.reverse() for frame in (*old, *new)]
    assert_frame_equal(diff(*backwards), changes)
    assert_frame_equal(in_order(changes.reverse()), changes)
    assert content_hash(*old) == content_hash(*backwards[:2])


@thrifty
@given(masters, masters)
def test_contents_are_equal_when_their_hashes_are(old: Master, new: Master):
    assert (content_hash(*old) == content_hash(*new)) == diff(*old, *new).is_empty()


@thrifty
@given(masters, masters)
def test_no_step_leaves_a_branch_without_its_bank(old: Master, new: Master):
    """Fact 3: bank upserts, branch upserts, branch deletions, bank deletions."""
    present = set(old[0].get_column("bank_code"))
    homes = set(old[1].select("bank_code", "branch_code").rows())
    for table, bank, branch, diff_type in (
        diff(*old, *new).select("table", "bank_code", "branch_code", "diff_type").iter_rows()
    ):
        if table == "banks":
            (present.discard if diff_type == "deletion" else present.add)(bank)
        else:
            (homes.discard if diff_type == "deletion" else homes.add)((bank, branch))
        assert {code for code, _ in homes} <= present


def test_real_releases_replay():
    old, new = excerpt(BEFORE), excerpt(AFTER)
    changes = diff(*old, *new)
    assert_same(apply(*old, changes), new)
    counts = changes.group_by("table", "diff_type").len().sort("table", "diff_type").rows()
    assert counts == [
        ("banks", "deletion", 3),
        ("banks", "update", 2),
        ("branches", "addition", 7),
        ("branches", "deletion", 7),
        ("branches", "update", 8),
    ]
    assert_same(apply(*EMPTY, diff(*EMPTY, *new)), new)


def test_a_deleted_bank_lists_its_branches():
    """Fact 3: every branch of a deleted bank is a row of its own."""
    old = (banks(("0001", "甲", "コウ"), ("0002", "乙", "オツ")), branches(("0001-001", "本店", "ホンテン")))
    new = (old[0].head(1).clear(), old[1].clear())
    keys = diff(*old, *new).select("table", "key", "diff_type").rows()
    assert keys == [
        ("branches", "0001-001", "deletion"),
        ("banks", "0001", "deletion"),
        ("banks", "0002", "deletion"),
    ]


def test_codes_keep_their_leading_zeros():
    """Fact 6."""
    changes = diff(*EMPTY, banks(("0001", "甲", "コウ")), branches(("0001-007", "本店", "ホンテン")))
    assert changes.select("key", "bank_code", "branch_code").rows() == [
        ("0001", "0001", None),
        ("0001-007", "0001", "007"),
    ]
    assert rows_of(changes, Table.BRANCHES).row(0)[:2] == ("0001", "007")


@pytest.mark.parametrize("value", ["ー", "－", "ョ", "銀行"])
def test_rows_are_compared_raw(value: str):
    """Fact 5: writings that search folds are still changes."""
    old = (banks(("0001", "甲", "ヨ-")), EMPTY[1])
    new = (banks(("0001", "甲", f"ヨ{value}")), EMPTY[1])
    assert diff(*old, *new).get_column("diff_type").to_list() == ["update"]


def test_hashes_are_those_of_sql():
    """encode(sha256(convert_to(concat_ws(chr(31), code, name, kana, hira, roma), 'UTF8')), 'hex')."""
    row = ("0001", "みずほ", "ミズホ", "みずほ", "mizuho")
    expected = "eed1a5a5f2d6f183"
    frame = pl.DataFrame([row], schema=BANK_SCHEMA, orient="row")
    [hashed] = row_hashes(frame.select(row_text(BANK_COLUMNS).alias("row")).get_column("row"))
    assert hashed == row_hash(row)
    assert hashed[:16] == expected
