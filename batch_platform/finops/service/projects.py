"""Projects: where their reports lie and whether they can be read."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Final

import structlog

from batch_platform.core import objects
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PlatformError, Stale
from batch_platform.core.messages import Message
from batch_platform.finops import revisions
from batch_platform.finops.model import Connection
from batch_platform.finops.service.audit import CHANGE, CREATE, DISABLE, REMOVE, REQUEUE, Record, unrecorded
from batch_platform.finops.service.context import COST_SUMMARY, LINE_ITEMS, FinopsContext
from batch_platform.finops.service.fetch import oldest_polled
from batch_platform.finops.service.source import delivered_months, read_delivery
from batch_platform.finops.store import Session

_log = structlog.get_logger(__name__)

_PROJECT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]{1,12}){1,2}-[0-9]")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+")


_ROLE_AND_BUCKET: Final = Message("role-and-bucket", "role and bucket")
_MANIFEST: Final = Message("manifest", "manifest")
_FILES: Final = Message("files", "files")


@dataclass(frozen=True)
class TestStep:
    """One step of a connection test; `name` and `detail` are messages where there is something to translate."""

    name: str
    passed: bool
    detail: str


def add_project(
    context: FinopsContext, connection: Connection, *, dry_run: bool = False, record: Record = unrecorded
) -> bool:
    """Register a connection, or change it; False when it was already so. A dry run only tells.

    Raises `InvalidInput` naming the field, `Conflict` as `change_project` does.
    """
    _check(connection)
    with context.store.transaction() as session:
        session.lock_projects()
        before = next(iter(session.projects(connection.project_id)), None)
        with session.connection.transaction(force_rollback=dry_run):
            if not _save(context, session, connection):
                return False
            _record_change(session, before, connection, record)
    return True


def create_project(
    context: FinopsContext, connection: Connection, *, dry_run: bool = False, record: Record = unrecorded
) -> None:
    """Register a connection under an id that is free. A dry run only tells.

    Raises `InvalidInput` naming the field, or `Conflict`.
    """
    _check(connection)
    with context.store.transaction() as session:
        session.lock_projects()
        if session.projects(connection.project_id):
            raise Conflict(
                "project-exists",
                "project {project} exists already",
                project=connection.project_id,
                field="project_id",
            )
        with session.connection.transaction(force_rollback=dry_run):
            _save(context, session, connection)
            _record_change(session, None, connection, record)


def change_project(
    context: FinopsContext,
    connection: Connection,
    *,
    keep_external_id: bool = False,
    seen: str | None = None,
    record: Record = unrecorded,
) -> Connection:
    """Replace a connection; what it is now. `keep_external_id`: the stored one stays while the role is the same.

    Its months are read again when the place is another one, and computed again when the account scope is. Raises
    `NotFound`, `InvalidInput` naming the field, `Conflict` when it would have accounts that are another's by now, or
    `Stale` when it is no longer what was `seen`, a revision.
    """
    with context.store.transaction() as session:
        session.lock_projects()
        before = session.project(connection.project_id)
        if seen is not None and seen != revisions.of_connection(before):
            raise Stale(
                "project-changed",
                "project {project} has changed since it was seen: look at it again",
                project=connection.project_id,
                field="If-Match",
            )
        if keep_external_id and connection.role_arn == before.role_arn:
            connection = replace(connection, external_id=before.external_id)
        _check(connection)
        if _save(context, session, connection):
            _record_change(session, before, connection, record)
    return connection


def disable_project(context: FinopsContext, project_id: str, *, record: Record = unrecorded) -> Connection:
    """Stop polling a project; its costs stay, its accounts are free for another. Repeatable. Raises `NotFound`."""
    with context.store.transaction() as session:
        session.lock_projects()
        before = session.project(project_id)
        disabled = replace(before, enabled=False)
        if _save(context, session, disabled):
            record(session.connection, DISABLE, project_id, shown(before), shown(disabled))
    return disabled


@dataclass(frozen=True)
class Removal:
    """A project that is removed, or would be: its published months, which are archived.

    Not `changed`: it was removed before.
    """

    project_id: str
    months: tuple[date, ...]
    changed: bool = True


def remove_project(
    context: FinopsContext, project_id: str, *, dry_run: bool = False, record: Record = unrecorded
) -> Removal:
    """Archive a project's published costs, and delete the project with all it has. A dry run only tells.

    One transaction, then the lake; runs in flight find nothing to write to. Repeatable. Raises `NotFound` for one
    that never was.
    """
    with context.store.transaction() as session:
        session.lock_projects()
        known = session.projects(project_id)
        if known:
            removal = Removal(project_id, tuple(month.month for month in session.months(project_id)))
        elif (months := session.removed_months(project_id)) is not None:
            removal = Removal(project_id, tuple(months), changed=False)
        else:
            raise NotFound(
                "unknown-project",
                "no project {project}; see `batch-platform cur projects list`",
                project=project_id,
                field="project_id",
            )
        if dry_run:
            return removal
        if known:
            [before] = known
            session.lock_insight(project_id)
            session.remove_project(project_id, detail=f"{before.name} ({before.location})", now=context.clock())
            record(session.connection, REMOVE, project_id, shown(before), None)
            _log.warning("cur_project_removed", project_id=project_id, months=len(removal.months))
    for root in (LINE_ITEMS, COST_SUMMARY):
        for month in objects.list_folders(context.lake, context.lake_bucket, root):
            objects.delete_prefix(context.lake, context.lake_bucket, f"{month}{project_id}/")
    return removal


def _save(context: FinopsContext, session: Session, connection: Connection) -> bool:
    """Save a connection unless it would have accounts that are another project's; False when it was already so."""
    if not session.save_project(connection, now=context.clock()):
        return False
    if claimed := session.accounts_claimed_twice(connection.project_id):
        raise Conflict(
            "accounts-of-another-project",
            "project {project} would have accounts that are another's: {claims}; narrow one by its accounts, "
            "or remove it",
            project=connection.project_id,
            claims=claimed,
            field="account_scope",
        )
    return True


