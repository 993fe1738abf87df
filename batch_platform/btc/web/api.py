"""The btc API under `/api/admin/batch-operations`: one rate over every balance, its history, its proof, its reversal.

Paths, names and statuses are the spec's; numbers in bodies are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal

import polars as pl
from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import StreamingResponse

from batch_platform.btc import actions, row_texts, service
from batch_platform.btc.actions import Acting
from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.money import parse_btc
from batch_platform.btc.service import Draft
from batch_platform.btc.service.lists import PAGE
from batch_platform.btc.store import IdempotencyKey
from batch_platform.btc.web.context import Caller
from batch_platform.btc.web.requests import (
    AdjustRequest,
    BatchApproveRequest,
    BatchId,
    Cursor,
    Limit,
    Offset,
    ReverseRequest,
)
from batch_platform.btc.web.schemas import (
    BatchAnswer,
    BatchPreviewAnswer,
    DetailAnswer,
    HistoryAnswer,
    LedgerRowsAnswer,
    PlanAnswer,
    ProofAnswer,
)
from batch_platform.core.surfaces import writes
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api import idempotency
from batch_platform.web.api import paths as _paths  # noqa: F401 (the convertor of `{batchId:uuid7}`)
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.exact import ExactJson, ExactRoute, written
from batch_platform.web.api.problems import documented

HERE: Final = "/api/admin/batch-operations"
READ: Final = [requires("batch:read")]
EXECUTE: Final = [requires(actions.PERMISSION)]
MISSING: Final = documented(404)
PREVIEWED: Final = 20

BATCH: Final = "/{batchId:uuid7}"

router = APIRouter(prefix=HERE, tags=["btc"], route_class=ExactRoute)

read = partial(router.get, dependencies=READ, responses=MISSING)
decide = partial(router.post, dependencies=EXECUTE, response_model=Envelope[BatchAnswer])
look_ahead = partial(router.post, dependencies=EXECUTE, response_model=Envelope[BatchPreviewAnswer])


@decide("", status_code=202)
@writes(actions.CREATE)
def adjust(body: AdjustRequest, request: Request, caller: Caller) -> Response:
    """Plan, seal and start a batch in one call; where the settings ask for approvals it waits for them as `planned`.

    A second one while a batch is open answers 409 and names it.
    """
    rate = body.rate(caller.context.options)
    given = {**body.model_dump(exclude={"adjustment_rate"}), "adjustment_rate": str(rate)}
    made = actions.create(
        caller,
        rate,
        memo=body.memo,
        key=_key(request, caller, given),
        overrides=body.overrides(),
        confirm=body.confirm,
        approve=True,
    )
    return _begun(caller, made)


@look_ahead("/preview")
def preview(body: AdjustRequest, caller: Caller) -> Response:
    """What this batch would do now, with its first rows. Nothing is written."""
    rate = body.rate(caller.context.options)
    return _previewed(service.preview(caller.context, rate, overrides=body.overrides(), confirm=body.confirm))


@router.get("", dependencies=READ, response_model=Envelope[HistoryAnswer])
def list_batches(
    caller: Caller,
    *,
    status: Annotated[BatchStatus | None, Query(description="Only batches of this status.")] = None,
    limit: Limit = PAGE,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Response:
    """The history, newest first, by cursor or by offset. A batch made meanwhile moves no other out of a walk."""
    page = service.history(caller.context, status, limit=limit, offset=offset, cursor=cursor)
    return _answer(HistoryAnswer.of_page(page, caller.context.options))


@read(BATCH, response_model=Envelope[DetailAnswer])
def show_batch(batch_id: BatchId, caller: Caller) -> Response:
    """One batch with its first rows, what its plan comes to, and the users whose row failed."""
    return _answer(DetailAnswer.of_detail(service.detail(caller.context, batch_id), caller.context.options))


@read(f"{BATCH}/transactions", response_model=Envelope[LedgerRowsAnswer])
def list_transactions(batch_id: BatchId, caller: Caller, limit: Limit = PAGE, cursor: Cursor = None) -> Response:
    """The rows of the ledger that a batch has written; the opposite one of the house is not among them."""
    page = service.transactions(caller.context, batch_id, limit=limit, cursor=cursor)
    return _answer(LedgerRowsAnswer.of(page))


@router.get(
    f"{BATCH}/plan",
    dependencies=READ,
    response_model=Envelope[PlanAnswer],
    responses={200: {"description": "All rows.", "content": {"text/csv": {}}}, **MISSING},
)
def export_plan(
    batch_id: BatchId, caller: Caller, kind: Annotated[Literal["csv", "json"], Query(alias="format")] = "json"
) -> Response:
    """Every row of the sealed plan, with what has become of it by now. 404 before the seal."""
    batch, rows = service.batch(caller.context, batch_id), service.sealed_rows(caller.context, batch_id)
    headers = {"Cache-Control": "private, no-cache"}
    if kind == "json":
        return StreamingResponse(_plan(batch, rows), media_type="application/json", headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="btc-plan-{batch_id}.csv"'
    return StreamingResponse(row_texts.csv(rows, rows.columns), media_type="text/csv", headers=headers)


@read(f"{BATCH}/proof", response_model=Envelope[ProofAnswer])
def prove(batch_id: BatchId, caller: Caller) -> Response:
    """The proof, computed now from sealed rows and ledger. Before the end, what is to come is no difference."""
    return _answer(ProofAnswer.of(service.proof(caller.context, batch_id)))


@decide(f"{BATCH}/approve", responses=MISSING)
@writes(actions.APPROVE)
def approve(batch_id: BatchId, body: BatchApproveRequest, caller: Caller) -> Response:
    """Approve a planned batch as it was seen. The last approval that is needed starts it."""
    service.batch(caller.context, batch_id)
    amount = parse_btc(body.sum, field="sum")
    approved = actions.approve(caller, batch_id, count=body.count, amount=amount, plan_sha256=body.plan_sha256)
    return _decided(caller, actions.start(caller, approved))


@decide(f"{BATCH}/cancel", responses=MISSING)
@writes(actions.CANCEL)
def cancel(batch_id: BatchId, caller: Caller) -> Response:
    """End a batch of which nothing is applied yet. Once it is processing it can only be finished, and reversed."""
    return _decided(caller, actions.cancel(caller, batch_id))


@decide(f"{BATCH}/resume", status_code=202, responses=MISSING)
@writes(actions.RESUME)
def resume(batch_id: BatchId, caller: Caller) -> Response:
    """Go on with a batch that failed or whose worker died. 409 while a worker that may be alive has it in hand."""
    return _decided(caller, actions.resume(caller, batch_id), status=202)


@decide(f"{BATCH}/reverse", status_code=202, responses=MISSING)
@writes(actions.CREATE)
def reverse(
    batch_id: BatchId, request: Request, caller: Caller, body: Annotated[ReverseRequest | None, Body()] = None
) -> Response:
    """Take back what a batch has booked, row by row, by a batch of its own. Once only; later activity stays."""
    memo = None if body is None else body.memo
    key = _key(request, caller, {"reverses": batch_id, "memo": memo})
    return _begun(caller, actions.reverse(caller, batch_id, memo=memo, key=key, approve=True))


@look_ahead(f"{BATCH}/reverse/preview", responses=MISSING)
def preview_reversal(batch_id: BatchId, caller: Caller) -> Response:
    """What the reversal of a batch would do now. Nothing is written."""
    return _previewed(service.preview_reversal(caller.context, batch_id))


def _key(request: Request, caller: Acting, given: Mapping[str, Any]) -> IdempotencyKey | None:
    """The key of the request for the batch itself: so that also a killed process leaves no second one."""
    text = idempotency.token(request)
    return None if text is None else service.idempotency_key(text, by=caller.by, request=given)


def _begun(caller: Acting, made: Batch) -> Response:
    # one that has failed meanwhile waits for a person, who looks at it
    if made.status in (BatchStatus.PLANNED, BatchStatus.PROCESSING):
        made = actions.start(caller, made)
    return _decided(caller, made, status=202, headers={"Location": f"{HERE}/{made.batch_id}"})


def _decided(
    caller: Acting, batch: Batch, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    options = caller.context.options
    answer = BatchAnswer.of_batch(batch, options)
    named = " that name its sum" if service.asks_for_sum(batch.plan_sum or 0, options) else ""
    waits = f", {answer.approvals_missing} more approval(s) needed{named}" if answer.approvals_missing else ""
    return _answer(answer, f"batch {batch.batch_id} is {batch.status}{waits}", status=status, headers=headers)


def _previewed(draft: Draft) -> Response:
    return _answer(BatchPreviewAnswer.of_draft(draft, rows=PREVIEWED))


def _answer(
    data: object, message: str | None = None, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return ExactJson(Envelope[Any](data=data, message=message), status, headers)


def _plan(batch: Batch, rows: pl.DataFrame) -> Iterator[str]:
    head = {"batch_id": batch.batch_id, "plan_sha256": batch.plan_sha256}
    yield f'{{"success":true,"data":{written(head)[:-1]},"rows":'
    yield from row_texts.json(rows, rows.columns)
    yield '},"message":null}'
