"""What a change means: the class, the risk and the sentence a reviewer reads."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given

from batch_platform.zengin.classify import CLOSED_SCHEMA, RISKS
from batch_platform.zengin.diff import diff
from batch_platform.zengin.model import CHANGE_SCHEMA, CLASSIFIED_SCHEMA, ChangeClass
from batch_platform_tests.zengin.masters import (
    AFTER,
    BEFORE,
    Master,
    banks,
    branches,
    classified,
    excerpt,
    masters,
    thrifty,
)

HOME = banks(("0001", "甲", "コウ"))


def update(was: tuple[str, str], becomes: tuple[str, str]) -> tuple[str, str, str]:
    """Class, risk and reason of an update of a branch from one name and kana to another."""
    old, new = (branches(("0001-001", *row)) for row in (was, becomes))
    [row] = classified((HOME, old), (HOME, new)).select("change_class", "risk", "reason").rows()
    return row


@pytest.mark.parametrize(
    ("was", "becomes", "change_class"),
    [
        # From real releases.
        (("本店", "ホンテン"), ("本店営業部", "ホンテン"), "orthography"),
        (("大福", "ダイフク"), ("大福出張所", "ダイフク"), "orthography"),
        (("袖ヶ浦", "ソデガウラ"), ("袖ケ浦", "ソデガウラ"), "orthography"),
        (("本耶馬溪", "ホンヤバケイ"), ("本耶馬渓", "ホンヤバケイ"), "orthography"),
        (("魚沼", "ウオヌマノウキョウ"), ("魚沼", "ウオヌマノウキヨウ"), "orthography"),
        (("倶知安", "クツチアン"), ("倶知安", "クツチヤン"), "kana"),
        (("本所", "ホンシヨ"), ("本店", "ホンテン"), "kana"),
        (("員弁", "イナベ"), ("いなべ", "イナベ"), "orthography"),
        (("茨城", "イバラキ"), ("いばらき", "イバラキ"), "orthography"),
        (("芦原", "アワラ"), ("あわら", "アワラ"), "orthography"),
        (("森口", "モリグチ"), ("守口", "モリグチ"), "orthography"),
        (("都幾川", "トキガワ"), ("ときがわ", "トキガワ"), "orthography"),
        (("仙台", "センダイ"), ("センダイ", "センダイ"), "orthography"),
        (("住之江駅前", "スミノエエキマエ"), ("住ノ江駅前", "スミノエエキマエ"), "orthography"),
        (("尾崎特別出張所", "オザキ"), ("尾崎出張所", "オザキ"), "orthography"),
        (("祗王", "ギオウ"), ("祇王", "ギオウ"), "orthography"),
        (("アメリカ", "アメリカ"), ("バンク・オブ・アメリカ・エヌ・エイ", "アメリカ"), "rename"),
        (("伊野", "イノ"), ("いの吾川", "イノアガワ"), "rename"),
        (("氷見", "ヒミ"), ("比美乃江", "ヒミノエ"), "rename"),
        (("堺", "サカイ"), ("堺中央", "サカイチユウオウ"), "rename"),
        (("梅田６２", "ウメダロクニ"), ("梅田営業６２", "ウメダエイギヨウロクニ"), "rename"),
        (("別府", "ベツプ"), ("別府玉井", "ベツプタマイ"), "rename"),
        (("堺中央", "サカイチユウオウ"), ("堺", "サカイ"), "rename"),
        (("八戸駅前", "ハチノヘエキマエ"), ("八戸西", "ハチノヘニシ"), "rename"),
        (("横浜馬車道", "ヨコハマバシヤミチ"), ("横浜３６", "ヨコハマサンロク"), "reuse"),
        (("多良見", "タラミ"), ("喜々津", "キキツ"), "reuse"),
        (("松戸西", "マツドニシ"), ("古ケ崎", "コガサキ"), "reuse"),
        (("米子", "ヨナゴ"), ("鳥取島根法人８２", "トツトリシマネハチニ"), "reuse"),
        (("今治中央", "イマバリチユウオウ"), ("西条中央", "サイジヨウチユウオウ"), "reuse"),
        (("親園", "チカソノ"), ("大田原南", "チカソノ"), "reuse"),
        (("金田", "カネダ"), ("大田原北", "カネダ"), "reuse"),
        (("西部総合", "セイブソウゴウ"), ("羽後", "ウゴ"), "reuse"),
        (("平賀", "ヒラカ"), ("平川", "ヒラカワ"), "reuse"),
        (("豊中２５７", "トヨナカニゴナナ"), ("梅田２５７", "ウメダニゴナナ"), "reuse"),
        # Their neighbours.
        (("大田原南", "チカソノ"), ("親園", "チカソノ"), "reuse"),
        (("親園出張所", "チカソノ"), ("大田原南出張所", "チカソノ"), "reuse"),
        (("親園", "チカソノ"), ("鼬園", "チカソノ"), "reuse"),
        (("せいぶそうごう", "セイブソウゴウ"), ("うご", "ウゴ"), "reuse"),
    ],
)
def test_classes_of_updates(was: tuple[str, str], becomes: tuple[str, str], change_class: str):
    """Fact 7."""
    found, risk, reason = update(was, becomes)
    assert found == change_class
    assert risk == RISKS[ChangeClass(change_class)]
    assert reason.endswith(".")
    assert reason.count(". ") == 0


def test_a_used_again_code_is_the_highest_risk():
    assert update(("渋谷", "シブヤ"), ("池袋", "イケブクロ")) == (
        "reuse",
        "high",
        "The code of 渋谷 now belongs to 池袋, an unrelated name.",
    )


def test_a_name_that_moves_to_another_code_is_of_high_risk():
    """When 十八 and 親和 merged, 国見 of one became 国見中央 and that of the other 国見."""
    old = (HOME, branches(("0001-323", "国見", "クニミ")))
    new = (HOME, branches(("0001-323", "国見中央", "クニミチユウオウ"), ("0001-610", "国見", "クニミ")))
    [row] = classified(old, new).filter(diff_type="update").select("change_class", "risk", "reason").rows()
    assert row == ("rename", "high", "国見 is renamed 国見中央, and 国見 is now the name of 0001-610.")


def test_a_kana_left_behind_is_told():
    """大田原南 of 2021-03 kept the kana of 親園: a transfer by it goes to another branch than its name says."""
    assert update(("親園", "チカソノ"), ("大田原南", "チカソノ"))[2] == (
        "The code of 親園 now belongs to 大田原南, an unrelated name, while its kana チカソノ stays."
    )
    assert update(("堺", "サカイ"), ("堺中央", "サカイ")) == (
        "rename",
        "medium",
        "堺 is renamed 堺中央, while its kana サカイ stays.",
    )


def test_banks_of_one_kind_are_not_related_by_it():
    old, new = (
        banks(("9001", name, kana)) for name, kana in (("甲府信金", "コウフシンキン"), ("津信金", "ツシンキン"))
    )
    [row] = classified((old, branches()), (new, branches())).select("change_class", "risk").rows()
    assert row == ("reuse", "high")


@pytest.mark.parametrize(
    ("was", "becomes", "risk", "reason"),
    [
        ("インド", "", "high", "印度 loses its kana インド."),
        ("インド", "　", "high", "The kana of 印度 changes from インド to 　."),
        ("インド", "印度", "high", "The kana of 印度 changes from インド to 印度."),
        ("", "インド", "medium", "印度 gets the kana インド."),
        ("インド", "ホンコン", "medium", "The kana of 印度 changes from インド to ホンコン."),
    ],
)
def test_what_becomes_of_the_kana(was: str, becomes: str, risk: str, reason: str):
    """34 banks lost theirs in 2017-08: nothing can be sent to them by transfer file."""
    assert update(("印度", was), ("印度", becomes)) == ("kana", risk, reason)


def test_a_kana_lost_is_of_high_risk_whatever_else_changes():
    assert update(("印度", "インド"), ("新印度", "")) == (
        "rename",
        "high",
        "印度 is renamed 新印度, and its kana インド is gone.",
    )
    [row] = classified((HOME, branches()), (HOME, branches(("0001-001", "印度", "")))).select("risk", "reason").rows()
    assert row == ("high", "印度 is new, without a kana that a transfer can carry.")


def test_only_letters_change():
    old = pl.DataFrame(
        [("0001", "001", "本店", "ホンテン", "ほんてん", "honten")], schema=branches().schema, orient="row"
    )
    new = old.with_columns(branch_roma=pl.lit("hon-ten"))
    [row] = classified((HOME, old), (HOME, new)).select("change_class", "risk", "reason").rows()
    assert row == ("orthography", "low", "Only the hiragana or letters of 本店 change.")
    for lost in ("branch_hira", "branch_roma"):
        emptied = old.with_columns(pl.lit("").alias(lost))
        [row] = classified((HOME, old), (HOME, emptied)).select("change_class", "risk", "reason").rows()
        assert row == ("orthography", "medium", "本店 loses its hiragana or letters.")


def test_a_branch_under_another_code_of_its_bank_is_a_recode():
    old = (HOME, branches(("0001-001", "中河原", "ナカガワラ")))
    new = (HOME, branches(("0001-801", "中河原出張所", "ナカガワラ")))
    assert classified(old, new).select("key", "change_class", "risk", "reason").rows() == [
        ("0001-801", "recode", "medium", "中河原出張所 seems to take over from 0001-001 中河原 (score 950)."),
        ("0001-001", "recode", "medium", "中河原 is gone and seems to live on as 0001-801 中河原出張所 (score 950)."),
    ]


def test_branches_that_change_banks_are_moved():
    """One equal name is a coincidence, several are not."""
    home = banks(("0001", "甲", "コウ"), ("0002", "乙", "オツ"))
    names = (("001", "町田", "マチダ"), ("002", "城山", "シロヤマ"))
    old, new = (
        branches(*((f"{bank}-{code}", name, kana) for code, name, kana in names)) for bank in ("0001", "0002")
    )
    assert set(classified((home, old), (home, new)).get_column("change_class")) == {"moved"}
    assert classified((home, old[:1]), (home, new[:1])).get_column("change_class").to_list() == ["new", "closed"]


def test_a_code_that_once_had_another_name_is_used_again():
    closed = pl.DataFrame([("branches", "0001-001", "渋谷")], schema=CLOSED_SCHEMA, orient="row")
    old = (HOME, branches())
    for name, kana, change_class in (("池袋", "イケブクロ", "reuse"), ("渋谷駅前", "シブヤエキマエ", "new")):
        changes = classified(old, (HOME, branches(("0001-001", name, kana))), closed)
        assert changes.get_column("change_class").to_list() == [change_class]
    assert classified(old, (HOME, branches(("0001-001", "池袋", "イケブクロ")))).item(0, "change_class") == "new"


def test_a_bank_that_is_gone_takes_its_branches_along():
    old = (banks(("0001", "甲", "コウ"), ("0002", "乙", "オツ")), branches(("0001-001", "渋谷", "シブヤ")))
    new = (old[0][1:], branches())
    rows = classified(old, new).select("key", "change_class", "risk", "reason").rows()
    assert rows == [
        ("0001-001", "bank_closed", "medium", "渋谷 is gone with its bank 甲."),
        ("0001", "bank_closed", "high", "甲 is gone, and no successor is in sight."),
    ]
    assert classified(new, old).get_column("change_class").to_list() == ["bank_new", "new"]


def test_a_real_merger():
    """Fact 8: three banks of 2024 live on in 5554, and so do their branches."""
    changes = classified(excerpt(BEFORE), excerpt(AFTER))
    found = {row["key"]: (row["change_class"], row["risk"]) for row in changes.iter_rows(named=True)}
    assert {found[key] for key in ("5554", "5568", "5815", "5823")} == {("merger", "high")}
    assert {found[key] for key in ("5823-011", "5554-080")} == {("merger", "medium")}
    assert {found[key] for key in ("0185-420", "0185-511", "0185-561", "5714")} == {("orthography", "low")}
    assert {found[key] for key in ("4047-025", "4047-042", "4047-047")} == {("rename", "medium")}
    assert changes.filter(pl.col("key") == "5815").item(0, "reason") == (
        "かみはやし農協 is gone and seems to live on as 5554 北新潟農協 (score 650)."
    )


@thrifty
@given(masters, masters)
def test_every_change_is_classified_and_none_is_altered(old: Master, new: Master):
    changes = classified(old, new)
    assert dict(changes.schema) == CLASSIFIED_SCHEMA
    assert changes.select(*CHANGE_SCHEMA).equals(diff(*old, *new))
    assert changes.select("change_class", "risk", "reason").null_count().sum_horizontal().sum() == 0
    usual = changes.get_column("change_class").replace_strict({str(kind): str(risk) for kind, risk in RISKS.items()})
    assert set(changes.filter(pl.col("risk") != usual).get_column("risk")) <= {"medium", "high"}
