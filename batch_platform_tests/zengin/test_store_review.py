"""Snapshots, changesets, the mirror of the records with its audit, rejections, history and its end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict, NotFound
from batch_platform.core.messages import Message
from batch_platform.zengin.content import content_hash
from batch_platform.zengin.model import (
    Approval,
    Changeset,
    ChangesetStatus,
    HoldReason,
    Provenance,
    Status,
    Verdict,
)
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.mirror import proposal
from batch_platform.zengin.store.snapshots import SnapshotRow
from batch_platform_tests.zengin.rows import DAY, EMPTY, NOW, changes, changeset, master, record

LATER = NOW + timedelta(hours=1)


def snapshot(number: int = 1, **more: object) -> SnapshotRow:
    content = f"{number:064x}"
    provenance = Provenance(
        f"release {number}", f"1.1.0.{number}", "f" * 64, content, NOW + timedelta(minutes=number)
    )
    row = SnapshotRow(
        f"s{number}", DAY, provenance, 2, 9, ("0099",), False, f"s3://lake/{number}/", ({"name": "keys"},)
    )
    return replace(row, **more)


def test_a_snapshot_is_registered_once_a_day(store: ZenginStore) -> None:
    with store.transaction() as session:
        assert session.save_snapshot(snapshot())
        assert not session.save_snapshot(snapshot())
        assert session.snapshot("s1") == replace(snapshot(), checks=[{"name": "keys"}])
        assert session.snapshot("s2") is None
        assert session.save_snapshot(snapshot(2))
        assert session.save_snapshot(snapshot(3, business_date=DAY + timedelta(days=1)))
        assert session.newest_snapshot(DAY).id == "s2"
        assert session.newest_snapshot(until=DAY).id == "s2"
        assert session.newest_snapshot().id == "s3"
        assert session.newest_snapshot(date(2000, 1, 1)) is None


def test_reasons_are_messages_again_and_what_stands_there_from_before_is_text(store: ZenginStore) -> None:
    why = Message("undoes-changeset", "Undoes {changeset}.", changeset="c0")
    with store.transaction() as session:
        session.add_changeset(changeset(reason=why), who="system", now=NOW)
        session.move_changeset(session.changeset("c1"), who="local:ann", now=NOW, why="my own words", approvals=())
        session.note_records([record()], who="system", now=NOW, reason=why)
        kept = session.changeset("c1").reason
        assert (kept, getattr(kept, "id", None)) == ("Undoes c0.", "undoes-changeset")
        first, second = (row["reason"] for row in session.transitions("changeset", "c1"))
        assert (first.id, second, type(second)) == ("undoes-changeset", "my own words", str)
        assert session.transitions("record", record().id)[0]["reason"].id == "undoes-changeset"
        session.connection.execute("UPDATE zengin.changesets SET message = NULL")
        assert type(session.changeset("c1").reason) is str


def test_a_bootstrap_can_be_asked_for_later(store: ZenginStore) -> None:
    with store.transaction() as session:
        session.save_snapshot(snapshot())
        session.save_snapshot(snapshot(bootstrap=True))
        session.save_snapshot(snapshot())
        assert session.snapshot("s1").bootstrap


def test_verdicts_and_the_contents_that_were_accepted(store: ZenginStore) -> None:
    with store.transaction() as session:
        for number in (1, 2, 3):
            session.save_snapshot(snapshot(number))
        session.judge_snapshot("s1", Verdict.ACCEPTED, None, "Within the limits.", now=NOW)
        assert session.judge_snapshot("s2", Verdict.HELD, HoldReason.BRAKE, "Too many.", now=NOW + timedelta(1))
        session.judge_snapshot("s3", Verdict.ACCEPTED, None, "Within the limits.", now=NOW + timedelta(2))
        assert not session.judge_snapshot("s3", Verdict.ACCEPTED, None, "Again.", now=NOW + timedelta(3))
        assert session.accepted_hashes() == [f"{1:064x}", f"{3:064x}"]
        session.judge_snapshot("s2", Verdict.ACCEPTED, None, "Overridden.", now=NOW + timedelta(4))
        assert session.accepted_hashes() == [f"{number:064x}" for number in (1, 3, 2)]
        assert session.snapshot("s2").hold_reason is None


def test_snapshots_page(store: ZenginStore) -> None:
    with store.transaction() as session:
        for number in range(5):
            session.save_snapshot(snapshot(number))
        first = session.snapshots_page(limit=3)
        rest = session.snapshots_page(before=(first[-1].provenance.received_at, first[-1].id), limit=3)
    assert [row.id for row in (*first, *rest)] == ["s4", "s3", "s2", "s1", "s0"]


def test_a_changeset_moves_by_its_version(store: ZenginStore) -> None:
    first = changeset(approvals=(), hold_reason=HoldReason.BRAKE, verdict=Verdict.HELD, status=ChangesetStatus.HELD)
    with store.transaction() as session:
        assert session.add_changeset(first, who="system", now=NOW)
        assert not session.add_changeset(replace(first, reason="Another."), who="system", now=NOW)
        assert session.changeset("c1") == first
        ann = Approval("local:ann", LATER)
        moved = session.move_changeset(
            first, who="local:ann", now=LATER, why="It is a merger.", status=ChangesetStatus.PENDING, approvals=(ann,)
        )
        assert session.changeset("c1") == moved
        assert (moved.version, moved.approvals) == (2, (ann,))
        with pytest.raises(Conflict, match="was changed meanwhile"):
            session.move_changeset(first, who="local:bob", now=LATER, status=ChangesetStatus.REJECTED)
        with pytest.raises(Conflict, match="cannot become"):
            session.move_changeset(moved, who="local:bob", now=LATER, status=ChangesetStatus.REVERSED)
        told = session.transitions("changeset", "c1")
    assert [(step["who"], step["from_status"], step["to_status"], step["version"]) for step in told] == [
        ("system", None, "held", 1),
        ("local:ann", "held", "pending", 2),
    ]
    assert told[1]["reason"] == "It is a merger."


def test_of_two_who_move_a_changeset_one_loses(store: ZenginStore) -> None:
    with store.transaction() as session:
        session.add_changeset(changeset(), who="system", now=NOW)

    def move(who: str) -> str | None:
        try:
            with store.transaction() as session:
                session.move_changeset(changeset(), who=who, now=LATER, status=ChangesetStatus.APPROVED)
        except Conflict:
            return None
        return who

    with ThreadPoolExecutor(4) as pool:
        assert len([who for who in pool.map(move, ["a", "b", "c", "d"]) if who]) == 1


def test_changesets_page_and_are_found(store: ZenginStore) -> None:
    made = [changeset(f"c{n}", created_at=NOW + timedelta(seconds=n // 2)) for n in range(5)]
    made.append(changeset("undo", inverse_of="c0", created_at=NOW - timedelta(1), status=ChangesetStatus.HELD))
    with store.transaction() as session:
        for one in made:
            session.add_changeset(one, who="system", now=NOW)
        seen: list[Changeset] = []
        while page := session.changesets(before=(seen[-1].created_at, seen[-1].id) if seen else None, limit=2):
            seen += page
        assert [one.id for one in seen] == ["c4", "c3", "c2", "c1", "c0", "undo"]
        assert [one.id for one in session.changesets(inverse_of="c0", limit=9)] == ["undo"]
        assert [one.id for one in session.changesets(statuses=[ChangesetStatus.HELD], limit=9)] == ["undo"]
        assert session.changesets(business_date=date(2000, 1, 1), limit=9) == []
        with pytest.raises(NotFound, match="no changeset c9"):
            session.changeset("c9")


def test_the_mirror_follows_and_never_goes_back(store: ZenginStore) -> None:
    first, second = record(1), record(2)
    approved = replace(first, status=Status.APPROVED, version=2)
    with store.transaction() as session:
        session.add_changeset(changeset(), who="system", now=NOW)
        session.note_records([], who="system", now=NOW)
        session.note_records([first, second], who="system", now=NOW)
        session.note_records([approved], who="local:ann", now=LATER, reason="Looks right.")
        session.note_records([first, approved], who="late", now=LATER)
        assert session.record_keys("c1") == [(first.id, NOW), (second.id, NOW)]
        assert session.record_keys("c1", [Status.APPROVED]) == [(first.id, NOW)]
        assert session.record_time(first.id) == NOW
        assert session.record_time("diff-0") is None
        told = session.transitions("record", first.id)
        counts = session.record_counts(["c1"])
    assert [(step["who"], step["from_status"], step["to_status"]) for step in told] == [
        ("system", None, "pending"),
        ("local:ann", "pending", "approved"),
    ]
    assert sorted((row["status"], row["risk"], row["records"]) for row in counts) == [
        ("approved", "low", 1),
        ("pending", "low", 1),
    ]


def test_a_step_that_was_not_noted_is_no_lie_later(store: ZenginStore) -> None:
    """A worker died between the item and the mirror: the next step says what it knows."""
    with store.transaction() as session:
        session.add_changeset(changeset(), who="system", now=NOW)
        session.note_records([record()], who="system", now=NOW)
        session.note_records([replace(record(), status=Status.EXECUTING, version=3)], who="system", now=LATER)
        told = session.transitions("record", record().id)
    assert [(step["from_status"], step["to_status"], step["version"]) for step in told] == [
        (None, "pending", 1),
        (None, "executing", 3),
    ]


def test_open_records_by_key(store: ZenginStore) -> None:
    bulk = replace(record(3), key=None, table=None)
    closed = replace(record(4), status=Status.REJECTED)
    with store.transaction() as session:
        session.add_changeset(changeset(), who="system", now=NOW)
        session.note_records([record(1), record(2), bulk, closed], who="system", now=NOW)
        assert {row["id"] for row in session.open_records(["0001-001"])} == {record(1).id, bulk.id}
        assert len(session.open_records()) == 3


def test_changesets_to_apply_on_a_day(store: ZenginStore) -> None:
    waiting = replace(record(1), status=Status.APPROVED, not_before=DAY + timedelta(days=1))
    due = replace(record(2), status=Status.APPROVED, changeset_id="c2")
    with store.transaction() as session:
        for name in ("c1", "c2"):
            session.add_changeset(changeset(name), who="system", now=NOW)
        session.note_records([waiting, due], who="system", now=NOW)
        assert session.approved_changesets(DAY) == ["c2"]
        assert session.approved_changesets(DAY + timedelta(days=1)) == ["c1", "c2"]


def test_rejections_are_remembered(store: ZenginStore) -> None:
    refused = [proposal("branches", "0001-001", None, "b"), proposal("banks", "0002", "a", None)]
    with store.transaction() as session:
        assert session.remember_rejections("c1", refused, who="local:ann", reason="Wrong.", now=NOW) == 2
        assert session.remember_rejections("c2", refused, who="local:bob", reason="Again.", now=LATER) == 0
        assert session.remember_rejections("c2", [], who="local:bob", reason="None.", now=LATER) == 0
        assert session.rejected_fingerprints() == frozenset(refused)
        assert session.rejected_fingerprints(["0002"]) == {("banks", "0002", "a", "")}


def test_what_filled_an_empty_master_is_no_recent_change(store: ZenginStore) -> None:
    """Also when its row was applied again: then it is one."""
    old, new = master({"0001": "みずほ", "0005": "三菱"}), master({"0001": "みずほ２", "0005": "三菱"})
    filled = changes(EMPTY, old)
    twice = filled.filter(pl.col("key") == "0005").with_columns(diff_id=pl.lit("again"))
    with store.transaction() as session:
        session.add_changeset(changeset("c1", base_content_hash=content_hash(*EMPTY)), who="system", now=NOW)
        session.stage_and_apply("c1", filled, business_date=DAY, now=NOW)
        for name in ("c2", "c3"):
            session.add_changeset(changeset(name), who="system", now=NOW)
        session.stage_and_apply("c2", changes(old, new, prefix="e"), business_date=DAY, now=NOW)
        assert session.recent_applied(since=DAY - timedelta(1)).get_column("key").to_list() == ["0001"]
        session.connection.execute("DELETE FROM zengin.banks WHERE bank_code = '0005'")
        session.stage_and_apply("c3", twice, business_date=DAY, now=NOW)
        assert sorted(session.recent_applied(since=DAY - timedelta(1)).get_column("key")) == ["0001", "0005"]
        assert session.recent_applied(since=DAY).is_empty()


def test_history_is_paged_counted_and_ends(store: ZenginStore, pool: postgres.Pool) -> None:
    old, new = master({"0001": "みずほ"}), master({"0001": "みずほ２", "0001-001": "東京", "0001-002": "大阪"})
    with store.transaction() as session:
        for name, rows, day in (
            ("c1", changes(EMPTY, old), DAY),
            ("c2", changes(old, new, prefix="e"), DAY + timedelta(9)),
        ):
            session.add_changeset(changeset(name), who="system", now=NOW)
            session.stage_and_apply(name, rows, business_date=day, now=NOW + timedelta(days=(day - DAY).days))
        first = session.history_page(limit=2)
        rest = session.history_page(before=first[-1]["id"], limit=9)
        assert [row["record_id"] for row in (*first, *rest)] == ["0001-002", "0001-001", "0001", "0001"]
        assert [row["changeset_id"] for row in session.history_page(key="0001", limit=9)] == ["c2", "c1"]
        assert len(session.history_page(changeset_id="c2", limit=9)) == 3
        assert session.history_counts(["c1", "c2", "c3"]) == {
            "c1": {"banks.addition": 1},
            "c2": {"banks.update": 1, "branches.addition": 2},
        }
        assert len(session.history_by_day(since=DAY)) == 3
        recent = session.recent_applied(since=DAY)
        assert sorted(recent.get_column("key")) == ["0001", "0001-001", "0001-002"]
        assert session.purge_history(before=NOW + timedelta(1), dry_run=True) == 1
        assert session.purge_history(before=NOW + timedelta(1)) == 1
        assert session.purge_history(before=NOW + timedelta(1)) == 0
        assert session.history("c1").is_empty()
