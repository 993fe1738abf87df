"""A database, a table and a bucket of the proof's own; what is in them is read here by bare statements and scans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from batch_platform.core import postgres as core
from batch_platform.core.clock import Clock
from batch_platform.core.postgres import Pool
from batch_platform.proving import postgres
from batch_platform.proving.faults import Hazard, disturbed
from batch_platform.proving.ground import Scratch, require_local, scratch_name
from batch_platform.settings import Settings
from batch_platform.zengin.model import Limits
from batch_platform.zengin.proving.oracle import NAMES, Change, Master, Stood, Values, Written
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.lake import SnapshotLake
from batch_platform.zengin.store.records import RecordStore

COMMAND: Final = "zengin prove"

# masters of a proof are small: a handful of rows is a large share of them
_GENEROUS: Final = Limits(
    bank_additions_percent=300,
    bank_updates_percent=300,
    bank_deletions_percent=90,
    branch_additions_percent=300,
    branch_updates_percent=300,
    branch_deletions_percent=90,
    truncation_banks=50,
    truncation_branches=50,
)
_TABLES: Final = "SELECT format('zengin.%I', tablename) FROM pg_tables WHERE schemaname = 'zengin'"
_VALUES: Final = "{0}_name, coalesce({0}_kana, ''), coalesce({0}_hira, ''), coalesce({0}_roma, '')"
_BANKS: Final = f"SELECT bank_code, {_VALUES.format('bank')}"
_BRANCHES: Final = f"SELECT bank_code || '-' || branch_code, {_VALUES.format('branch')}"


@dataclass(frozen=True)
class SeenRecord:
    """A record as DynamoDB has it, and as its mirror in PostgreSQL has it; `audited` are the versions told of it."""

    id: str
    changeset: str
    status: str
    version: int
    mirrored: tuple[str, int] | None
    audited: tuple[int, ...]


class Ground:
    """Contexts of workers on stores of the proof's own, and what is in these."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self.url = postgres.database_url(settings, name)
        self.table = f"{name}-records"
        self.scratch = Scratch(settings, {f"zengin-data-diff-{settings.env}": self.table}, bucket=name)
        self.pool: Pool = core.open_pool(self.url, application_name="zengin proof")

    @contextmanager
    def worker(self, clock: Clock, hazard: Hazard | None = None) -> Iterator[ZenginContext]:
        """The context of another worker, of which each request passes the hazard."""
        pool = postgres.disturbed_pool(self.url, hazard) if hazard else self.pool
        dynamodb, s3 = self.scratch.dynamodb, self.scratch.s3
        if hazard:
            dynamodb, s3 = disturbed(dynamodb, hazard), disturbed(s3, hazard)
        try:
            yield ZenginContext(
                ZenginStore(pool),
                RecordStore(dynamodb, self.table, s3, self.scratch.bucket),
                SnapshotLake(s3, self.scratch.bucket),
                s3,
                self.scratch.bucket,
                limits=_GENEROUS,
                clock=clock,
                progress=lambda _: None,
            )
        finally:
            if hazard:
                pool.close()

    # reading

    def master(self) -> Master:
        """Banks and branches as they are now."""
        banks = self._rows(f"{_BANKS} FROM zengin.banks")
        branches = self._rows(f"{_BRANCHES} FROM zengin.branches")
        return {key: _values(values) for key, *values in [*banks, *branches]}

    def standing(self) -> list[Stood]:
        """The history of validity, without what was replaced on its own day."""
        dates = "valid_from, valid_to"
        there = "coalesce(valid_to > valid_from, true)"
        banks = self._rows(f"{_BANKS}, {dates} FROM zengin.bank_history WHERE {there}")
        branches = self._rows(f"{_BRANCHES}, {dates} FROM zengin.branch_history WHERE {there}")
        return [Stood(row[0], _values(row[1:5]), row[5], row[6]) for row in [*banks, *branches]]

    def history(self) -> list[Written]:
        """Every change that was applied."""
        rows = self._rows(
            "SELECT business_date, table_name, record_id, old_values, new_values FROM zengin.change_history"
        )
        return [
            Written(day, Change(key, _old_or_new(table, old), _old_or_new(table, new)))
            for day, table, key, old, new in rows
        ]

    def conflicts(self) -> set[str]:
        """Keys that were left out."""
        return {key for (key,) in self._rows("SELECT record_id FROM zengin.conflicts")}

    def changesets(self) -> dict[str, str]:
        """The status of each that had something to change: a release that comes again after its end has not."""
        return dict(self._rows("SELECT id, status FROM zengin.changesets WHERE verdict <> 'noop'"))

    def verdict(self, day: date) -> bool:
        """Whether the release of a day was judged, with which its proposal is fixed."""
        return bool(self._rows("SELECT FROM zengin.snapshots WHERE business_date = %s AND verdict IS NOT NULL", day))

    def untouched(self, day: date) -> bool:
        """Whether nothing of a day's release was proposed yet."""
        return not self._rows("SELECT FROM zengin.changesets WHERE business_date = %s", day)

    def records(self) -> list[SeenRecord]:
        """Every record, and what its mirror and its audit say."""
        mirror = {key: (status, version) for key, status, version in self._rows(_MIRROR)}
        audit: dict[str, list[int]] = {}
        for key, version in self._rows(_AUDIT):
            audit.setdefault(key, []).append(version)
        return [
            SeenRecord(
                id=item["id"]["S"],
                changeset=item["changesetId"]["S"],
                status=item["status"]["S"],
                version=int(item["version"]["N"]),
                mirrored=mirror.get(item["id"]["S"]),
                audited=tuple(audit.get(item["id"]["S"], ())),
            )
            for item in self.scratch.items(self.table)
        ]

    def edit(self, day: date, key: str, values: Values) -> None:
        """Somebody changes a branch by hand."""
        bank, _, branch = key.partition("-")
        with core.transaction(self.pool) as connection:
            connection.execute("SELECT set_config('zengin.business_date', %s, true)", (day.isoformat(),))
            connection.execute(
                "UPDATE zengin.branches SET branch_name = %s, branch_kana = %s, branch_hira = %s, branch_roma = %s, "
                "search = NULL WHERE bank_code = %s AND branch_code = %s",
                (*values, bank, branch),
            )

    def _rows(self, statement: str, *parameters: Any) -> list[Any]:
        with core.transaction(self.pool) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    # making and clearing away

    def clear(self) -> None:
        """Empty tables; what lies in the bucket stays, and is met by nobody."""
        with core.transaction(self.pool) as connection:
            names = ", ".join(name for (name,) in connection.execute(_TABLES.encode()).fetchall())
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())
        self.scratch.clear()


