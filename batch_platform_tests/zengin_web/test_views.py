"""How changes are shown: letters that differ, look-alikes, groups by risk and class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.web import i18n
from batch_platform.zengin import letters
from batch_platform.zengin.model import (
    ChangeClass,
    ChangesetStatus,
    DiffType,
    HoldReason,
    Record,
    Risk,
    Status,
    Table,
)
from batch_platform.zengin.web import words

NOW = datetime(2026, 11, 20, tzinfo=UTC)
BRANCH = {"bank_code": "0001", "bank_name": "あおば", "branch_code": "001"}


def record(key: str | None = "0001-001", **more: object) -> Record:
    values: dict[str, object] = {
        "id": f"diff-20261120-{key}",
        "timestamp": NOW,
        "status": Status.PENDING,
        "diff_type": DiffType.UPDATE,
        "changeset_id": "cs",
        "table": Table.BRANCHES,
        "key": key,
        "zengin_data": {**BRANCH, "branch_name": "本店"},
        "current_data": {**BRANCH, "branch_name": "本店営業部"},
        "changes": {"branch_name": {"old": "本店営業部", "new": "本店"}},
        "base_hash": "a",
        "new_hash": "b",
        "risk": Risk.LOW,
        "change_class": ChangeClass.ORTHOGRAPHY,
        "reason": "",
    }
    return Record(**{**values, **more})  # type: ignore[arg-type]


def marked(found: tuple[letters.Span, ...]) -> str:
    return "".join(f"[{span.text}]" if span.changed else span.text for span in found)


@pytest.mark.parametrize(
    ("old", "new", "left", "right"),
    [
        ("本店営業部", "本店", "本店[営業部]", "本店"),
        ("本店", "本店営業部", "本店", "本店[営業部]"),
        ("霞ヶ関", "霞ケ関", "霞[ヶ]関", "霞[ケ]関"),
        ("センタ－", "センター", "センタ[－]", "センタ[ー]"),
        ("", "本店", "", "[本店]"),
        ("か\u3099", "か", "[か\u3099]", "[か]"),  # a mark belongs to its letter
        ("葛\U000e0100城", "葛城", "[葛\U000e0100]城", "[葛]城"),  # so does a variant selector
    ],
)
def test_what_differs_is_marked(old: str, new: str, left: str, right: str) -> None:
    before, after = letters.spans(old, new)
    assert (marked(before), marked(after)) == (left, right)


@given(st.text(max_size=30), st.text(max_size=30))
def test_nothing_is_lost(old: str, new: str) -> None:
    before, after = letters.spans(old, new)
    assert "".join(span.text for span in before) == old
    assert "".join(span.text for span in after) == new
    assert any(span.changed for span in (*before, *after)) == (letters.letters(old) != letters.letters(new))


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("センタ－", "センター", "－ U+FF0D → ー U+30FC"),
        ("霞ヶ関", "霞ケ関", "ヶ U+30F6 → ケ U+30B1"),
        ("ﾎﾝﾃﾝ", "ホンテン", "ﾎ U+FF8E → ホ U+30DB, ﾝ U+FF9D → ン U+30F3, ﾃ U+FF83 → テ U+30C6"),
        ("本店", "支店", None),
        ("本店営業部", "本店", None),
        ("アイウエオカキクケ", "ｱｲｳｴｵｶｷｸｹ", None),
    ],
)
def test_look_alikes_are_told_by_their_code_points(old: str, new: str, note: str | None) -> None:
    assert letters.field_diff("branch_name", old, new).note == note


def test_fields_of_a_record() -> None:
    found = {field.column: field for field in letters.field_diffs(record())}
    assert list(found) == ["bank_code", "bank_name", "branch_code", "branch_name"]
    assert [name for name, field in found.items() if field.changed] == ["branch_name"]
    assert [field.column for field in letters.changed_diffs(record())] == ["branch_name"]
    both = {**BRANCH, "branch_kana": "ホンテン", "branch_hira": "ほんてん"}
    kana = record(current_data=both, zengin_data={**both, "branch_kana": "シテン", "branch_hira": "してん"})
    assert [field.column for field in letters.changed_diffs(kana)] == ["branch_kana"]
    assert letters.other_columns(kana) == ["branch_hira"]
    hira = record(current_data=both, zengin_data={**both, "branch_hira": "してん"})
    assert [field.column for field in letters.changed_diffs(hira)] == ["branch_hira"]
    new = record(diff_type=DiffType.ADDITION, current_data=None, changes={})
    [name] = letters.changed_diffs(new)
    assert (name.old, marked(name.new or ())) == (None, "[本店]")
    assert words.names(new) == ("あおば", "本店")
    gone = record(diff_type=DiffType.DELETION, zengin_data=None, table=Table.BANKS, key="0001")
    assert words.names(gone) == ("あおば", None)


def test_groups_begin_with_what_is_riskiest() -> None:
    low = record("0001-002")
    other = record("0001-001")
    kana = record("0001-003", change_class=ChangeClass.KANA)
    high = record("0009", risk=Risk.HIGH, change_class=ChangeClass.BANK_CLOSED, table=Table.BANKS)
    bulk = record(None, risk=Risk.HIGH, change_class=None, diff_type=DiffType.BULK_UPDATE)
    groups = words.grouped([low, kana, high, other, bulk])
    assert [group.key for group in groups] == ["bulk-high", "bank_closed-high", "kana-low", "orthography-low"]
    assert [one.key for one in groups[-1].records] == ["0001-001", "0001-002"]


def test_every_state_and_class_has_its_word() -> None:
    assert set(words.STATUSES) == set(Status)
    assert list(words.CLASSES) == list(ChangeClass) == list(words.CLASS_NOTES)
    assert set(words.RISKS) == set(Risk)
    assert set(words.DIFF_TYPES) == set(DiffType)
    assert set(words.HOLD_NAMES) == set(words.HOLD_NOTES) == set(HoldReason)
    assert set(words.CHANGESET_STATUSES) == set(ChangesetStatus)


def test_ages() -> None:
    with i18n.speaking(i18n.load(["batch_platform.zengin.web"])["ja"]):
        assert words.age(timedelta(days=3, hours=23)) == "3 日"
        assert words.age(timedelta(hours=5)) == "5 時間"
        assert words.age(timedelta(minutes=59)) == "1 時間未満"
        assert words.age(timedelta(seconds=-1)) == "1 時間未満"
