"""The master as files: what a bank's transfer software reads, and what everything else does."""

from __future__ import annotations

import csv
import io

from hypothesis import given

from batch_platform.zengin.export import to_csv, to_transfer, unwritable, without
from batch_platform_tests.zengin.masters import AFTER, EMPTY, Master, banks, branches, excerpt, masters, thrifty


def test_a_list_for_transfers():
    """Fact 5: half-width kana of at most 15 bytes, cp932, CRLF."""
    home = banks(("0005", "三菱ＵＦＪ", "ミツビシユ－エフジエイ"), ("0001", "みずほ", "ミズホ"))
    content = to_transfer(home, branches(("0005-001", "本店", "ホンテン"), ("0001-004", "丸の内", "マルノウチ")))
    assert content.decode("cp932").split("\r\n") == [
        '"0001","000","ﾐｽﾞﾎ","みずほ","1"',
        '"0001","004","ﾏﾙﾉｳﾁ","丸の内","2"',
        '"0005","000","ﾐﾂﾋﾞｼﾕ-ｴﾌｼﾞｴｲ","三菱ＵＦＪ","1"',
        '"0005","001","ﾎﾝﾃﾝ","本店","2"',
        "",
    ]


@thrifty
@given(masters)
def test_every_master_can_be_written_for_transfers(master: Master):
    rows = list(csv.reader(io.StringIO(to_transfer(*master).decode("cp932"), newline="")))
    assert len(rows) == master[0].height + master[1].height
    assert all(len(row[2].encode("cp932")) <= 15 for row in rows)


def test_real_names_lose_nothing():
    assert b"?" not in to_transfer(*excerpt(AFTER))
    assert not unwritable(*excerpt(AFTER))


def test_what_a_transfer_cannot_carry_is_named():
    home = banks(("0001", "みずほ", "ミズホ"), ("0403", "アメリカ", ""), ("0404", "印度", "　"))
    rows = branches(
        ("0001-001", "本店", "ホンテン"),
        ("0001-002", "漢", "漢字"),
        ("0001-003", "長", "ガギグゲゴガギ"),
        ("0001-004", "長い", "ガギグゲゴガギグ"),
        ("0001-005", "\N{GRINNING FACE}", "エガオ"),
        ("0403-001", "東京", "トウキヨウ"),
    )
    found = unwritable(home, rows)
    assert list(found) == [
        ("0001-002", "漢", "its kana holds 漢字"),
        ("0001-004", "長い", "its kana has 16 bytes, not 15 at most"),
        ("0001-005", "\N{GRINNING FACE}", "its name holds \N{GRINNING FACE}, which cp932 lacks"),
        ("0403", "アメリカ", "it has no kana"),
        ("0404", "印度", "it has no kana"),
    ]
    kept = without(home, rows, found)
    assert kept[0].get_column("bank_code").to_list() == ["0001"]
    assert kept[1].get_column("branch_code").to_list() == ["001", "003"]


@thrifty
@given(masters)
def test_the_rest_is_written_whole(master: Master):
    kept = without(*master, unwritable(*master))
    assert not unwritable(*kept)
    lines = list(csv.reader(io.StringIO(to_transfer(*kept).decode("cp932"), newline="")))
    names = kept[0].get_column("bank_name").to_list() + kept[1].get_column("branch_name").to_list()
    assert sorted(line[3] for line in lines) == sorted(names)
    assert all(line[2] for line in lines)


def test_a_table_for_everything_else():
    """Fact 6: codes keep their zeros. A bank without branches is there too."""
    home = banks(("0001", "みずほ", "ミズホ"), ("0002", '"a", b', ""))
    rows = list(csv.reader(io.StringIO(to_csv(home, branches(("0001-004", "丸の内", "マルノウチ"))).decode())))
    assert rows[0][:6] == ["bank_code", "bank_name", "bank_kana", "bank_hira", "bank_roma", "branch_code"]
    assert [row[:3] + row[5:7] for row in rows[1:]] == [
        ["0001", "みずほ", "ミズホ", "004", "丸の内"],
        ["0002", '"a", b', "", "", ""],
    ]


def test_an_empty_master_has_only_column_names():
    assert to_transfer(*EMPTY) == b""
    assert to_csv(*EMPTY).count(b"\n") == 1
