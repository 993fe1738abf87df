"""Projects, deliveries and the claims on their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final, cast

from psycopg.types.json import Jsonb

from batch_platform.core.failures import NotFound, PlatformError, TransientFailure
from batch_platform.core.messages import Message, from_plain, kept, to_json
from batch_platform.core.objects import StoredObject
from batch_platform.finops.model import (
    ClaimedFile,
    Connection,
    Delivery,
    FileStatus,
    Format,
    ManifestStatus,
    MonthToAggregate,
    RegisteredVersion,
)
from batch_platform.finops.store.statements import FinopsStatements

_REASON_AT_MOST: Final = 2_000  # characters of the sentence


class Deliveries(FinopsStatements):
    """`finops_project_connections`, `finops_billing_manifests`, `finops_billing_files`."""

    # projects

    def save_project(self, connection: Connection, *, now: datetime) -> bool:
        """Add or change a connection; False when it was already so."""
        row = asdict(connection) | {"format": connection.format.value, "now": now}
        row["account_scope"] = None if connection.account_scope is None else sorted(set(connection.account_scope))
        return self._run("upsert_project", **row) == 1

    def projects(self, project_id: str | None = None) -> list[Connection]:
        """The named project, or all; in order of id."""
        return [_connection(row) for row in self._rows("projects", project_id=project_id)]

    def project(self, project_id: str) -> Connection:
        """Raises `NotFound`."""
        projects = self.projects(project_id)
        if not projects:
            raise NotFound(
                "unknown-project",
                "no project {project}; see `batch-platform cur projects list`",
                project=project_id,
                field="project_id",
            )
        return projects[0]

    def lock_projects(self) -> None:
        """Until the end of the transaction, nobody else adds or changes a project, registers or publishes."""
        self._run("lock_projects")

    def hold_connection(self, connection: Connection) -> None:
        """Until the end of the transaction, no project is added, changed or removed.

        Raises `TransientFailure` when the project's place or account scope is another one by now, `NotFound` when it
        was removed: what was found there counts no more.
        """
        self._run("hold_projects")
        if self.project(connection.project_id).published_from != connection.published_from:
            raise TransientFailure(
                "connection-changed",
                "{project}: its connection was changed meanwhile; fetch again",
                project=connection.project_id,
            )

    def connected_at(self, project_id: str) -> datetime:
        """When the project's place or account scope changed last."""
        return cast(datetime, self._value("connected_at", project_id=project_id))

    def projects_changed_at(self) -> datetime:
        """When a project was added, changed or removed last: a month that another's blocked may be free since."""
        return cast(datetime, self._value("projects_changed_at"))

    def save_unreadable(self, failures: Mapping[str, PlatformError], *, now: datetime) -> None:
        """The projects that could not be read now, and why; all others can."""
        self._run("forget_unreadable", projects=list(failures))
        self._run(
            "save_unreadable",
            projects=list(failures),
            permanents=[failure.permanent for failure in failures.values()],
            failures=[to_json(failure.message) for failure in failures.values()],
            now=now,
        )

    def accounts_claimed_twice(self, project_id: str) -> list[Message]:
        """Some accounts that this project and another enabled one have published for a month."""
        return [
            Message(
                "account-in-project-for",
                "account {account} of payer {payer} is in project {project} for {month}",
                **row,
            )
            for row in self._rows("accounts_claimed_twice", project_id=project_id)
        ]

    def projects_page(self, *, after: str | None, offset: int, limit: int) -> list[Connection]:
        """A page of the projects, by id."""
        rows = self._rows("projects_page", after=after, offset=offset, limit=limit)
        return [_connection(row) for row in rows]

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
            project_id,
            month,
            row["version"],
            manifest,
            row["delivered_at"],
            ManifestStatus(row["status"]),
            row["first_seen_at"],
            row["place"],
            row["stale"],
        )

    def stale_months(self, project_id: str) -> list[date]:
        """Known months that were not looked for yet since the project's place changed; oldest first."""
        return [row["billing_month"] for row in self._rows("stale_months", project_id=project_id)]

    def supersede_former_place(self, project_id: str, month: date) -> None:
        """What was registered or published of a month under another place counts no more."""
        self._run("supersede_former_manifests", project_id=project_id, month=month)
        self._run("supersede_former_files", project_id=project_id, month=month)

    def save_delivery(self, delivery: Delivery, *, now: datetime, settled: bool = True) -> None:
        """Register a version and its files, and supersede what other versions left undone. Repeatable.

        It is WAITING while files are missing, or until it is `settled`.
        """
        waiting = bool(delivery.missing) or not settled
        place = {"project_id": delivery.project_id, "month": delivery.month, "version": delivery.version}
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

    def deliveries_under_way(self, project_id: str) -> list[dict[str, Any]]:
        """The newest deliveries that are not published yet, with what is missing of them, newest month first."""
        return self._rows("deliveries_under_way", project_id=project_id)

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

    def give_back(self, file: ClaimedFile, status: FileStatus, reason: str) -> bool:
        """PROCESSING -> ERROR (its content is at fault) or PENDING (try again); False when not held."""
        sentence = {"error_message": reason[:_REASON_AT_MOST], "error": kept(reason)}
        return self._run("give_back_file", **_place(file), status=status.value, **sentence) == 1

    def reopen(self, project_id: str, month: date, version: str, object_key: str) -> None:
        """DONE -> PENDING for a file whose normalised copy is lost; its version waits for it again."""
        self._run("reopen_file", project_id=project_id, month=month, version=version, object_key=object_key)

    def files_to_requeue(
        self, project_id: str | None, object_key: str | None, *, month: date | None = None, all_files: bool = False
    ) -> list[dict[str, Any]]:
        """Files in ERROR; with `all_files` also those of the newest versions that are DONE."""
        return self._rows(
            "files_to_requeue", project_id=project_id, object_key=object_key, month=month, all_files=all_files
        )

    def requeue(self, files: Sequence[Mapping[str, Any]]) -> None:
        """Rows of `files_to_requeue` -> PENDING; a published version waits for them again."""
        names = {"project_ids": "project_id", "months": "billing_month", "versions": "version"}
        names["object_keys"] = "object_key"
        self._run("requeue_files", **{name: [file[of] for file in files] for name, of in names.items()})

    def months_to_aggregate(
        self, project_id: str | None, *, now: datetime, quiet_since: datetime
    ) -> list[MonthToAggregate]:
        """Months with work left that nobody does and where nothing happened since: files, tables, then insight.

        Months of another account scope than the project's are computed again at once: their files are read already.
        Last, those that stood unchanged until they may be final: publishing them again makes them so.
        """
        rows = self._rows("months_to_aggregate", project_id=project_id, now=now, quiet_since=quiet_since)
        months = [
            MonthToAggregate(
                row["project_id"], row["billing_month"], row["version"], row["attempts"], row["total_bytes"]
            )
            for row in rows
        ]
        empty = self._rows("empty_registered_months", project_id=project_id, quiet_since=quiet_since)
        recompute = self._rows("months_to_recompute", project_id=project_id)
        known = {(month.project_id, month.month) for month in months}
        months += [
            MonthToAggregate(row["project_id"], row["billing_month"], row["version"], 0, 0)
            for row in (*empty, *recompute)
            if (row["project_id"], row["billing_month"]) not in known
        ]
        known = {(month.project_id, month.month) for month in months}
        unfinished = self._rows("months_without_insight", project_id=project_id, quiet_since=quiet_since)
        # no file waits: -1 keeps their run key apart from that of the month's files
        months += [
            MonthToAggregate(row["project_id"], row["billing_month"], row["version"], -1, 0)
            for row in unfinished
            if (row["project_id"], row["billing_month"]) not in known
        ]
        known = {(month.project_id, month.month) for month in months}
        due = self._rows("months_due_to_be_final", project_id=project_id, now=now)
        # a run key of its own, and a new one each day until it is done
        months += [
            MonthToAggregate(
                row["project_id"], row["billing_month"], row["version"], -2 - (now - row["final_from"]).days, 0
            )
            for row in due
            if (row["project_id"], row["billing_month"]) not in known
        ]
        return months

    def files(
        self, project_id: str, *, month: date | None = None, version: str | None = None
    ) -> list[dict[str, Any]]:
        """Rows of `finops_billing_files`, in order of month, registration and file number."""
        return [_file(row) for row in self._rows("files", project_id=project_id, month=month, version=version)]

    def files_page(
        self,
        project_id: str,
        *,
        month: date | None,
        status: FileStatus | None,
        after: Sequence[Any] | None,
        offset: int,
        limit: int,
    ) -> list[dict[str, Any]]:
        """Newest month and registration first; `after`: the last row's month, registered_at, version, file_no."""
        names = ("after_month", "after_registered_at", "after_version", "after_file_no")
        place = dict(zip(names, after or (None,) * len(names), strict=True))
        rows = self._rows(
            "files_page",
            project_id=project_id,
            month=month,
            status=status and status.value,
            offset=offset,
            limit=limit,
            **place,
        )
        return [_file(row) for row in rows]

    def file_counts(self, project_id: str) -> dict[str, int]:
        """How many files are in each status."""
        return {row["status"]: row["files"] for row in self._rows("file_counts", project_id=project_id)}


def _file(row: dict[str, Any]) -> dict[str, Any]:
    """With its error as the message that stands beside the sentence; an old sentence stays as it is."""
    error = row.pop("error")
    return row | {"error_message": from_plain(error)} if row["error_message"] and error else row


def _connection(row: dict[str, Any]) -> Connection:
    scope = None if row["account_scope"] is None else tuple(row["account_scope"])
    return Connection(**row | {"format": Format(row["format"]), "account_scope": scope})


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
