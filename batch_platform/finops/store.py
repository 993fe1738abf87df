"""Every read and write of the finops tables; statements stand in `sql/`.

All state changes are conditional: a worker that lost its lease, a second registration of the same delivery and a
repeated publication change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

import polars as pl
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from batch_platform.core import postgres
from batch_platform.core.failures import NotFound
from batch_platform.core.objects import StoredObject
from batch_platform.core.sql import load
from batch_platform.finops.anomalies import SCHEMA as ANOMALY_SCHEMA
from batch_platform.finops.forecast import SCHEMA as FORECAST_DAYS
from batch_platform.finops.model import (
    MONEY,
    SUMMARY_KEYS,
    CheckOutcome,
    ClaimedFile,
    Connection,
    Delivery,
    FileStatus,
    Format,
    ManifestStatus,
    MonthState,
    MonthToAggregate,
    PublishedMonth,
    RegisteredVersion,
)
from batch_platform.finops.summary import SUMMARY_SCHEMA

_SQL: Final = load("batch_platform.finops.sql")

FORECAST_SCHEMA: Final = {**FORECAST_DAYS, "method": pl.String(), "backtest_error": MONEY}
RESTATEMENT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "billing_month": pl.Date(),
    **{name: pl.String() for name in ("from_version", "to_version", "usage_account_id", "service")},
    **{name: pl.String() for name in ("charge_class", "currency")},
    **{
        f"{measure}_{side}": MONEY
        for measure in ("unblended", "amortized", "net_unblended")
        for side in ("before", "after")
    },
    "detected_at": pl.Datetime("us", "UTC"),
}


class Session:
    """The statements of one transaction."""

    def __init__(self, connection: postgres.Connection) -> None:
        self._connection = connection

    def _rows(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_SQL[name], parameters).fetchall()

    def _run(self, name: str, /, **parameters: Any) -> int:
        return self._connection.execute(_SQL[name], parameters).rowcount

    def _frame(self, name: str, schema: dict[str, pl.DataType], /, **parameters: Any) -> pl.DataFrame:
        with self._connection.cursor() as cursor:
            return postgres.fetch_frame(cursor, _SQL[name], parameters, schema)

    def _replace(self, table: str, frame: pl.DataFrame, /, **constants: Any) -> None:
        full = frame.select(*(pl.lit(value).alias(name) for name, value in constants.items()), pl.all())
        with self._connection.cursor() as cursor:
            postgres.copy_frame(cursor, sql.Identifier("finops", table), full)

    # projects

    def save_project(self, connection: Connection, *, now: datetime) -> bool:
        """Add or change a connection; False when it was already so."""
        row = asdict(connection) | {"format": connection.format.value, "now": now}
        row["account_scope"] = None if connection.account_scope is None else list(connection.account_scope)
        return self._run("upsert_project", **row) == 1

    def projects(self, project_id: str | None = None) -> list[Connection]:
        """The named project, or all; in order of id."""
        return [
            Connection(
                **row
                | {
                    "format": Format(row["format"]),
                    "account_scope": None if row["account_scope"] is None else tuple(row["account_scope"]),
                }
            )
            for row in self._rows("projects", project_id=project_id)
        ]

    def project(self, project_id: str) -> Connection:
        """Raises `NotFound`."""
        found = self.projects(project_id)
        if not found:
            raise NotFound(f"no project {project_id}; see `batch-platform cur projects list`", field="project_id")
        return found[0]

    # deliveries

    def lock_month(self, project_id: str, month: date) -> None:
        """Until the end of the transaction, whoever registers or publishes this project-month waits."""
        self._run("lock_month", project_id=project_id, month=month)

    def newest_version(self, project_id: str, month: date) -> RegisteredVersion | None:
        rows = self._rows("newest_version", project_id=project_id, month=month)
        if not rows:
            return None
        row = rows[0]
        manifest = StoredObject(
            row["bucket"], row["manifest_key"], row["manifest_etag"], 0, row["manifest_last_modified"]
        )
        return RegisteredVersion(
            project_id, month, row["version"], manifest, row["delivered_at"], ManifestStatus(row["status"])
        )

    def save_delivery(self, delivery: Delivery, *, now: datetime) -> None:
        """Register a version and its files, and supersede what other versions left undone. Repeatable."""
        place = {"project_id": delivery.project_id, "month": delivery.month, "version": delivery.version}
        waiting = bool(delivery.missing)
        self._run(
            "insert_manifest",
            **place,
            assembly_id=delivery.assembly_id,
            bucket=delivery.manifest.bucket,
            manifest_key=delivery.manifest.key,
            manifest_etag=delivery.manifest.etag,
            manifest_last_modified=delivery.manifest.last_modified,
            delivered_at=delivery.delivered_at,
            file_count=len(delivery.files) + len(delivery.missing),
            total_bytes=delivery.total_bytes,
            status=ManifestStatus.WAITING if waiting else ManifestStatus.REGISTERED,
            missing=list(delivery.missing),
            now=now,
            registered_at=None if waiting else now,
        )
        self._run("supersede_manifests", **place)
        self._run("supersede_files", **place)
        if waiting:
            return
        self._run(
            "insert_files",
            **place,
            bucket=delivery.manifest.bucket,
            numbers=list(range(len(delivery.files))),
            keys=[f.key for f in delivery.files],
            etags=[f.etag for f in delivery.files],
            sizes=[f.size for f in delivery.files],
            modified=[f.last_modified for f in delivery.files],
            now=now,
        )

    def superseded_versions(self, project_id: str, month: date) -> list[str]:
        """Versions of a month that no longer count."""
        return [row["version"] for row in self._rows("superseded_versions", project_id=project_id, month=month)]

    # claims

    def owners(self) -> list[str]:
        """The workers that hold files."""
        return [row["owner"] for row in self._rows("owners")]

    def return_expired(self, *, now: datetime, dead_owners: Sequence[str]) -> int:
        """PROCESSING -> PENDING for files whose lease ran out or whose worker is known to be dead."""
        return self._run("return_expired", now=now, dead_owners=list(dead_owners))

    def claim(
        self,
        *,
        project_id: str | None,
        month: date | None,
        limit: int,
        shard_bytes: int,
        owner: str,
        lease_expires_at: datetime,
    ) -> list[ClaimedFile]:
        """Take pending files for this worker, oldest month first, up to `limit` files and a shard of bytes."""
        rows = self._rows(
            "claim_files",
            project_id=project_id,
            month=month,
            limit=limit,
            shard_bytes=shard_bytes,
            owner=owner,
            lease_expires_at=lease_expires_at,
        )
        claimed = [
            ClaimedFile(
                row["project_id"],
                row["billing_month"],
                row["version"],
                row["file_no"],
                _stored(row),
                row["fencing"],
                row["failures"],
            )
            for row in rows
        ]
        return sorted(claimed, key=lambda file: (file.month, file.project_id, file.file_no))

    def renew_leases(self, owner: str, *, lease_expires_at: datetime) -> None:
        self._run("renew_leases", owner=owner, lease_expires_at=lease_expires_at)

    def finish(
        self, file: ClaimedFile, *, key: str, sha256: str, row_count: int, stats: dict[str, Any], now: datetime
    ) -> bool:
        """PROCESSING -> DONE; False when this worker no longer holds the file."""
        return (
            self._run(
                "finish_file",
                **_place(file),
                line_items_key=key,
                line_items_sha256=sha256,
                row_count=row_count,
                stats=Jsonb(stats),
                now=now,
            )
            == 1
        )

    def give_back(self, file: ClaimedFile, status: FileStatus, message: str) -> bool:
        """PROCESSING -> ERROR (its content is at fault) or PENDING (try again); False when not held."""
        return self._run("give_back_file", **_place(file), status=status.value, error_message=message) == 1

    def reopen(self, project_id: str, month: date, version: str, object_key: str) -> None:
        """DONE -> PENDING for a file whose normalised copy is lost; its version waits for it again."""
        self._run("reopen_file", project_id=project_id, month=month, version=version, object_key=object_key)

    def requeue(self, project_id: str | None, object_key: str | None) -> list[dict[str, Any]]:
        """ERROR -> PENDING; the files that were put back."""
        return self._rows("requeue_files", project_id=project_id, object_key=object_key)

    def months_to_aggregate(
        self, project_id: str | None, *, now: datetime, quiet_since: datetime
    ) -> list[MonthToAggregate]:
        """Months with work left that nobody does and where nothing happened since: files, tables, then insight."""
        rows = self._rows("months_to_aggregate", project_id=project_id, now=now, quiet_since=quiet_since)
        months = [
            MonthToAggregate(
                row["project_id"], row["billing_month"], row["version"], row["attempts"], row["total_bytes"]
            )
            for row in rows
        ]
        empty = self._rows("empty_registered_months", project_id=project_id, quiet_since=quiet_since)
        months += [MonthToAggregate(row["project_id"], row["billing_month"], row["version"], 0, 0) for row in empty]
        known = {(month.project_id, month.month) for month in months}
        unfinished = self._rows("months_without_insight", project_id=project_id, quiet_since=quiet_since)
        # no file waits: -1 keeps their run key apart from that of the month's files
        months += [
            MonthToAggregate(row["project_id"], row["billing_month"], row["version"], -1, 0)
            for row in unfinished
            if (row["project_id"], row["billing_month"]) not in known
        ]
        return months

    def files(
        self, project_id: str, *, month: date | None = None, version: str | None = None
    ) -> list[dict[str, Any]]:
        """Rows of `finops_billing_files`, in order of month, registration and file number."""
        return self._rows("files", project_id=project_id, month=month, version=version)

    # costs

    def lock_publication(self, month: date) -> None:
        """Until the end of the transaction, no other project publishes this month."""
        self._run("lock_publication", month=month)

    def files_not_done(self, project_id: str, month: date, version: str) -> int:
        [[count]] = self._connection.execute(
            _SQL["files_not_done"], {"project_id": project_id, "month": month, "version": version}
        ).fetchall()
        return int(count)

    def accounts_claimed_elsewhere(self, project_id: str, month: date, costs: pl.DataFrame) -> list[str]:
        """Accounts of these costs that another project has published for the month, as sentences."""
        pairs = costs.select("payer_account_id", "usage_account_id").unique().sort(pl.all())
        rows = self._connection.execute(
            _SQL["accounts_claimed_elsewhere"],
            {
                "project_id": project_id,
                "month": month,
                "payers": pairs["payer_account_id"].to_list(),
                "accounts": pairs["usage_account_id"].to_list(),
            },
        ).fetchall()
        return [sentence for (sentence,) in rows]

    def replace_costs(
        self, project_id: str, month: date, version: str, *, summary: pl.DataFrame, by_service: pl.DataFrame
    ) -> None:
        """Replace both cost tables of a project-month."""
        place = {"project_id": project_id, "month": month}
        constants = {"project_id": project_id, "billing_month": month, "manifest_version": version}
        self._run("delete_summary", **place)
        self._replace("finops_cost_summary", summary, **constants)
        self._run("delete_service_monthly", **place)
        self._replace("finops_cost_service_monthly", by_service, **constants)

    def add_restatement(
        self, before: PublishedMonth, to_version: str, difference: pl.DataFrame, *, now: datetime
    ) -> None:
        """Keep the money difference between two versions of a month."""
        self._replace(
            "finops_restatements",
            difference,
            project_id=before.project_id,
            billing_month=before.month,
            from_version=before.version,
            to_version=to_version,
            detected_at=now,
        )

    def save_month(self, month: PublishedMonth) -> bool:
        """The month's state, and its version as the published one; False when nothing was new."""
        place = {"project_id": month.project_id, "month": month.month, "version": month.version}
        now = month.published_at
        changed = self._run(
            "upsert_month",
            **place,
            state=month.state.value,
            format=month.format and month.format.value,
            row_count=month.row_count,
            file_count=month.file_count,
            delivered_at=month.delivered_at,
            checks=Jsonb([asdict(check) for check in month.checks]),
            now=now,
        )
        self._run("publish_manifest", **place, now=now)
        self._run("supersede_published", **place)
        self._run("supersede_done_files", **place)
        return changed == 1

    def months(self, project_id: str, month: date | None = None) -> list[PublishedMonth]:
        return [
            PublishedMonth(
                project_id=row["project_id"],
                month=row["billing_month"],
                state=MonthState(row["state"]),
                version=row["version"],
                format=Format(row["format"]) if row["format"] else None,
                row_count=row["row_count"],
                file_count=row["file_count"],
                delivered_at=row["delivered_at"],
                published_at=row["published_at"],
                checks=tuple(CheckOutcome(**check) for check in row["checks"]),
            )
            for row in self._rows("months", project_id=project_id, month=month)
        ]

    def month(self, project_id: str, month: date) -> PublishedMonth | None:
        found = self.months(project_id, month)
        return found[0] if found else None

    def costs(self, project_id: str, first_month: date, last_month: date) -> pl.DataFrame:
        """The cost summary of some months in a row, sorted by its keys."""
        # sorted here, not by the server: its collation is not ours
        return self._frame(
            "cost_summary", SUMMARY_SCHEMA, project_id=project_id, first_month=first_month, last_month=last_month
        ).sort(SUMMARY_KEYS)

    def restatements(self, project_id: str) -> pl.DataFrame:
        return self._frame("restatements", RESTATEMENT_SCHEMA, project_id=project_id)

    def lock_insight(self, project_id: str) -> None:
        """Until the end of the transaction, nobody else publishes or computes the project's insight."""
        self._run("lock_insight", project_id=project_id)

    def mark_insight_stale(self, project_id: str, first_month: date, last_month: date) -> None:
        """The anomalies and forecasts of these months were computed from costs that have changed."""
        self._run("mark_insight_stale", project_id=project_id, first_month=first_month, last_month=last_month)

    def months_without_anomalies(self, project_id: str) -> list[date]:
        return [row["billing_month"] for row in self._rows("months_without_anomalies", project_id=project_id)]

    def months_without_forecast(self, project_id: str) -> list[date]:
        return [row["billing_month"] for row in self._rows("months_without_forecast", project_id=project_id)]

    def replace_anomalies(self, project_id: str, month: date, version: str, frame: pl.DataFrame) -> None:
        self._run("delete_anomalies", project_id=project_id, month=month)
        self._replace(
            "finops_cost_anomalies", frame, project_id=project_id, billing_month=month, manifest_version=version
        )

    def anomalies_computed(self, project_id: str, month: date) -> None:
        self._run("anomalies_computed", project_id=project_id, month=month)

    def anomalies(self, project_id: str, month: date) -> pl.DataFrame:
        rows = self._frame("anomalies", ANOMALY_SCHEMA, project_id=project_id, month=month)
        return rows.sort("usage_date", "service", "currency")

    def replace_forecast(self, project_id: str, month: date, version: str, frame: pl.DataFrame) -> None:
        self._run("delete_forecast", project_id=project_id, month=month)
        self._replace(
            "finops_cost_forecasts", frame, project_id=project_id, billing_month=month, manifest_version=version
        )

    def forecast_computed(self, project_id: str, month: date) -> None:
        self._run("forecast_computed", project_id=project_id, month=month)

    def forecast(self, project_id: str, month: date) -> pl.DataFrame:
        rows = self._frame("forecast", FORECAST_SCHEMA, project_id=project_id, month=month)
        return rows.sort("target_date", "currency")


class FinopsStore:
    """Opens transactions on the finops tables."""

    def __init__(self, pool: postgres.Pool) -> None:
        self._pool = pool

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by any exception."""
        with postgres.transaction(self._pool) as connection:
            yield Session(connection)


def _stored(row: dict[str, Any]) -> StoredObject:
    return StoredObject(row["bucket_name"], row["object_key"], row["etag"], row["size_bytes"], row["last_modified"])


def _place(file: ClaimedFile) -> dict[str, Any]:
    return {
        "project_id": file.project_id,
        "month": file.month,
        "version": file.version,
        "object_key": file.stored.key,
        "fencing": file.fencing,
    }