def _record_change(session: Session, before: Connection | None, connection: Connection, record: Record) -> None:
    if before is None:
        record(session.connection, CREATE, connection.project_id, None, shown(connection))
        return
    new_secret = connection.external_id != before.external_id
    after = shown(connection) | ({"external_id": "changed"} if new_secret else {})
    record(session.connection, CHANGE, connection.project_id, shown(before), after)


def shown(connection: Connection) -> dict[str, Any]:
    """A connection without its secret: that there is an external id is all that is told of it."""
    public = asdict(connection) | {"external_id": "set" if connection.external_id else None}
    return public | {"format": connection.format.value}


def _check(connection: Connection) -> None:
    if not _PROJECT_ID.fullmatch(connection.project_id):
        raise InvalidInput(
            "bad-project-id",
            "a project id has lower-case letters, digits, - and _, begins with a letter or digit, 63 at most",
            field="project_id",
        )
    if not connection.name.strip():
        raise InvalidInput("project-without-name", "a project has a name", field="name")
    if not _BUCKET.fullmatch(connection.bucket):
        raise InvalidInput(
            "bad-bucket-name", "{bucket} is not a bucket name", bucket=repr(connection.bucket), field="bucket"
        )
    if not _REGION.fullmatch(connection.region):
        raise InvalidInput(
            "unknown-region", "{region} is not an AWS region", region=repr(connection.region), field="region"
        )
    if not connection.report_name or "/" in connection.report_name:
        raise InvalidInput(
            "bad-report-name", "the report name is one folder name, as in the AWS console", field="report_name"
        )
    if connection.role_arn is not None and not _ROLE.fullmatch(connection.role_arn):
        raise InvalidInput(
            "bad-role-arn", "not the ARN of an IAM role (arn:aws:iam::<account>:role/<name>)", field="role_arn"
        )
    if connection.external_id is not None and connection.role_arn is None:
        raise InvalidInput("external-id-without-role", "an external id goes with a role", field="external_id")
    if connection.external_id == "":
        raise InvalidInput("external-id-empty", "an external id is not empty", field="external_id")
    if connection.account_scope is not None and not connection.account_scope:
        raise InvalidInput("no-account", "name an account, or leave the accounts out for all", field="account_scope")
    if not all(_ACCOUNT.fullmatch(account) for account in connection.account_scope or ()):
        raise InvalidInput("bad-account-id", "an AWS account id has 12 digits", field="account_scope")


