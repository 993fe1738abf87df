"""The bank master by real releases: the targets of the domain, and what simpler ways cost.

    .venv/bin/python -m benchmarks.zengin [--rounds 5] [--replay FOLDER]

Measures the whole way of a bootstrap, of a typical update and of ten years at once (read, compare, classify, store,
approve, apply), and then, in the same run and in turns, the diff against Python dicts and a SQL full join, and the
guarded apply against one transaction row by row and against COPY and MERGE without guard, history or validity.
DynamoDB is left out of the times by an in-memory stand-in for its table alone. With `--replay` every release in a
folder of wheels goes through the whole workflow with DynamoDB, and the master is compared after each.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg import sql

from batch_platform.core import aws, postgres
from batch_platform.local import provision, services
from batch_platform.local.home import Home
from batch_platform.settings import Settings, load_settings
from batch_platform.zengin import service
from batch_platform.zengin.classify import classify
from batch_platform.zengin.demo import releases
from batch_platform.zengin.diff import diff
from batch_platform.zengin.mergers import proposals
from batch_platform.zengin.model import BRANCH_COLUMNS, Changeset, Verdict
from batch_platform.zengin.readers import read_release
from batch_platform.zengin.records import with_id
from batch_platform.zengin.service.sources import read_source
from benchmarks.zengin_records import InMemory

if TYPE_CHECKING:
    from batch_platform.zengin.service import ZenginContext

Master = tuple[pl.DataFrame, pl.DataFrame]
NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
APPROVERS = ("local:first", "local:second")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--replay", type=Path, help="a folder of zengin-code wheels, replayed in order")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-zengin-") as folder:
        os.environ.setdefault("BATCH_PLATFORM_HOME", f"{folder}/home")
        os.environ.update(services.ensure_running(load_settings()))
        settings = load_settings()
        provision.provision(settings, os.environ)
        try:
            if chosen.replay:
                _replay(settings, chosen.replay)
            else:
                _benchmark(settings, chosen.rounds)
        finally:
            services.stop(Home(settings.home))


def _benchmark(settings: Settings, rounds: int) -> None:
    wheels = [releases.fetch(one, settings.home) for one in (releases.FIRST, releases.EARLIER, releases.LATER)]
    with _context(settings) as context:
        first, earlier, later = (_frames(context, wheel) for wheel in wheels)
        for what, before, wheel, target in (
            ("bootstrap", [], wheels[2], "2.0 s end to end"),
            ("typical update", [wheels[1]], wheels[2], "0.5 s"),
            ("ten years", [wheels[0]], wheels[2], "1.0 s"),
        ):
            reads, rest = _timed_ways(context, rounds, before, wheel)
            _say(f"{what:14} snapshot               {_line(reads)}")
            _say(f"{what:14} diff, approval, apply  {_line(rest)}  target {target}")
        _compare_diffs(context, rounds, earlier, later)
        _compare_applies(context, rounds, first, later)


def _timed_ways(
    context: ZenginContext, rounds: int, before: list[Path], wheel: Path
) -> tuple[list[float], list[float]]:
    """Seconds from the wheel on disk to the snapshot, and from there to the committed master."""
    reads, rest = [], []
    for _ in range(rounds):
        _empty(context)
        quiet = replace(context, records=InMemory(), limits=_unlimited(context))  # type: ignore[arg-type]
        for one in before:
            _way(quiet, one, bootstrap=True)
        began = time.perf_counter()
        service.take_snapshot(quiet, str(wheel), bootstrap=not before)
        taken = time.perf_counter()
        _decide(quiet)
        reads.append(taken - began)
        rest.append(time.perf_counter() - taken)
    return reads, rest


def _way(context: ZenginContext, wheel: Path, *, bootstrap: bool) -> Changeset:
    """One release the whole way; held ones are left as they are."""
    service.take_snapshot(context, str(wheel), bootstrap=bootstrap)
    return _decide(context)


def _decide(context: ZenginContext) -> Changeset:
    changeset = service.propose(context).changeset
    if changeset.verdict is Verdict.ACCEPTED:
        for account in APPROVERS[: changeset.needs_approvals]:
            service.approve_changeset(
                context,
                changeset.id,
                by=account,
                payload_hash=changeset.payload_hash,
                count=changeset.counts["rows"],
            )
        service.apply(context)
    return changeset


def _compare_diffs(context: ZenginContext, rounds: int, old: Master, new: Master) -> None:
    with context.store.transaction() as session:
        connection = session.connection
        _load(connection, "old_branches", old[1])
        _load(connection, "new_branches", new[1])
        plain = [_as_dict(frame) for frame in (old[1], new[1])]
        times = _in_turns(
            rounds,
            {
                "polars": lambda: diff(*old, *new),
                "Python dicts": lambda: _dict_diff(*(_as_dict(frame) for frame in (old[1], new[1]))),
                "Python dicts, made before": lambda: _dict_diff(*plain),
                "SQL full join": lambda: connection.execute(_FULL_JOIN).fetchall(),
                "polars, classified": lambda: classified(old, new),
            },
        )
    _ratios("diff", times, base="polars")


def _compare_applies(context: ZenginContext, rounds: int, old: Master, new: Master) -> None:
    changes = with_id(classified(old, new), "diff-20261120-000000000000")
    ways: dict[str, Callable[[Any], object]] = {
        "guarded apply": lambda session: session.stage_and_apply(
            "benchmark", changes, business_date=date(2026, 11, 20), now=NOW
        ),
        "row by row": lambda session: _row_by_row(session.connection, changes),
        "COPY and MERGE": lambda session: _copy_and_merge(session.connection, new),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            _empty(context)
            _fill(context, old)
            with context.store.transaction() as session:
                began = time.perf_counter()
                way(session)
                times[name].append(time.perf_counter() - began)
    _say(f"apply of {changes.height:,} changes")
    _ratios("apply", times, base="guarded apply")


def classified(old: Master, new: Master) -> pl.DataFrame:
    changes = diff(*old, *new)
    return classify(changes, proposals(changes, *new))


def _row_by_row(connection: postgres.Connection, changes: pl.DataFrame) -> None:
    """What the spec's first sketch did: a history row and a write for each change, in one transaction."""
    for row in changes.iter_rows(named=True):
        connection.execute(_HISTORY_ROW, {**row, "old": str(row["old"]), "new": str(row["new"])})
        kind = "bank" if row["table"] == "banks" else "branch"
        key = {"bank_code": row["bank_code"]} | ({"branch_code": row["branch_code"]} if kind == "branch" else {})
        table = sql.Identifier("zengin", row["table"])
        where = sql.SQL(" AND ").join(sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in key)
        if row["diff_type"] == "deletion":
            connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(table, where), key)
            continue
        values = {f"{kind}_{name}": value for name, value in row["new"].items()}
        names = [sql.Identifier(name) for name in (*key, *values)]
        places = [sql.Placeholder(name) for name in (*key, *values)]
        sets = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in values)
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
            table,
            sql.SQL(", ").join(names),
            sql.SQL(", ").join(places),
            sql.SQL(", ").join(sql.Identifier(name) for name in key),
            sets,
        )
        connection.execute(statement, {**key, **values})


