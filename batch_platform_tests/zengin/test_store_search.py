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
