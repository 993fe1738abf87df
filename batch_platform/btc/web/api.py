"""The btc API under `/api/admin/batch-operations`: one rate over every balance, its history, its proof, its reversal.

Paths, names and statuses are the spec's; numbers in bodies are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import polars as pl
from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import StreamingResponse

from batch_platform.btc import service
from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.service import Draft
from batch_platform.btc.service.lists import PAGE
from batch_platform.btc.store import IdempotencyKey
from batch_platform.btc.web.context import BtcSite, Site, resumed, started, subject, told, told_once
from batch_platform.btc.web.requests import (
    AdjustRequest,
    ApproveRequest,
    BatchId,
    Cursor,
    Limit,
    Offset,
    ReverseRequest,
    satoshi,
)
from batch_platform.btc.web.schemas import (
    BatchAnswer,
    DetailAnswer,
    HistoryAnswer,
    PlanAnswer,
    PreviewAnswer,
    ProofAnswer,
    TransactionAnswer,
    TransactionsAnswer,
    plan_texts,
)
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api import idempotency
from batch_platform.web.api import paths as _paths  # noqa: F401 (the convertor of `{batchId:uuid7}`)
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.exact import ExactJson, ExactRoute, written
from batch_platform.web.api.problems import documented

HERE: Final = "/api/admin/batch-operations"
READ: Final = [requires("batch:read")]
EXECUTE: Final = [requires("batch:execute")]
PREVIEWED: Final = 20
_AT_ONCE: Final = 10_000

router = APIRouter(prefix=HERE, tags=["btc"], route_class=ExactRoute)

BatchEnvelope = Envelope[BatchAnswer]
PreviewEnvelope = Envelope[PreviewAnswer]


@router.post("", status_code=202, dependencies=EXECUTE, response_model=BatchEnvelope)
def adjust(body: AdjustRequest, request: Request, site: Site) -> Response:
    """Plan, seal and start a batch in one call; where the settings ask for approvals it waits for them as `planned`.

    A second one while a batch is open answers 409 and names it.
    """
    rate = body.rate(site.work.options)
    asked = {**body.model_dump(exclude={"adjustment_rate"}), "adjustment_rate": str(rate)}
    made = service.create(
        site.work,
        rate,
        by=subject(request),
        memo=body.memo,
        key=_key(request, asked),
        overrides=body.overrides(),
        confirm=body.confirm,
        approve=True,
    )
    return _begun(request, site, made)


@router.post("/preview", dependencies=EXECUTE, response_model=PreviewEnvelope)
def preview(body: AdjustRequest, site: Site) -> Response:
    """What this batch would do now, with its first rows. Nothing is written."""
    rate = body.rate(site.work.options)
    return _previewed(service.preview(site.work, rate, overrides=body.overrides(), confirm=body.confirm))


@router.get("", dependencies=READ, response_model=Envelope[HistoryAnswer])
def list_batches(
    site: Site,
    *,
    status: Annotated[BatchStatus | None, Query(description="Only batches of this status.")] = None,
    limit: Limit = PAGE,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Response:
    """The history, newest first, by cursor or by offset. A batch made meanwhile moves no other out of a walk."""
    page = service.history(site.work, status, limit=limit, offset=offset, cursor=cursor)
    return _answer(HistoryAnswer.of(page, site.work.options))


@router.get("/{batchId:uuid7}", dependencies=READ, response_model=Envelope[DetailAnswer], responses=documented(404))
def show_batch(batch_id: BatchId, site: Site) -> Response:
    """One batch with its first rows, what its plan comes to, and the users whose row failed."""
    return _answer(DetailAnswer.of(service.detail(site.work, batch_id), site.work.options))


@router.get(
    "/{batchId:uuid7}/transactions",
    dependencies=READ,
    response_model=Envelope[TransactionsAnswer],
    responses=documented(404),
)
def list_transactions(batch_id: BatchId, site: Site, limit: Limit = PAGE, cursor: Cursor = None) -> Response:
    """The rows of the ledger that a batch has written; the opposite one of the house is not among them."""
    page = service.transactions(site.work, batch_id, limit=limit, cursor=cursor)
    items = [TransactionAnswer.of(row) for row in page.rows]
    return _answer(TransactionsAnswer(items=items, next_cursor=page.cursor))


@router.get(
    "/{batchId:uuid7}/plan",
    dependencies=READ,
    response_model=Envelope[PlanAnswer],
    responses={200: {"description": "All rows.", "content": {"text/csv": {}}}, **documented(404)},
)
def export_plan(
    batch_id: BatchId, site: Site, kind: Annotated[Literal["csv", "json"], Query(alias="format")] = "json"
) -> Response:
    """Every row of the sealed plan, with what has become of it by now. 404 before the seal."""
    batch, rows = service.batch(site.work, batch_id), service.sealed_rows(site.work, batch_id)
    headers = {"Cache-Control": "private, no-cache"}
    if kind == "json":
        return StreamingResponse(_json(batch, rows), media_type="application/json", headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="btc-plan-{batch_id}.csv"'
    return StreamingResponse(_csv(rows), media_type="text/csv", headers=headers)


@router.get(
    "/{batchId:uuid7}/proof", dependencies=READ, response_model=Envelope[ProofAnswer], responses=documented(404)
)
def prove(batch_id: BatchId, site: Site) -> Response:
    """The proof, computed now from sealed rows and ledger. Before the end, what is to come is no difference."""
    return _answer(ProofAnswer.of(service.proof(site.work, batch_id)))


@router.post(
    "/{batchId:uuid7}/approve", dependencies=EXECUTE, response_model=BatchEnvelope, responses=documented(404)
)
def approve(batch_id: BatchId, body: ApproveRequest, request: Request, site: Site) -> Response:
    """Approve a planned batch as it was seen. The last approval that is needed starts it."""
    before = service.batch(site.work, batch_id)
    amount = satoshi(body.sum, "sum")
    by = subject(request)
    approved = service.approve(
        site.work, batch_id, by=by, count=body.count, amount=amount, plan_sha256=body.plan_sha256
    )
    if by in {approval.account for approval in approved.approvals}:
        told_once(request, "btc-batch.approve", approved, before)
    return _decided(site, started(site, approved, by=by))


@router.post("/{batchId:uuid7}/cancel", dependencies=EXECUTE, response_model=BatchEnvelope, responses=documented(404))
def cancel(batch_id: BatchId, request: Request, site: Site) -> Response:
    """End a batch of which nothing is applied yet. Once it is processing it can only be finished, and reversed."""
    before = service.batch(site.work, batch_id)
    after = service.cancel(site.work, batch_id, by=subject(request))
    if after.status is not before.status:
        told(request, "btc-batch.cancel", before, after)
    return _decided(site, after)


@router.post(
    "/{batchId:uuid7}/resume",
    status_code=202,
    dependencies=EXECUTE,
    response_model=BatchEnvelope,
    responses=documented(404),
)
def resume(batch_id: BatchId, request: Request, site: Site) -> Response:
    """Go on with a batch that failed or whose worker died. 409 while a worker that may be alive has it in hand."""
    before = service.batch(site.work, batch_id)
    after = resumed(site, batch_id, by=subject(request))
    told(request, "btc-batch.resume", before, after)
    return _decided(site, after, status=202)


@router.post(
    "/{batchId:uuid7}/reverse",
    status_code=202,
    dependencies=EXECUTE,
    response_model=BatchEnvelope,
    responses=documented(404),
)
def reverse(
    batch_id: BatchId, request: Request, site: Site, body: Annotated[ReverseRequest | None, Body()] = None
) -> Response:
    """Take back what a batch has booked, row by row, by a batch of its own. Once only; later activity stays."""
    memo = None if body is None else body.memo
    made = service.reverse(
        site.work,
        batch_id,
        by=subject(request),
        memo=memo,
        key=_key(request, {"reverses": batch_id, "memo": memo}),
        approve=True,
    )
    return _begun(request, site, made)


@router.post(
    "/{batchId:uuid7}/reverse/preview",
    dependencies=EXECUTE,
    response_model=PreviewEnvelope,
    responses=documented(404),
)
def preview_reversal(batch_id: BatchId, site: Site) -> Response:
    """What the reversal of a batch would do now. Nothing is written."""
    return _previewed(service.preview_reversal(site.work, batch_id))


def _key(request: Request, asked: Mapping[str, Any]) -> IdempotencyKey | None:
    """The key of the request for the batch itself: so that also a killed process leaves no second one."""
    text = idempotency.token(request)
    return None if text is None else service.idempotency_key(text, by=subject(request), asked=asked)


def _begun(request: Request, site: BtcSite, made: Batch) -> Response:
    told_once(request, "btc-batch.create", made)
    # one that has failed meanwhile waits for a person, who looks at it
    if made.status in (BatchStatus.PLANNED, BatchStatus.PROCESSING):
        made = started(site, made, by=subject(request))
    return _decided(site, made, status=202, headers={"Location": f"{HERE}/{made.batch_id}"})


def _decided(site: BtcSite, batch: Batch, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    answer = BatchAnswer.of(batch, site.work.options)
    named = " that name its sum" if service.asks_for_sum(batch.plan_sum or 0, site.work.options) else ""
    waits = f", {answer.approvals_missing} more approval(s) needed{named}" if answer.approvals_missing else ""
    return _answer(answer, f"batch {batch.batch_id} is {batch.status}{waits}", status=status, headers=headers)


def _previewed(found: Draft) -> Response:
    return _answer(PreviewAnswer.of(found, rows=PREVIEWED))


def _answer(
    data: object, message: str | None = None, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return ExactJson(Envelope[Any](data=data, message=message), status, headers)


def _csv(rows: pl.DataFrame) -> Iterator[str]:
    yield plan_texts(rows.clear()).write_csv()
    for part in rows.iter_slices(_AT_ONCE):
        yield plan_texts(part).write_csv(include_header=False)


def _json(batch: Batch, rows: pl.DataFrame) -> Iterator[str]:
    head = {"batch_id": batch.batch_id, "plan_sha256": batch.plan_sha256}
    yield f'{{"success":true,"data":{written(head)[:-1]},"rows":['
    between = ""
    for part in rows.iter_slices(_AT_ONCE):
        # line breaks within a text are escaped: these are those between the rows
        yield between + plan_texts(part).write_ndjson().rstrip("\n").replace("\n", ",\n")
        between = ",\n"
    yield ']},"message":null}'
