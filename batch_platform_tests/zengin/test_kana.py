"""Search finds a name however it is written; transfers get fifteen bytes that every bank can read."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.zengin.kana import (
    TRANSFER_BYTES,
    export_kana,
    fold,
    fold_expr,
    hiragana,
    romaji,
    to_full_width,
    to_half_width,
    unexportable,
)
from batch_platform_tests.zengin.masters import patient

FULL = "".join(chr(code) for code in range(ord("ァ"), ord("ヴ") + 1)) + "－．　" + "ＡＺ０９"
LARGE = "".join(letter for letter in FULL if letter not in "ァィゥェォッャュョヮヰヱ")
japanese = st.text("ァアヶケヵヴガｶﾞｱｰー－-‐ぁあがゕゖゔ銀行支店ギンコウシテンｷﾞ゛゜ﾟＡａb 　・．.本", max_size=12)


@patient
@given(st.one_of(st.text(max_size=20), japanese))
def test_folding_twice_changes_nothing(text: str):
    assert fold(fold(text)) == fold(text)


@patient
@given(st.lists(japanese, min_size=1, max_size=5))
def test_a_column_folds_as_its_texts_do(texts: list[str]):
    folded = pl.DataFrame({"text": texts}).select(fold_expr(pl.col("text"))).get_column("text").to_list()
    assert folded == [fold(text) for text in texts]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ミツビシユ－エフジエイ", "ミツビシユーエフジェイ"),
        ("ミズホ", "ﾐｽﾞﾎ"),
        ("みずほ", "ミズホ"),
        ("みずほ銀行", "みずほ"),
        ("ﾐｽﾞﾎｷﾞﾝｺｳ", "みずほ"),
        ("霞ヶ関支店", "霞ケ関"),
        ("三菱ＵＦＪ", "三菱ufj銀行"),
        ("ゆうちょ", "ユウチヨ"),
        ("オーバーシー・チャイニーズ", "オ－バ－シ－．チヤイニ－ズ"),
        ("ＢＴМＵ", "btmu"),
        ("か\u3099", "ガ"),
    ],
)
def test_writings_of_one_name_fold_together(one: str, other: str):
    """Fact 5: long vowel, small kana, width, hiragana, ヶ and the usual suffixes."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize("text", ["銀行", "支店", "シテン", "-"])
def test_a_name_that_is_only_a_suffix_is_not_folded_away(text: str):
    assert fold(text) == text


@patient
@given(st.one_of(st.text(max_size=40), st.text(FULL, max_size=40)))
def test_an_exported_name_fits_and_is_encodable(kana: str):
    """Fact 5: half width, at most 15 bytes of cp932."""
    exported = export_kana(kana)
    assert len(exported.encode("cp932")) <= TRANSFER_BYTES
    assert exported == exported.strip()
    assert not exported.startswith(("ﾞ", "ﾟ")) or kana.strip()[:1] in "゛゜ﾞﾟ"


@patient
@given(st.text("ガパアー", min_size=14, max_size=20))
def test_a_mark_is_never_cut_from_its_letter(kana: str):
    exported = export_kana(kana)
    assert to_half_width(kana).startswith(exported)
    assert to_half_width(kana)[len(exported) : len(exported) + 1] not in ("ﾞ", "ﾟ")


@patient
@given(st.text(LARGE.replace("　", ""), max_size=15))
def test_half_width_and_back(kana: str):
    assert to_full_width(to_half_width(kana)) == kana
    assert unexportable(kana) == ""


@pytest.mark.parametrize(
    ("kana", "exported"),
    [
        ("ミツビシユ－エフジエイ", "ﾐﾂﾋﾞｼﾕ-ｴﾌｼﾞｴｲ"),
        ("ショウナン", "ｼﾖｳﾅﾝ"),
        ("ＡＴＭトウカツ", "ATMﾄｳｶﾂ"),
        ("ドコモＳＭＴＢネツト", "ﾄﾞｺﾓSMTBﾈﾂﾄ"),
        ("ステ－ト．ストリ－ト", "ｽﾃ-ﾄ.ｽﾄﾘ-ﾄ"),
        ("アイウエオカキクケコサシスセガ", "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾ"),
        ("漢字", ""),
        ("", ""),
    ],
)
def test_names_as_transfers_have_them(kana: str, exported: str):
    assert export_kana(kana) == exported


def test_shift_jis_would_fail():
    """Fact 5: the long vowel of the releases is U+FF0D, which strict shift_jis does not know."""
    with pytest.raises(UnicodeEncodeError):
        "ミツビシユ－".encode("shift_jis")
    assert "ミツビシユ－".encode("cp932")


def test_letters_without_a_place_are_named():
    assert unexportable("みずほ漢字ミ字") == "漢字"


@pytest.mark.parametrize(
    ("kana", "hira", "roma"),
    [
        ("ミツビシユ－エフジエイ", "みつびしゆ－えふじえい", "mitsubishiyu-efujiei"),
        ("ニシテンマ", "にしてんま", "nishitemma"),
        ("コナンヒガシ", "こなんひがし", "konanhigashi"),
        ("カナヅ", "かなづ", "kanadu"),
        ("ＪＡパ－ル．", "ＪＡぱ－る．", "japa-ru."),
        ("イ－ハト－ヴ", "い－はと－ヴ", "i-hato-vu"),
        ("ソシエテ　ジエ", "そしえて　じえ", "soshiete\u3000jie"),
    ],
)
def test_readings_are_those_of_the_releases(kana: str, hira: str, roma: str):
    assert (hiragana(kana), romaji(kana)) == (hira, roma)
