"""The zengin API under `/api/zengin`: proposals and what is decided about them, the master, its exports."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from batch_platform.kit import actions, lists
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import Problem, documented, plain
from batch_platform.web.api.strict import IsoDate, QueryBool
from batch_platform.zengin import service
from batch_platform.zengin.web import actions as decisions
from batch_platform.zengin.web.context import Acting, Context
from batch_platform.zengin.web.lists import ROUTES
from batch_platform.zengin.web.schemas import (
    ChangesetAnswer,
    ChangesetDecisionAnswer,
    ChangesetDetailAnswer,
    RecordAnswer,
    RecordDecisionAnswer,
)

router = APIRouter(prefix="/api/zengin", tags=["zengin"])

READ: Final = [requires("zengin:read")]

DiffId = Annotated[
    str,
    Path(alias="id", pattern=r"^diff-[0-9]{8}-[0-9a-f]{12}$", examples=["diff-20261120-0123456789ab"]),
]
ChangesetId = Annotated[str, Path(alias="id", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
AsOf = Annotated[IsoDate | None, Query(alias="as_of", description="The master as it was at the end of this day.")]


def _decided(done: service.Decision) -> str:
    [record] = done.records
    return "another account's approval is needed" if done.waiting else f"the record is {record.status}"


def _moved(done: service.ChangesetDecision) -> str:
    records = "1 record" if done.moved == 1 else f"{done.moved} records"
    return f"{records} moved, {done.waiting} wait{'s' if done.waiting == 1 else ''} for another account"


lists.routes(router, ROUTES, context=Context, permission="zengin:read")

about_diff = partial(
    actions.route,
    router,
    session=Acting,
    target=DiffId,
    answer=RecordDecisionAnswer,
    of=lambda done: RecordDecisionAnswer.of_each(done)[0],
    says=_decided,
    version=lambda done: done.records[0].version,
)
about_changeset = partial(
    actions.route,
    router,
    session=Acting,
    target=ChangesetId,
    answer=ChangesetDecisionAnswer,
    says=_moved,
    version=lambda done: done.changeset.version,
)


@router.get("/diffs/{id}", dependencies=READ, responses=documented(404))
def show_diff(diff_id: DiffId, context: Context, response: Response) -> Envelope[RecordAnswer]:
    """One record. Its ETag is its version."""
    record = service.record(context, diff_id)
    response.headers["ETag"] = f'"{record.version}"'
    return Envelope(data=RecordAnswer.of(record))


for verb, doc in (
    ("approve", "Approve a pending record; `waiting` says that a second account must do so too."),
    ("reject", "Reject a pending record for good."),
    ("revoke", "Take an approval back: the record is pending again, with no approval."),
    ("retry", "Let a failed record, approved as it is, be applied once more by the next run."),
):
    about_diff(decisions.RECORD_ACTIONS[verb], f"/diffs/{{id}}/{verb}", name=f"{verb}_diff", doc=doc)


@router.get("/changesets/{id}", dependencies=READ, responses=documented(404))
def show_changeset(
    changeset_id: ChangesetId, context: Context, response: Response
) -> Envelope[ChangesetDetailAnswer]:
    """One changeset, and what its release failed on the way in. Its ETag is its version."""
    changeset = service.changeset(context, changeset_id)
    response.headers["ETag"] = f'"{changeset.version}"'
    return Envelope(data=ChangesetDetailAnswer.of(changeset, failed_checks=service.failed_checks(context, changeset)))


for verb, doc in (
    ("approve", "Approve every pending record of a changeset, bound to its payload hash and number of rows."),
    ("reject", "Reject every pending record of a changeset, or a held one as a whole."),
    ("override", "Say that a held snapshot is right. Two accounts must; then its records are raised for review."),
):
    action = decisions.CHANGESET_ACTIONS[verb]
    about_changeset(action, f"/changesets/{{id}}/{verb}", name=f"{verb}_changeset", doc=doc)
actions.route(
    router,
    decisions.ROLLBACK,
    "/changesets/{id}/rollback",
    name="roll_changeset_back",
    doc="Propose the changeset that undoes an applied one; asked again, it is the same. It needs approval by "
    "somebody else than its proposer, and by as many accounts as the one it undoes.",
    session=Acting,
    target=ChangesetId,
    answer=ChangesetAnswer,
    says=lambda inverse: f"changeset {inverse.id} is {inverse.status}",
    version=lambda inverse: inverse.version,
)


@router.get(
    "/export",
    dependencies=READ,
    response_class=Response,
    responses={200: {"description": "The file.", "content": {"text/csv": {}}}, **documented(409)},
)
def export_master(
    request: Request,
    context: Context,
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
        return download(service.export(context, kind, as_of=as_of, skip_unwritable=skip_unwritable))
    except service.UnwritableError as error:
        errors = tuple({"field": row.key, "message": f"{row.name}: {row.why}"} for row in error.rows)
        return plain(request, Problem(409, error.message, error.field, errors))


def download(export: service.Export) -> Response:
    """The answer that a browser saves as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{export.name}"', "Cache-Control": "private, no-cache"}
    return Response(export.content, media_type=export.media_type, headers=headers)