def _copy_and_merge(connection: postgres.Connection, new: Master) -> None:
    """The whole new master copied and merged: nothing is guarded, dated or remembered by record."""
    for table, frame in zip(("banks", "branches"), new, strict=True):
        _load(connection, f"merged_{table}", frame)
    connection.execute(_MERGE_BANKS)
    connection.execute(_MERGE_BRANCHES)
    connection.execute(_DROP_BRANCHES)
    connection.execute(_DROP_BANKS)


def _dict_diff(old: dict[Any, Any], new: dict[Any, Any]) -> list[Any]:
    changes = [("addition", key, None, row) for key, row in new.items() if key not in old]
    changes += [("update", key, old[key], row) for key, row in new.items() if key in old and old[key] != row]
    return changes + [("deletion", key, row, None) for key, row in old.items() if key not in new]


def _as_dict(frame: pl.DataFrame) -> dict[Any, Any]:
    return {(row["bank_code"], row["branch_code"]): row for row in frame.to_dicts()}


def _in_turns(rounds: int, ways: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    return times


def _ratios(what: str, times: dict[str, list[float]], *, base: str) -> None:
    for name, found in times.items():
        _say(f"{what:6} {name:28} {_line(found)}  x{median(found) / median(times[base]):.2f}")


def _replay(settings: Settings, folder: Path) -> None:
    """Every wheel in order; what is not held is approved and applied. Exits 1 for a master that differs."""
    with _context(settings) as context:
        wheels = sorted(folder.glob("*.whl"), key=lambda wheel: wheel.name.split("-")[1].rpartition(".")[2])
        last = service.master_as_of(context, None)  # of an earlier replay: it must stay
        applied = held = 0
        for number, wheel in enumerate(wheels):
            began = time.perf_counter()
            changeset = _way(context, wheel, bootstrap=number == 0)
            seconds = time.perf_counter() - began
            if changeset.verdict is Verdict.ACCEPTED:
                last, applied = _frames(context, wheel), applied + changeset.counts["rows"]
            held += changeset.verdict is Verdict.HELD
            equal = _equal(service.master_as_of(context, None), last)
            rows = changeset.counts.get("rows", 0)
            _say(f"{wheel.name.split('-')[1]:16} {changeset.verdict:9} {rows:6,} rows {seconds:6.2f} s equal={equal}")
            if not equal:
                sys.exit(1)
        with context.store.snapshot() as session:
            found = session.history_counts([one.id for one in session.changesets(limit=10_000)])
        history = sum(sum(counts.values()) for counts in found.values())
        _say(f"{len(wheels)} releases, {applied:,} changes applied, {history:,} rows of history, {held} held")


def _equal(one: Master, other: Master) -> bool:
    return all(ours.equals(theirs) for ours, theirs in zip(one, other, strict=True))


def _frames(context: ZenginContext, wheel: Path) -> Master:
    banks, branches, _ = read_release(read_source(str(wheel), context.s3).files, where=wheel.name)
    return banks, branches


@contextmanager
def _context(settings: Settings) -> Iterator[ZenginContext]:
    assert settings.database_url is not None
    pool = postgres.open_pool(settings.database_url.get_secret_value(), application_name="benchmark")
    try:
        yield service.build_context(
            pool=pool,
            dynamodb=aws.client("dynamodb", settings),
            s3=aws.client("s3", settings),
            lake_bucket=settings.lake_bucket,
            env=settings.env,
        )
    finally:
        pool.close()


def _unlimited(context: ZenginContext) -> Any:
    """Ten years at once are more than any brake lets through: the benchmark measures the work behind it."""
    percents = {name: 100_000 for name in vars(context.limits) if name.endswith("_percent")}
    return replace(context.limits, **percents, truncation_banks=10_000, truncation_branches=100_000)


def _empty(context: ZenginContext) -> None:
    with context.store.transaction() as session:
        session.connection.execute(_TRUNCATE)


def _fill(context: ZenginContext, master: Master) -> None:
    """By an apply, which also makes what search and validity need."""
    empty = (master[0].clear(), master[1].clear())
    changes = with_id(classified(empty, master), "diff-20261119-000000000000")
    with context.store.transaction() as session:
        session.connection.execute(_CHANGESET)
        session.stage_and_apply("benchmark", changes, business_date=date(2026, 11, 19), now=NOW)


def _load(connection: postgres.Connection, table: str, frame: pl.DataFrame) -> None:
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in frame.columns)
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(sql.Identifier(table), columns)
    )
    with connection.cursor() as cursor:
        postgres.copy_frame(cursor, sql.Identifier("pg_temp", table), frame)
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))


