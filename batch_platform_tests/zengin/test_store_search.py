"""Search of the master with folding (fact 5), old names, pages; snapshots in the lake."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.zengin.model import BANK_SCHEMA, BRANCH_SCHEMA
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.lake import PREFIX, SnapshotLake
from batch_platform_tests.zengin.rows import DAY, EMPTY, NOW, Frames, changes, changeset, master

BANKS = [
    ("0001", "みずほ", "ミズホ", "みずほ", "mizuho"),
    ("0005", "三菱ＵＦＪ", "ミツビシユ－エフジエイ", "みつびしゆ－えふじえい", "mitsubishiyu-efujiei"),
    ("0010", "りそな", "リソナ", "りそな", "risona"),
]
BRANCHES = [
    ("0001", "001", "東京営業部", "トウキヨウ", "とうきよう", "toukiyou"),
    ("0001", "002", "希望ヶ丘", "キボウガオカ", "きぼうがおか", "kibougaoka"),
    ("0005", "001", "本店", "ホンテン", "ほんてん", "honten"),
    ("0005", "002", "東京", "トウキヨウ", "とうきよう", "toukiyou"),
]
LATER = DAY + timedelta(days=5)


def put(store: ZenginStore, name: str, old: Frames, new: Frames, day: date) -> None:
    with store.transaction() as session:
        session.add_changeset(changeset(name), who="system", now=NOW)
        session.stage_and_apply(name, changes(old, new, prefix=name), business_date=day, now=NOW)


@pytest.fixture
def filled(store: ZenginStore) -> ZenginStore:
    frames = (
        pl.DataFrame(BANKS, schema=BANK_SCHEMA, orient="row"),
        pl.DataFrame(BRANCHES, schema=BRANCH_SCHEMA, orient="row"),
    )
    renamed = (
        frames[0].with_columns(
            bank_name=pl.col("bank_name").replace("りそな", "埼玉"),
            bank_kana=pl.col("bank_kana").replace("リソナ", "サイタマ"),
            bank_roma=pl.col("bank_roma").replace("risona", "saitama"),
        ),
        frames[1].filter(~((pl.col("bank_code") == "0005") & (pl.col("branch_code") == "002"))),
    )
    put(store, "a", EMPTY, frames, DAY)
    put(store, "b", frames, renamed, LATER)
    return store


def banks(store: ZenginStore, text: str = "", **more: Any) -> list[str]:
    with store.snapshot() as session:
        return [row["bank_code"] for row in session.banks_page(text, limit=10, **more)]


@pytest.mark.parametrize(
    "text", ["みずほ", "ミズホ", "ﾐｽﾞﾎ", "みずほ銀行", "MIZUHO", "ｍｉｚｕｈｏ", "0001", "  みずほ  "]
)
def test_fact_5_a_bank_in_any_writing(filled: ZenginStore, text: str) -> None:
    assert banks(filled, text) == ["0001"]


@pytest.mark.parametrize("text", ["ミツビシューエフジェイ", "三菱UFJ", "みつびしゆ", "ﾐﾂﾋﾞｼﾕ-ｴﾌｼﾞｴｲ"])
def test_fact_5_long_vowels_small_kana_and_widths(filled: ZenginStore, text: str) -> None:
    assert banks(filled, text) == ["0005"]


@pytest.mark.parametrize("text", ["希望ケ丘", "希望ヶ丘支店", "きぼうがおか"])
def test_fact_5_a_branch_in_any_writing(filled: ZenginStore, text: str) -> None:
    with filled.snapshot() as session:
        assert [row["branch_code"] for row in session.branches_page("0001", text, limit=10)] == ["002"]
        assert [row["branch_code"] for row in session.search(text, limit=10)] == ["002"]


def test_old_names_stay_findable(filled: ZenginStore) -> None:
    with filled.snapshot() as session:
        [row] = session.banks_page("りそな", limit=10)
        assert (row["bank_code"], row["bank_name"], row["matched"]) == ("0010", "埼玉", "りそな")
        [row] = session.banks_page("埼玉", limit=10)
        assert row["matched"] is None
        [then] = session.banks_page("りそな", as_of=DAY, limit=10)
        assert (then["bank_name"], then["matched"]) == ("りそな", None)
        assert session.banks_page("りそな", as_of=DAY - timedelta(days=1), limit=10) == []
        found = [(row["bank_name"], row["valid_to"]) for row in session.search("risona", limit=10)]
        assert found == [("りそな", LATER)]
        assert [row["bank_name"] for row in session.versions("0010")] == ["埼玉", "りそな"]
        assert [row["valid_to"] for row in session.versions("0005", "002")] == [LATER]


def test_all_words_of_bank_or_branch(filled: ZenginStore) -> None:
    with filled.snapshot() as session:
        found = [(row["bank_code"], row["branch_code"], row["valid_to"]) for row in session.search("東京", limit=10)]
        assert found == [("0001", "001", None), ("0005", "002", LATER)]
        assert [row["bank_code"] for row in session.search("三菱 本店", limit=10)] == ["0005"]
        assert [row["branch_code"] for row in session.search("0001-002", limit=10)] == ["002"]
        assert session.search("100%", limit=10) == []


def test_search_pages(filled: ZenginStore) -> None:
    with filled.snapshot() as session:
        seen: list[dict[str, Any]] = []
        while page := session.search("", after=seen[-1] if seen else None, limit=2):
            seen += page
        assert seen == session.search("", limit=100)
        assert len(seen) == 8
        codes = [row["bank_code"] for row in session.banks_page(limit=2)]
        assert codes + [row["bank_code"] for row in session.banks_page(after=codes[-1], limit=2)] == [
            "0001",
            "0005",
            "0010",
        ]
        assert [row["branch_code"] for row in session.branches_page("0001", after="001", limit=2)] == ["002"]


FORMAL = {
    "0001": [
        "株式会社みずほ銀行",
        "㈱みずほ銀行",
        "みずほ銀行（株）",
        "みずほ 銀行",
        "株式会社　みずほ　銀行",
        "み ず ほ 銀 行",
    ],
    "0150": ["スルガ銀行", "株式会社スルガ銀行"],
    "1120": ["秋田信用金庫", "秋田　信用金庫", "秋田信金", "ｱｷﾀｼﾝﾖｳｷﾝｺ", "アキタシンヨウキンコ"],
    "1201": ["髙崎信用金庫", "高﨑信用金庫", "高崎信金"],
    "2030": ["青森県信用組合", "青森県信用協同組合", "青森県 信用 組合"],
    "2954": ["東北労働金庫", "トウホクロウドウキンコ"],
    "3016": ["長野県信用農業協同組合連合会", "長野県信農連"],
    "3771": ["秋田たかのす農業協同組合", "ＪＡ秋田たかのす", "JA秋田たかのす", "ＪＡバンク秋田たかのす"],
    "4237": ["竜が崎農業協同組合", "龍ヶ崎農協", "竜ケ崎農業協同組合"],
    "9477": ["なぎさ信用漁業協同組合連合会"],
    "9484": ["山口県漁業協同組合"],
    "2004": ["株式会社商工組合中央金庫", "商工組合中央金庫"],
    "3000": ["農林中央金庫"],
    "0300": ["〇一信託銀行", "○一信託", "株式会社◯一信託銀行"],
    "0119": ["秋田銀行", "秋田 銀行"],
}
"""Banks as other registries write them, by code."""


@pytest.fixture
def kinds(store: ZenginStore) -> ZenginStore:
    """Banks of every kind, as the releases write them; some have namesakes."""
    rows = [
        *(("0001", "みずほ", "ミズホ"), ("0119", "秋田", "アキタ"), ("0150", "スルガ", "スルガ")),
        *(("0289", "みずほ信託", "ミズホシンタク"), ("0300", "〇一信託", "マルイチシンタク")),
        *(("1120", "秋田信金", "アキタシンキン"), ("1201", "高崎信金", "タカサキシンキン")),
        *(("2004", "商工中金", "シヨウコウチユウキン"), ("2030", "青森県信組", "アオモリケンシンクミ")),
        *(("2954", "東北労金", "トウホクロウキン"), ("3000", "農林中金", "ノウリンチユウキン")),
        *(("3016", "長野県信連", "ナガノケンシンレン"), ("3771", "秋田たかのす農協", "アキタタカノスノウキヨウ")),
        *(("4237", "竜ヶ崎農協", "リユウガサキノウキヨウ"), ("9477", "なぎさ信漁連", "ナギサシンギヨレン")),
        ("9484", "山口県漁協", "ヤマグチケンギヨキヨウ"),
    ]
    banks = pl.DataFrame([(*row, "", "") for row in rows], schema=BANK_SCHEMA, orient="row")
    put(store, "a", EMPTY, (banks, pl.DataFrame(schema=BRANCH_SCHEMA)), DAY)
    put(store, "b", (banks, EMPTY[1]), (banks.with_columns(bank_roma=pl.lit("x")), EMPTY[1]), LATER)
    return store


@pytest.mark.parametrize("code", FORMAL)
def test_a_bank_by_its_formal_name(kinds: ZenginStore, code: str) -> None:
    """The first that is found, in both searches and of a past day; others only when they hold the whole name."""
    for text in FORMAL[code]:
        found = banks(kinds, text)
        assert found[0] == code, text
        assert banks(kinds, text, as_of=DAY)[0] == code, text
        assert len(found) == 1 or code in ("0001", "0119"), (text, found)
        with kinds.snapshot() as session:
            assert session.search(text, limit=10)[0]["bank_code"] == code


def test_what_is_called_so_comes_first_on_every_page(kinds: ZenginStore) -> None:
    assert banks(kinds, "秋田信金") == ["1120"]
    assert banks(kinds, "アキタ") == ["0119", "1120", "3771"]
    with kinds.snapshot() as session:
        pages = [session.banks_page("みずほ信託", limit=1), session.banks_page("信", limit=2)]
        assert [[row["bank_code"] for row in page] for page in pages] == [["0289"], ["0289", "0300"]]
        page, seen = session.banks_page("秋田", limit=1), []
        while page:
            seen += [row["bank_code"] for row in page]
            page = session.banks_page("秋田", after=seen[-1], limit=1)
        assert seen == ["0119", "1120", "3771"]
        rows: list[dict[str, Any]] = []
        while found := session.search("アキタ", after=rows[-1] if rows else None, limit=1):
            rows += found
        assert [row["bank_code"] for row in rows if row["valid_to"] is None] == ["0119", "1120", "3771"]
    assert banks(kinds, "信用組合")[:1] == ["2030"]
    assert banks(kinds, "株式会社") == []


def test_an_edit_by_hand_is_found_at_once_and_folded_later(filled: ZenginStore, pool: postgres.Pool) -> None:
    with postgres.transaction(pool) as connection:
        connection.execute("UPDATE zengin.banks SET bank_name = '埼玉りそな' WHERE bank_code = '0010'")
        connection.execute(
            "INSERT INTO zengin.branches (bank_code, branch_code, branch_name) VALUES ('0010', '001', 'ｶﾜｺﾞｴ')"
        )
    assert banks(filled, "埼玉") == ["0010"]
    with filled.transaction() as session:
        assert session.mend_search() == 2
        assert session.mend_search() == 0
        assert [row["branch_code"] for row in session.search("かわごえ", limit=10)] == ["001"]
    with postgres.transaction(pool) as connection:
        assert connection.execute("SELECT count(*) FROM zengin.branch_history WHERE search IS NULL").fetchall() == [
            (0,)
        ]


def test_a_snapshot_of_the_lake_is_complete_or_not_there(lake: SnapshotLake, s3: Any) -> None:
    frames = dict(zip(("banks", "branches"), master({"0001": "みずほ", "0001-001": "東京"}), strict=True))
    name = "abcdef123456" + "0" * 52
    location = lake.put(DAY, name, frames)
    assert lake.put(DAY, name, frames) == location
    bucket, _, folder = location.removeprefix("s3://").partition("/")
    assert folder == f"{PREFIX}/2026-11-10/abcdef123456/"
    found = lake.get(location)
    assert all(found[part].equals(frames[part]) for part in frames)
    s3.put_object(Bucket=bucket, Key=f"{folder}banks.parquet", Body=b"PAR1")
    with pytest.raises(PermanentFailure, match=r"banks\.parquet is not the file its manifest names"):
        lake.get(location)
    s3.delete_object(Bucket=bucket, Key=f"{folder}manifest.json")
    with pytest.raises(NotFound, match="the snapshot is not complete"):
        lake.get(location)