def requeue(
    context: FinopsContext,
    project_id: str | None,
    object_key: str | None,
    *,
    month: date | None = None,
    all_files: bool = False,
    dry_run: bool = False,
    record: Record = unrecorded,
) -> list[dict[str, str]]:
    """Put files in ERROR back to PENDING: project, month and key of each. Raises `NotFound` for a wrong name.

    `all_files` of a project are read again though nothing is wrong with them: what they are read into may have
    changed. What is published stays until then.
    """
    if all_files and project_id is None:
        raise InvalidInput(
            "requeue-of-no-project", "all files are read again of one project: name it", field="project_id"
        )
    with context.store.transaction() as session:
        if project_id:
            session.project(project_id)
        rows = session.files_to_requeue(project_id, object_key, month=month, all_files=all_files)
        if object_key is not None and not rows:
            if all_files:
                raise NotFound(
                    "no-newest-file", "no file {key} is of a newest delivery", key=object_key, field="file"
                )
            raise NotFound("no-file-in-error", "no file {key} is in ERROR", key=object_key, field="file")
        if not dry_run:
            session.requeue(rows)
        files = [
            {
                "project_id": file["project_id"],
                "month": f"{file['billing_month']:%Y-%m}",
                "object_key": file["object_key"],
            }
            for file in rows
        ]
        if files and not dry_run:
            record(session.connection, REQUEUE, project_id or "all projects", None, {"files": files})
    return files


def test_project(context: FinopsContext, project_id: str) -> list[TestStep]:
    """Try what the batches will do: the role and the bucket, then the newest manifest and its files.

    Writes nothing; the first step that fails is the last.
    """
    with context.store.transaction() as session:
        connection = session.project(project_id)
    steps: list[TestStep] = []
    try:
        months = delivered_months(context, connection)
        delivered = Message(
            "months-delivered",
            "s3://{bucket}: {count} months delivered",
            bucket=connection.bucket,
            count=len(months),
        )
        steps.append(TestStep(_ROLE_AND_BUCKET, True, delivered))
        oldest = oldest_polled(context.clock().date())
        if not months or max(months) < oldest:
            return [*steps, TestStep(_MANIFEST, False, _nothing_since(connection, oldest, months))]
        delivery = read_delivery(context, connection, max(months))
    except PlatformError as error:
        return [*steps, TestStep(_MANIFEST if steps else _ROLE_AND_BUCKET, False, error.message)]
    if delivery is None:
        none = Message("no-manifest-for", "no manifest for {month}", month=f"{max(months):%Y-%m}")
        return [*steps, TestStep(_MANIFEST, False, none)]
    detail = delivery.manifest.uri
    if connection.without_manifest:
        detail = Message("listing-for-manifest", "no manifest; the listing of {uri}", uri=detail)
    steps.append(TestStep(_MANIFEST, True, detail))
    listed = len(delivery.files) + len(delivery.missing)
    there = Message(
        "files-there",
        "{count} of {listed} files of {month} are there",
        count=len(delivery.files),
        listed=listed,
        month=f"{max(months):%Y-%m}",
    )
    return [*steps, TestStep(_FILES, not delivery.missing, there)]


def _nothing_since(connection: Connection, oldest: date, months: list[date]) -> Message:
    place, since = connection.location, f"{oldest:%Y-%m}"
    if not months:
        return Message("nothing-delivered", "nothing delivered since {since} under {place}", since=since, place=place)
    return Message(
        "nothing-newer-delivered",
        "nothing delivered since {since} under {place}; nothing newer than {newest}; older: cur fetch --since",
        since=since,
        place=place,
        newest=f"{max(months):%Y-%m}",
    )