def _line(times: list[float]) -> str:
    return f"{median(times):7.3f} s (best {min(times):.3f}, worst {max(times):.3f})"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


_TRUNCATE = b"""
    TRUNCATE zengin.banks, zengin.branches, zengin.bank_history, zengin.branch_history, zengin.snapshots,
             zengin.changesets, zengin.records, zengin.transitions, zengin.rejections, zengin.change_history,
             zengin.conflicts
"""
_CHANGESET = b"""
    INSERT INTO zengin.changesets (
        id, snapshot_hash, business_date, verdict, reason, counts, payload_hash, base_content_hash, status, version,
        needs_approvals, approvals, created_at, updated_at)
    VALUES ('benchmark', 'none', '2026-11-20', 'accepted', 'a benchmark', '{}', 'none', 'none', 'approved', 1, 1,
            '[]', now(), now())
"""
_HISTORY_ROW = b"""
    INSERT INTO zengin.change_history (
        diff_id, changeset_id, operation_type, table_name, record_id, old_values, new_values, base_hash, new_hash,
        business_date, executed_at)
    VALUES (%(diff_id)s, 'benchmark', %(diff_type)s, %(table)s, %(key)s, to_jsonb(%(old)s::text),
            to_jsonb(%(new)s::text), %(base_hash)s, %(new_hash)s, '2026-11-20', now())
"""
_FULL_JOIN = f"""
    SELECT coalesce(o.bank_code, n.bank_code), coalesce(o.branch_code, n.branch_code), o, n
    FROM old_branches AS o FULL JOIN new_branches AS n USING (bank_code, branch_code)
    WHERE ({", ".join(f"o.{name}" for name in BRANCH_COLUMNS)})
          IS DISTINCT FROM ({", ".join(f"n.{name}" for name in BRANCH_COLUMNS)})
""".encode()
_MERGE_BANKS = b"""
    MERGE INTO zengin.banks AS bank USING merged_banks AS new ON bank.bank_code = new.bank_code
    WHEN MATCHED AND (bank.bank_name, bank.bank_kana, bank.bank_hira, bank.bank_roma)
                     IS DISTINCT FROM (new.bank_name, new.bank_kana, new.bank_hira, new.bank_roma) THEN
        UPDATE SET bank_name = new.bank_name, bank_kana = new.bank_kana, bank_hira = new.bank_hira,
                   bank_roma = new.bank_roma
    WHEN NOT MATCHED THEN
        INSERT (bank_code, bank_name, bank_kana, bank_hira, bank_roma)
        VALUES (new.bank_code, new.bank_name, new.bank_kana, new.bank_hira, new.bank_roma)
"""
_MERGE_BRANCHES = b"""
    MERGE INTO zengin.branches AS branch USING merged_branches AS new
    ON branch.bank_code = new.bank_code AND branch.branch_code = new.branch_code
    WHEN MATCHED AND (branch.branch_name, branch.branch_kana, branch.branch_hira, branch.branch_roma)
                     IS DISTINCT FROM (new.branch_name, new.branch_kana, new.branch_hira, new.branch_roma) THEN
        UPDATE SET branch_name = new.branch_name, branch_kana = new.branch_kana, branch_hira = new.branch_hira,
                   branch_roma = new.branch_roma
    WHEN NOT MATCHED THEN
        INSERT (bank_code, branch_code, branch_name, branch_kana, branch_hira, branch_roma)
        VALUES (new.bank_code, new.branch_code, new.branch_name, new.branch_kana, new.branch_hira, new.branch_roma)
"""
_DROP_BRANCHES = b"""
    DELETE FROM zengin.branches AS branch WHERE NOT EXISTS (
        SELECT FROM merged_branches AS new
        WHERE new.bank_code = branch.bank_code AND new.branch_code = branch.branch_code)
"""
_DROP_BANKS = b"""
    DELETE FROM zengin.banks AS bank
    WHERE NOT EXISTS (SELECT FROM merged_banks AS new WHERE new.bank_code = bank.bank_code)
"""

if __name__ == "__main__":
    main()
