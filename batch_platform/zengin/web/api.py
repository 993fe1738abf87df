"""The zengin API under `/api/zengin`: proposals and what is decided about them, the master, its exports."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response
from pydantic import Field

from batch_platform.core.failures import InvalidInput
from batch_platform.kit import lists
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import Problem, documented, plain
from batch_platform.web.api.strict import IsoDate, QueryBool, StrictModel, Text
from batch_platform.zengin import service
from batch_platform.zengin.model import Record
from batch_platform.zengin.web.context import Work, told, told_changeset
from batch_platform.zengin.web.lists import BANKS, BRANCHES, CHANGESET_RECORDS, CHANGESETS, RECORDS
from batch_platform.zengin.web.schemas import (
    ChangesetAnswer,
    ChangesetDecisionAnswer,
    ChangesetDetailAnswer,
    DecisionAnswer,
    RecordAnswer,
)

router = APIRouter(prefix="/api/zengin", tags=["zengin"])

READ: Final = [requires("zengin:read")]
APPROVE: Final = [requires("zengin:approve")]

DiffId = Annotated[
    str,
    Path(alias="id", pattern=r"^diff-[0-9]{8}-[0-9a-f]{12}$", examples=["diff-20261120-0123456789ab"]),
]
ChangesetId = Annotated[str, Path(alias="id", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
AsOf = Annotated[IsoDate | None, Query(alias="as_of", description="The master as it was at the end of this day.")]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^"[0-9]{1,9}"$',
        description="The ETag of what was seen: the version in quotation marks. Anything newer answers 409.",
        examples=['"1"'],
    ),
]
Version = Annotated[int | None, Field(ge=1, le=999_999_999, description="The version that was seen; newer: 409.")]
Reason = Annotated[Text, Field(min_length=1, max_length=500, examples=["The branch has not closed."])]


class VersionRequest(StrictModel):
    """`version`, or the header If-Match, makes sure that nobody has changed it meanwhile."""

    version: Version = None


async def _seen(body: Annotated[VersionRequest | None, Body()] = None, if_match: IfMatch = None) -> int | None:
    return _version(body or VersionRequest(), if_match)


Seen = Annotated[int | None, Depends(_seen)]


class ApproveRequest(VersionRequest):
    """`notBefore` keeps the change back until a bank's announced day."""

    not_before: IsoDate | None = None


class RejectRequest(VersionRequest):
    """The reason stays with the record; the same proposal is not raised again."""

    reason: Reason


class BulkApproveRequest(ApproveRequest):
    """Names exactly what is approved: another payload hash or number of rows answers 409 and moves nothing."""

    payload_hash: Text = Field(min_length=1, max_length=128)
    count: int = Field(ge=0, le=10_000_000, description="`counts.rows` of the changeset.")


lists.route(
    router,
    RECORDS,
    "/diffs",
    name="list_diffs",
    doc="The records of a status, newest first.",
    context=Work,
    permission="zengin:read",
)
lists.route(
    router,
    CHANGESETS,
    "/changesets",
    name="list_changesets",
    doc="The changesets, one a snapshot, newest first.",
    context=Work,
    permission="zengin:read",
)
lists.route(
    router,
    CHANGESET_RECORDS,
    "/changesets/{id}/diffs",
    name="list_changeset_diffs",
    doc="Every record of a changeset, by table and key; none while it is held.",
    context=Work,
    permission="zengin:read",
    missing=True,
)
lists.route(
    router,
    BANKS,
    "/banks",
    name="list_banks",
    doc="The banks, by code, first those that are called so: in any writing, by their formal names (信用金庫) too.",
    context=Work,
    permission="zengin:read",
)
lists.route(
    router,
    BRANCHES,
    "/banks/{code}/branches",
    name="list_branches",
    doc="The branches of a bank, by code.",
    context=Work,
    permission="zengin:read",
    missing=True,
)


@router.get("/diffs/{id}", dependencies=READ, responses=documented(404))
def show_diff(diff_id: DiffId, work: Work, response: Response) -> Envelope[RecordAnswer]:
    """One record. Its ETag is its version."""
    record = service.record(work, diff_id)
    return Envelope(data=RecordAnswer.of(_tagged(response, record)))


