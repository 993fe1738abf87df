"""Successors are proposed from names, the same code first, with a score; never more than one for a key."""

from __future__ import annotations

import polars as pl
from hypothesis import given

from batch_platform.zengin.diff import diff
from batch_platform.zengin.mergers import PROPOSAL_SCHEMA, proposals
from batch_platform_tests.zengin.masters import AFTER, BEFORE, Master, banks, branches, excerpt, masters, thrifty


def proposed(old: Master, new: Master) -> dict[str, tuple[str, str, int]]:
    found = proposals(diff(*old, *new), *new)
    return {key: tuple(rest) for key, *rest in found.select("key", "successor_key", "relation", "score").iter_rows()}


def merged(*taken: tuple[str, str, str]) -> dict[str, tuple[str, str, int]]:
    """What is proposed when 八千代信金 (0002) goes and 多摩信金 (0001) takes these branches."""
    tama, yachiyo = ("0001", "多摩信金", "タマシンキン"), ("0002", "八千代信金", "ヤチヨシンキン")
    mine = (("0002-010", "町田", "マチダ"), ("0002-011", "城山", "シロヤマ"), ("0002-012", "稲城", "イナギ"))
    here = ("0001-001", "立川", "タチカワ")
    return proposed((banks(tama, yachiyo), branches(here, *mine)), (banks(tama), branches(here, *taken)))


def test_real_banks_live_on():
    """Fact 8."""
    found = proposed(excerpt(BEFORE), excerpt(AFTER))
    assert found["5823"] == ("5554", "merger", 950)
    assert found["5568"] == ("5554", "merger", 650)
    assert found["5823-011"] == ("5554-080", "merger", 855)
    assert {relation for _, relation, _ in found.values()} == {"merger"}


def test_the_same_code_comes_first():
    found = merged(("0001-900", "町田", "マチダ"), ("0001-010", "町田", "マチダ"), ("0001-011", "城山", "シロヤマ"))
    assert found["0002"] == ("0001", "merger", 666)
    assert found["0002-010"] == ("0001-010", "merger", 666)
    assert found["0002-011"] == ("0001-011", "merger", 666)
    assert "0002-012" not in found


def test_a_reading_counts_less_than_a_name():
    found = merged(("0001-010", "町田", "マチダ"), ("0001-011", "城山", "シロヤマ"), ("0001-112", "いなぎ", "イナギ"))
    assert found["0002-012"][2] < found["0002-010"][2]


def test_one_equal_name_counts_half():
    assert merged(("0001-010", "町田", "マチダ")).keys() == set()


def test_a_namesake_is_the_likeliest_successor():
    """八十二 became 八十二長野 on the day 長野 went."""
    old = (
        banks(("0143", "八十二", "ハチジユウニ"), ("0533", "長野", "ナガノ")),
        branches(("0533-170", "伊那", "イナ"), ("0533-171", "飯田", "イイダ")),
    )
    new = (banks(("0143", "八十二長野", "ハチジユウニナガノ")), branches(("0143-700", "伊那南", "イナミナミ")))
    assert proposed(old, new) == {"0533": ("0143", "merger", 550)}


def test_names_everybody_has_prove_nothing():
    old = (
        banks(("0001", "甲信金", "コウ"), ("0002", "乙信金", "オツ")),
        branches(("0002-001", "本店", "ホンテン"), ("0002-002", "中央", "チユウオウ")),
    )
    new = (
        banks(("0001", "甲信金", "コウ")),
        branches(("0001-101", "本店", "ホンテン"), ("0001-102", "中央", "チユウオウ")),
    )
    assert proposed(old, new) == {}


@thrifty
@given(masters, masters)
def test_a_successor_is_there_and_what_it_succeeds_is_not(old: Master, new: Master):
    changes = diff(*old, *new)
    found = proposals(changes, *new)
    assert dict(found.schema) == PROPOSAL_SCHEMA
    assert found.select("table", "key").is_unique().all()
    assert found.get_column("score").is_between(1, 1000).all()
    deleted = changes.filter(pl.col("diff_type") == "deletion").select("table", "key")
    assert found.join(deleted, on=["table", "key"], how="anti").is_empty()
    keys = set(new[0].get_column("bank_code")) | set(
        new[1].select(pl.concat_str("bank_code", "branch_code", separator="-")).to_series()
    )
    assert set(found.get_column("successor_key")) <= keys
