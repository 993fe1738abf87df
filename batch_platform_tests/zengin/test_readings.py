"""Names and kana that belong together, and those that do not."""

from __future__ import annotations

import polars as pl
import pytest

from batch_platform.zengin.mergers import loosely
from batch_platform.zengin.readings import begins, fits
from batch_platform_tests.zengin.masters import AFTER, BEFORE, excerpt


def folded(*texts: str) -> list[str]:
    return pl.DataFrame({"text": texts}).select(loosely(pl.col("text"))).get_column("text").to_list()


@pytest.mark.parametrize(
    ("name", "kana"),
    [
        ("川口", "カワグチ"),
        ("札幌", "サツポロ"),
        ("学校前", "ガツコウマエ"),
        ("一関", "イチノセキ"),
        ("霞が関", "カスミガセキ"),
        ("霞ヶ関", "カスミガセキ"),
        ("佐々木", "ササキ"),
        ("澤田", "サワダ"),
        ("三ヶ日", "ミツカビ"),
        ("ＪＡビル", "ジエイエ－ビル"),
        ("第２", "ダイニ"),
        ("沼津", "ヌマヅ"),
        ("沼津", "ヌマズ"),
        ("和泉中央", "イズミチユウオウ"),
    ],
)
def test_a_name_fits_its_kana(name: str, kana: str) -> None:
    assert fits(*folded(name, kana))


@pytest.mark.parametrize(
    ("name", "kana"),
    [
        ("大田原南", "チカソノ"),
        ("川口", "カワ"),
        ("川", "カワグチ"),
        ("羽後", "セイブソウゴウ"),
        ("", ""),
        ("川", ""),
    ],
)
def test_a_name_does_not_fit_another_kana(name: str, kana: str) -> None:
    assert not fits(name, kana)


def test_a_kana_begins_a_name_where_a_word_ends() -> None:
    assert begins("比美乃江", "ヒミ")
    assert not begins("平川", "ヒラカ")
    assert not begins("平川", "ヒラカワ")
    assert not begins("平川", "")


def test_real_names_can_be_read() -> None:
    """But for what the kana leaves out: 本店営業部 has ホンテン, and 代理店 and the like are left out."""
    unread = [
        (name, kana)
        for day in (BEFORE, AFTER)
        for name, kana in excerpt(day)[1]
        .select(loosely(pl.col("branch_name")), loosely(pl.col("branch_kana")))
        .iter_rows()
        if not fits(name, kana)
    ]
    assert unread == []