@router.post("/diffs/{id}/approve", dependencies=APPROVE, responses=documented(404))
def approve_diff(
    diff_id: DiffId,
    request: Request,
    response: Response,
    work: Work,
    body: Annotated[ApproveRequest | None, Body()] = None,
    if_match: IfMatch = None,
) -> Envelope[DecisionAnswer]:
    """Approve a pending record; `waiting` says that a second account must do so too."""
    body = body or ApproveRequest()
    before = service.record(work, diff_id)
    done = service.approve(
        work,
        [diff_id],
        by=current(request).subject,
        versions=_versions(diff_id, body, if_match),
        not_before=body.not_before,
    )
    return _decided(request, response, "bank-diff.approve", before, done)


@router.post("/diffs/{id}/reject", dependencies=APPROVE, responses=documented(404))
def reject_diff(
    diff_id: DiffId, body: RejectRequest, request: Request, response: Response, work: Work, if_match: IfMatch = None
) -> Envelope[DecisionAnswer]:
    """Reject a pending record for good."""
    before = service.record(work, diff_id)
    done = service.reject(
        work,
        [diff_id],
        by=current(request).subject,
        reason=written(body.reason),
        versions=_versions(diff_id, body, if_match),
    )
    return _decided(request, response, "bank-diff.reject", before, done)


@router.post("/diffs/{id}/revoke", dependencies=APPROVE, responses=documented(404))
def revoke_diff(
    diff_id: DiffId,
    request: Request,
    response: Response,
    work: Work,
    version: Seen,
) -> Envelope[DecisionAnswer]:
    """Take an approval back: the record is pending again, with no approval."""
    before = service.record(work, diff_id)
    versions = None if version is None else {diff_id: version}
    done = service.revoke(work, [diff_id], by=current(request).subject, versions=versions)
    return _decided(request, response, "bank-diff.revoke", before, done)


@router.post("/diffs/{id}/retry", dependencies=APPROVE, responses=documented(404))
def retry_diff(
    diff_id: DiffId,
    request: Request,
    response: Response,
    work: Work,
    version: Seen,
) -> Envelope[DecisionAnswer]:
    """Let a failed record, approved as it is, be applied once more by the next run."""
    before = service.record(work, diff_id)
    versions = None if version is None else {diff_id: version}
    done = service.retry(work, [diff_id], by=current(request).subject, versions=versions)
    return _decided(request, response, "bank-diff.retry", before, done)


@router.get("/changesets/{id}", dependencies=READ, responses=documented(404))
def show_changeset(changeset_id: ChangesetId, work: Work, response: Response) -> Envelope[ChangesetDetailAnswer]:
    """One changeset, and what its release failed on the way in. Its ETag is its version."""
    changeset = service.changeset(work, changeset_id)
    response.headers["ETag"] = f'"{changeset.version}"'
    return Envelope(data=ChangesetDetailAnswer.with_checks(changeset, service.failed_checks(work, changeset)))


@router.post("/changesets/{id}/approve", dependencies=APPROVE, responses=documented(404))
def approve_changeset(
    changeset_id: ChangesetId,
    body: BulkApproveRequest,
    request: Request,
    response: Response,
    work: Work,
    if_match: IfMatch = None,
) -> Envelope[ChangesetDecisionAnswer]:
    """Approve every pending record of a changeset, bound to its payload hash and number of rows."""
    before = service.changeset(work, changeset_id)
    try:
        done = service.approve_changeset(
            work,
            changeset_id,
            by=current(request).subject,
            payload_hash=body.payload_hash,
            count=body.count,
            version=_version(body, if_match),
            not_before=body.not_before,
        )
    except InvalidInput as error:
        error.field = "payloadHash" if error.field == "payload_hash" else error.field
        raise
    told_changeset(request, "bank-changeset.approve", before, done.changeset, moved=done.moved, waiting=done.waiting)
    return _changeset_decided(response, done)


@router.post("/changesets/{id}/reject", dependencies=APPROVE, responses=documented(404))
def reject_changeset(
    changeset_id: ChangesetId,
    body: RejectRequest,
    request: Request,
    response: Response,
    work: Work,
    if_match: IfMatch = None,
) -> Envelope[ChangesetDecisionAnswer]:
    """Reject every pending record of a changeset, or a held one as a whole."""
    before, reason = service.changeset(work, changeset_id), written(body.reason)
    done = service.reject_changeset(
        work, changeset_id, by=current(request).subject, reason=reason, version=_version(body, if_match)
    )
    told_changeset(request, "bank-changeset.reject", before, done.changeset, moved=done.moved, reason=reason)
    return _changeset_decided(response, done)