_MIRROR: Final = "SELECT id, status, version FROM zengin.records"
_AUDIT: Final = "SELECT target_id, version FROM zengin.transitions WHERE target = 'record' ORDER BY version"


@contextmanager
def own_ground(settings: Settings) -> Iterator[Ground]:
    """Stores for the time of a scenario. Raises `Conflict` anywhere but in the local environment."""
    require_local(settings, COMMAND)
    ground = Ground(settings, scratch_name())
    try:
        postgres.create_database(settings, ground.name)
        ground.scratch.create()
        yield ground
    finally:
        ground.pool.close()
        ground.scratch.drop()
        postgres.drop_database(settings, ground.name)


def _old_or_new(table: str, values: dict[str, Any] | None) -> Values | None:
    """The values of a row as the history keeps them."""
    if values is None:
        return None
    kind = "bank" if table == "banks" else "branch"
    return _values([values[f"{kind}_{name}"] for name in NAMES])


def _values(values: Any) -> Values:
    name, kana, hira, roma = values
    return name, kana, hira, roma


def release_files(master: Master) -> dict[str, bytes]:
    """The files of a release that says what a master holds."""
    banks: dict[str, Any] = {}
    branches: dict[str, dict[str, Any]] = {}
    for key, values in master.items():
        bank, _, branch = key.partition("-")
        entry = {"code": branch or bank, **dict(zip(NAMES, values, strict=True))}
        if branch:
            branches.setdefault(bank, {})[branch] = entry
        else:
            banks[bank] = entry
            branches.setdefault(bank, {})
    files: dict[str, Any] = {"banks.json": banks} | {f"branches/{bank}.json": own for bank, own in branches.items()}
    return {name: json.dumps(content, ensure_ascii=False).encode() for name, content in files.items()}
