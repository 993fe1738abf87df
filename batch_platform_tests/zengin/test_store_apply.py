"""The guarded apply: what it writes, what it leaves alone, and that it does all of it or nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_platform.core import postgres
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.zengin.diff import inverse
from batch_platform.zengin.model import RECORD_SCHEMA
from batch_platform.zengin.store import ApplyResult, ZenginStore
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.zengin.rows import DAY, EMPTY, NOW, Frames, changes, changeset, master

BASE = {
    "0001": "みずほ",
    "0001-001": "東京営業部",
    "0001-004": "丸の内中央",
    "0005": "三菱ＵＦＪ",
    "0005-001": "本店",
}


def apply(
    store: ZenginStore, rows: pl.DataFrame, name: str = "c1", *, day: date = DAY, dry_run: bool = False
) -> ApplyResult:
    with store.transaction() as session:
        session.add_changeset(changeset(name), who="tests", now=NOW)
        return session.stage_and_apply(name, rows, business_date=day, now=NOW, dry_run=dry_run)


def fill(store: ZenginStore, rows: dict[str, str] = BASE, *, day: date = DAY) -> Frames:
    """The master as these rows have it, by an apply."""
    frames = master(rows)
    apply(store, changes(current(store), frames, prefix="fill"), "fill", day=day)
    return frames


def current(store: ZenginStore) -> Frames:
    with store.snapshot() as session:
        return session.current_master()


def as_of(store: ZenginStore, day: date) -> Frames:
    with store.snapshot() as session:
        return session.master_as_of(day)


def same(found: Frames, wanted: Frames) -> bool:
    return all(left.equals(right) for left, right in zip(found, wanted, strict=True))


def rows_of(pool: postgres.Pool, query: str, *parameters: object) -> list[tuple[object, ...]]:
    with postgres.transaction(pool) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def by_hand(pool: postgres.Pool, statement: str, *parameters: object) -> None:
    with postgres.transaction(pool) as connection:
        connection.execute(statement.encode(), parameters or None)


def conflicts(result: ApplyResult) -> dict[str, str]:
    found = result.outcomes.filter(pl.col("outcome").is_in(["conflict", "waiting"]))
    return dict(found.select("key", "reason").iter_rows())


def test_an_empty_master_is_filled(store: ZenginStore) -> None:
    wanted = master(BASE)
    result = apply(store, changes(EMPTY, wanted))
    assert same(current(store), wanted)
    assert result.counts == {"banks.addition": 2, "branches.addition": 3}
    assert (result.applied, result.already, result.conflicts, result.waiting) == (5, 0, 0, 0)


def test_fact_3_banks_come_and_go_with_their_branches(store: ZenginStore) -> None:
    """A deletion and an addition of banks with branches, and updates, in one transaction; no foreign-key error."""
    old = fill(store)
    wanted = master(
        {"0005": "三菱", "0005-001": "本店営業部", "0009": "三井住友", "0009-001": "本店", "0009-002": "東京"}
    )
    result = apply(store, changes(old, wanted))
    assert same(current(store), wanted)
    assert result.applied == 8
    with store.transaction() as session:
        history = session.history("c1")
    assert sorted(history.get_column("key")) == sorted(changes(old, wanted).get_column("key"))
    kinds = history.select(pl.concat_str("table", pl.lit("."), "diff_type")).to_series().to_list()
    assert kinds.index("branches.deletion") < kinds.index("banks.deletion")
    assert kinds.index("banks.addition") < kinds.index("branches.addition")


def test_history_is_what_was_applied_and_can_be_undone(store: ZenginStore) -> None:
    old = fill(store)
    new = master({**BASE, "0001": "みずほ銀行", "0001-002": "兜町"} | {"0005-001": "本店営業部"})
    wanted = changes(old, new)
    apply(store, wanted)
    with store.transaction() as session:
        history = session.history("c1")
    assert history.sort("key").equals(wanted.select(history.columns).sort("key"))
    apply(store, inverse(history).with_columns(pl.lit("undo-").add(pl.col("diff_id")).alias("diff_id")), "c2")
    assert same(current(store), old)


def test_a_row_changed_by_hand_is_a_conflict_and_stays(store: ZenginStore, pool: postgres.Pool) -> None:
    old = fill(store)
    rows = changes(old, master({**BASE, "0001-001": "東京", "0001-004": "丸の内", "0005-001": "本店２"}))
    by_hand(pool, "UPDATE zengin.branches SET branch_name = '手' WHERE bank_code = '0001' AND branch_code = '001'")
    result = apply(store, rows)
    assert (result.applied, result.conflicts) == (2, 1)
    assert conflicts(result) == {"0001-001": "changed"}
    names = dict(current(store)[1].select(pl.concat_str("bank_code", "branch_code"), "branch_name").iter_rows())
    assert names == {"0001001": "手", "0001004": "丸の内", "0005001": "本店２"}
    with store.transaction() as session:
        [found] = session.conflicts("c1", limit=10)
    assert (found["record_id"], found["reason"], found["found"]["name"]) == ("0001-001", "changed", "手")
    assert rows_of(pool, "SELECT count(*) FROM zengin.change_history WHERE changeset_id = 'c1'") == [(2,)]


def test_even_a_null_by_hand_is_seen(store: ZenginStore, pool: postgres.Pool) -> None:
    old = fill(store)
    rows = changes(old, master({**BASE, "0001": "別名"}))
    by_hand(pool, "UPDATE zengin.banks SET bank_kana = NULL WHERE bank_code = '0001'")
    assert conflicts(apply(store, rows)) == {"0001": "changed"}


def test_additions_never_overwrite(store: ZenginStore) -> None:
    fill(store, {"0001": "みずほ", "0001-001": "他の名"})
    rows = changes(EMPTY, master({"0001": "みずほ", "0001-001": "東京営業部", "0001-002": "新"}))
    result = apply(store, rows)
    assert conflicts(result) == {"0001-001": "exists"}
    assert (result.applied, result.already) == (1, 1)


def test_what_is_missing_is_a_conflict(store: ZenginStore) -> None:
    fill(store, {"0001": "みずほ"})
    old = master({"0001": "みずほ", "0001-001": "東京", "0001-002": "大阪"})
    rows = changes(old, master({"0001": "みずほ", "0001-001": "東京２"}))
    result = apply(store, rows)
    assert conflicts(result) == {"0001-001": "missing", "0001-002": "missing"}
    assert result.applied == 0


def test_a_branch_waits_for_its_bank_and_a_bank_for_its_last_branch(store: ZenginStore) -> None:
    old = fill(store)
    new = master(
        {"0001": "みずほ", "0001-001": "東京営業部", "0001-004": "丸の内中央", "0009": "三井", "0009-001": "本店"}
    )
    rows = changes(old, new)
    part = rows.filter(~pl.col("key").is_in(["0009", "0005-001"]))
    result = apply(store, part)
    assert conflicts(result) == {"0009-001": "no_bank", "0005": "has_branches"}
    assert (result.applied, result.waiting) == (0, 2)
    assert apply(store, rows).applied == 4
    assert same(current(store), new)


def test_running_again_changes_nothing(store: ZenginStore, pool: postgres.Pool) -> None:
    old = fill(store)
    new = master({"0005": "三菱", "0009": "三井住友", "0009-001": "本店"})
    rows = changes(old, new)
    first = apply(store, rows)
    everything = (
        "SELECT * FROM zengin.change_history ORDER BY id",
        "SELECT * FROM zengin.branch_history ORDER BY 1, 2, 8",
    )
    before = [rows_of(pool, query) for query in everything]
    again = apply(store, rows)
    assert (again.applied, again.already, again.conflicts) == (0, first.applied, 0)
    assert [rows_of(pool, query) for query in everything] == before
    assert same(current(store), new)


def test_a_dry_run_tells_and_writes_nothing(store: ZenginStore, pool: postgres.Pool) -> None:
    old = fill(store)
    rows = changes(old, master({"0005": "三菱", "0005-001": "本店"}))
    by_hand(pool, "UPDATE zengin.branches SET branch_name = '手' WHERE branch_code = '004'")
    there = current(store)
    dry = apply(store, rows, dry_run=True)
    assert same(current(store), there)
    assert rows_of(pool, "SELECT count(*) FROM zengin.change_history WHERE changeset_id = 'c1'") == [(0,)]
    assert rows_of(pool, "SELECT count(*) FROM zengin.conflicts") == [(0,)]
    wet = apply(store, rows)
    assert dry.outcomes.equals(wet.outcomes)
    assert (dry.counts, dry.conflicts, dry.waiting) == (wet.counts, 1, 1)


def test_two_applies_in_one_transaction(store: ZenginStore) -> None:
    first, second = master({"0001": "みずほ"}), master({"0001": "みずほ", "0001-001": "東京"})
    with store.transaction() as session:
        for name, rows in (("c1", changes(EMPTY, first)), ("c2", changes(first, second))):
            session.add_changeset(changeset(name), who="tests", now=NOW)
            dry = session.stage_and_apply(name, rows, business_date=DAY, now=NOW, dry_run=True)
            assert dry.applied == session.stage_and_apply(name, rows, business_date=DAY, now=NOW).applied == 1
    assert same(current(store), second)


@pytest.mark.parametrize("side", ["old", "new"])
def test_a_row_that_is_not_what_was_approved_stops_all(store: ZenginStore, side: str) -> None:
    old = fill(store)
    rows = changes(old, master({**BASE, "0001": "みずほ２", "0005": "三菱２"}))
    forged = pl.col(side).struct.with_fields(
        pl.when(pl.col("key") == "0005").then(pl.lit("偽")).otherwise(pl.field("name")).alias("name")
    )
    with pytest.raises(PermanentFailure, match="banks 0005 of d-banks-0005 is not the row"):
        apply(store, rows.with_columns(forged.alias(side)))
    assert same(current(store), old)


def test_a_key_twice_stops_all(store: ZenginStore) -> None:
    rows = changes(EMPTY, master({"0001": "みずほ"}))
    with pytest.raises(PermanentFailure, match="changes banks 0001 twice"):
        apply(store, pl.concat([rows, rows.with_columns(diff_id=pl.lit("other"))]))


def test_an_unknown_changeset_is_not_applied(store: ZenginStore) -> None:
    with pytest.raises(NotFound, match="no changeset c9"), store.transaction() as session:
        session.stage_and_apply("c9", changes(EMPTY, master({"0001": "みずほ"})), business_date=DAY, now=NOW)


def test_a_row_the_tables_refuse_rolls_all_back(store: ZenginStore) -> None:
    rows = changes(EMPTY, master({"0001": "みずほ", "0001-001": "長" * 101}))
    with pytest.raises(PermanentFailure, match="c1 was not applied"):
        apply(store, rows)
    assert same(current(store), EMPTY)


def test_fewer_rows_than_approved_roll_all_back(store: ZenginStore, pool: postgres.Pool) -> None:
    """Whatever swallows a row, such as a trigger that somebody added to the table."""
    old = fill(store)
    rows = changes(old, master({**BASE, "0001": "みずほ２", "0001-001": "東京２", "0001-004": "丸の内２"}))
    by_hand(
        pool,
        """
        CREATE FUNCTION zengin.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER swallow BEFORE UPDATE ON zengin.branches FOR EACH ROW
            WHEN (OLD.branch_code = '004') EXECUTE FUNCTION zengin.swallow()
        """,
    )
    try:
        with pytest.raises(PermanentFailure, match="2 update rows of branches were to be written, not 1"):
            apply(store, rows)
    finally:
        by_hand(pool, "DROP FUNCTION zengin.swallow() CASCADE")
    assert same(current(store), old)
    assert rows_of(pool, "SELECT count(*) FROM zengin.change_history WHERE changeset_id = 'c1'") == [(0,)]
    assert apply(store, rows).applied == 3


def test_the_master_as_of_a_day(store: ZenginStore) -> None:
    first = fill(store, day=date(2026, 11, 1))
    second = master({**BASE, "0001": "みずほ２"})
    third = master({"0001": "みずほ２", "0009": "三井住友"})
    apply(store, changes(first, second, prefix="a"), "a", day=date(2026, 11, 5))
    apply(store, changes(second, third, prefix="b"), "b", day=date(2026, 11, 9))
    wanted = {date(2026, 10, 31): EMPTY, date(2026, 11, 1): first, date(2026, 11, 4): first}
    wanted |= {
        date(2026, 11, 5): second,
        date(2026, 11, 8): second,
        date(2026, 11, 9): third,
        date(2027, 1, 1): third,
    }
    for day, frames in wanted.items():
        assert same(as_of(store, day), frames), day


def test_changes_of_one_day_and_late_ones_leave_no_overlap(store: ZenginStore, pool: postgres.Pool) -> None:
    states = [master({"0001": name}) for name in ("一", "二", "三", "四")]
    days = [date(2026, 11, 5), date(2026, 11, 5), date(2026, 11, 5), date(2026, 11, 2)]
    old = EMPTY
    for number, (frames, day) in enumerate(zip(states, days, strict=True)):
        apply(store, changes(old, frames, prefix=f"p{number}"), f"p{number}", day=day)
        old = frames
    assert same(as_of(store, date(2026, 11, 5)), states[-1])
    assert same(as_of(store, date(2026, 11, 4)), EMPTY)
    names = rows_of(pool, "SELECT bank_name FROM zengin.bank_history ORDER BY valid_to NULLS LAST, recorded_at")
    assert {name for (name,) in names} == {"一", "二", "三", "四"}


def test_an_edit_by_hand_is_in_the_history_too(store: ZenginStore, pool: postgres.Pool) -> None:
    fill(store, day=date(2020, 1, 1))
    by_hand(pool, "UPDATE zengin.banks SET bank_name = '手の銀行' WHERE bank_code = '0001'")
    by_hand(pool, "DELETE FROM zengin.branches WHERE bank_code = '0005'")
    by_hand(pool, "UPDATE zengin.banks SET bank_code = '0006' WHERE bank_code = '0005'")
    far = date(2100, 1, 1)
    assert same(as_of(store, far), current(store))
    assert same(as_of(store, date(2020, 1, 1)), master(BASE))


def test_two_applies_of_one_changeset_race(store: ZenginStore) -> None:
    old = fill(store)
    rows = changes(old, master({**BASE, "0001": "みずほ２", "0009": "三井"}))
    with store.transaction() as session:
        session.add_changeset(changeset("c1"), who="tests", now=NOW)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: apply(store, rows), range(4)))
    assert sorted(result.applied for result in results) == [0, 0, 0, 2]
    assert all(result.applied + result.already == 2 for result in results)


def test_an_apply_waits_for_a_hand_at_work(store: ZenginStore, pool: postgres.Pool) -> None:
    """The base check sees what the other transaction commits, not what was there when the apply began."""
    old = fill(store)
    rows = changes(old, master({**BASE, "0001": "みずほ２", "0005": "三菱２"}))
    done = threading.Event()
    results: list[ApplyResult] = []

    def run() -> None:
        results.append(apply(store, rows))
        done.set()

    with postgres.transaction(pool) as connection:
        connection.execute("UPDATE zengin.banks SET bank_name = '手' WHERE bank_code = '0001'")
        thread = threading.Thread(target=run)
        thread.start()
        assert not done.wait(0.3)
    thread.join(PATIENCE)
    assert (results[0].applied, conflicts(results[0])) == (1, {"0001": "changed"})


KEYS = [
    *("0001", "0002", "9999"),
    *(f"{bank}-{branch}" for bank in ("0001", "0002", "9999") for branch in ("000", "001", "999")),
]


@st.composite
def masters(draw: st.DrawFn) -> Frames:
    names = st.sampled_from(["本店", "ヶ丘", "ﾎﾝﾃﾝ", "a\tb\\N", "０"])
    rows = draw(st.dictionaries(st.sampled_from(KEYS), names, max_size=len(KEYS)))
    return master({key: name for key, name in rows.items() if key[:4] in rows})


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=masters(), new=masters())
def test_applying_the_difference_gives_the_other_master(
    store: ZenginStore, pool: postgres.Pool, old: Frames, new: Frames
) -> None:
    by_hand(pool, "TRUNCATE zengin.change_history")
    there = changes(current(store), old)
    assert apply(store, there, "to-old", day=DAY).applied == there.height
    by_hand(pool, "TRUNCATE zengin.change_history")
    rows = changes(old, new, prefix="e")
    assert apply(store, rows, "to-new", day=DAY + timedelta(days=1)).applied == rows.height
    assert same(current(store), new)
    assert same(as_of(store, DAY + timedelta(days=1)), new)


def test_records_with_what_is_said_of_them_are_taken_too(store: ZenginStore) -> None:
    rows = changes(EMPTY, master(BASE))
    said = [pl.lit("x").alias(name) for name in RECORD_SCHEMA if name not in rows.columns]
    assert apply(store, rows.with_columns(said).select(*RECORD_SCHEMA)).applied == len(BASE)