@router.post("/changesets/{id}/override", dependencies=APPROVE, responses=documented(404))
def override_changeset(
    changeset_id: ChangesetId,
    request: Request,
    response: Response,
    work: Work,
    version: Seen,
) -> Envelope[ChangesetDecisionAnswer]:
    """Say that a held snapshot is right. Two accounts must; then its records are raised and wait for review."""
    before = service.changeset(work, changeset_id)
    done = service.override(work, changeset_id, by=current(request).subject, version=version)
    told_changeset(request, "bank-changeset.override", before, done.changeset, moved=done.moved)
    return _changeset_decided(response, done)


@router.post("/changesets/{id}/rollback", dependencies=APPROVE, responses=documented(404))
def roll_changeset_back(
    changeset_id: ChangesetId,
    request: Request,
    response: Response,
    work: Work,
    version: Seen,
) -> Envelope[ChangesetAnswer]:
    """Propose the changeset that undoes an applied one; asked again, it is the same. It needs approval by somebody
    else than its proposer, and by as many accounts as the one it undoes."""
    before = service.changeset(work, changeset_id)
    inverse = service.rollback(work, changeset_id, by=current(request).subject, version=version)
    told_changeset(request, "bank-changeset.rollback", before, before, inverse=inverse.id)
    response.headers["ETag"] = f'"{inverse.version}"'
    return Envelope(data=ChangesetAnswer.of(inverse), message=f"changeset {inverse.id} is {inverse.status}")


@router.get(
    "/export",
    dependencies=READ,
    response_class=Response,
    responses={200: {"description": "The file.", "content": {"text/csv": {}}}, **documented(409)},
)
def export_master(
    request: Request,
    work: Work,
    kind: Annotated[
        Literal["csv", "zengin"],
        Query(alias="format", description="csv: UTF-8; zengin: half-width kana of at most 15 bytes, cp932, CRLF."),
    ] = "csv",
    as_of: AsOf = None,
    skip_unwritable: Annotated[
        QueryBool, Query(description="zengin: leave out what a transfer file cannot carry instead of answering 409.")
    ] = False,
) -> Response:
    """The whole master as a file: a row a branch, with its bank. A 409 names what cannot be written in `errors`."""
    try:
        return download(service.export(work, kind, as_of=as_of, skip_unwritable=skip_unwritable))
    except service.UnwritableError as error:
        errors = tuple({"field": row["key"], "message": f"{row['name']}: {row['why']}"} for row in error.rows)
        return plain(request, Problem(409, error.message, error.field, errors))


def download(export: service.Export) -> Response:
    """The answer that a browser saves as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{export.name}"', "Cache-Control": "private, no-cache"}
    return Response(export.content, media_type=export.media_type, headers=headers)


def written(reason: str) -> str:
    """The reason without blanks around it. Raises `InvalidInput` when nothing is left."""
    if not reason.strip():
        raise InvalidInput("a reason is needed", field="reason")
    return reason.strip()


def _decided(
    request: Request, response: Response, what: str, before: Record, done: service.Decision
) -> Envelope[DecisionAnswer]:
    told(request, what, [before], done.records)
    answer = DecisionAnswer.of(done)
    _tagged(response, done.records[0])
    message = "another account's approval is needed" if answer.waiting else f"the record is {answer.record.status}"
    return Envelope(data=answer, message=message)


def _changeset_decided(response: Response, done: service.ChangesetDecision) -> Envelope[ChangesetDecisionAnswer]:
    response.headers["ETag"] = f'"{done.changeset.version}"'
    records = "1 record" if done.moved == 1 else f"{done.moved} records"
    message = f"{records} moved, {done.waiting} wait{'s' if done.waiting == 1 else ''} for another account"
    return Envelope(data=ChangesetDecisionAnswer.of(done), message=message)


def _tagged(response: Response, record: Record) -> Record:
    response.headers["ETag"] = f'"{record.version}"'
    return record


def _version(body: VersionRequest, if_match: str | None) -> int | None:
    """The version that the caller saw, by body or header. Raises `InvalidInput` when they disagree."""
    named = None if if_match is None else int(re.sub(r"\D", "", if_match))
    if body.version is not None and named is not None and body.version != named:
        raise InvalidInput("If-Match and version name different versions", field="If-Match")
    return body.version if named is None else named


def _versions(diff_id: str, body: VersionRequest, if_match: str | None) -> dict[str, int] | None:
    version = _version(body, if_match)
    return None if version is None else {diff_id: version}
