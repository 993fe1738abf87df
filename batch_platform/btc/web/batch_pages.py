"""Console pages of btc that show: all batches with the form, one batch with its plan and proof."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from batch_platform.btc import service
from batch_platform.btc.actions import Acting
from batch_platform.btc.jobs import BATCH_TAG
from batch_platform.btc.model import REVERSIBLE, Batch, BatchStatus
from batch_platform.btc.service.lists import FAILURES_SHOWN
from batch_platform.btc.web.api import READ
from batch_platform.btc.web.context import HOME, Caller, page
from batch_platform.btc.web.words import Figures
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.web.api.strict import QueryBool
from batch_platform.web.paging import Cursor, Offset, place_among

ROWS: Final = 20
TRANSACTIONS: Final = 10

PROVED_AT_SIGHT: Final = 100_000
"""So many targets at most are proved by themselves when their page is looked at: it takes about a second."""

STALE: Final = timedelta(minutes=1)
"""A batch that has been started for so long and has no worker may be pushed by a person."""

_GOING: Final = frozenset({BatchStatus.PENDING, BatchStatus.PROCESSING})
_PARTS: Final = {"live": "progress", "proof": "proof"}
"""Templates of parts of a batch's page, by the end of their addresses."""


@dataclass(frozen=True)
class Question:
    """What the dialog asks: the figures of a plan, and the memo of the form that led to it.

    `request_id` names one showing of the dialog: an answer that is sent twice makes one batch. `confirm` says that
    the rate has to be typed again, `confirm_sum` that the sum has to be.
    """

    figures: Figures
    cutoff_at: datetime
    request_id: str
    memo: str = ""
    confirm: bool = False
    confirm_sum: bool = False


router = APIRouter(include_in_schema=False)


@router.get(HOME, dependencies=READ)
@router.get(f"{HOME}/live", dependencies=READ)
def batches_page(request: Request, caller: Caller, status: str = "", offset: Offset = 0) -> Response:
    """The form, for those who may execute, and the history; that alone asks for itself while a batch is going on."""
    return show_batches(request, caller, status=status, offset=offset, part=request.url.path == f"{HOME}/live")


@router.get(f"{HOME}/{{batch_id}}", dependencies=READ)
@router.get(f"{HOME}/{{batch_id}}/live", dependencies=READ)
@router.get(f"{HOME}/{{batch_id}}/proof", dependencies=READ)
def batch_page(
    request: Request,
    caller: Caller,
    batch_id: str,
    *,
    cursor: Cursor = None,
    proof: QueryBool = False,
    moved: QueryBool = False,
) -> Response:
    """One batch, or the part of it that changes while it is going on, or its proof, computed when it is asked for."""
    template = _PARTS.get(request.url.path.rpartition("/")[2], "batch")
    prove = proof or template == "proof"
    return show_batch(request, caller, batch_id, cursor=cursor, prove=prove, moved=moved, template=template)


def show_batches(
    request: Request,
    caller: Acting,
    *,
    status: str = "",
    offset: int = 0,
    part: bool = False,
    question: Question | None = None,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status_code: int | None = None,
) -> Response:
    """The form, with `values` where it was sent, and the history; only the history as a `part` that is live."""
    only = BatchStatus(status) if status in set(BatchStatus) else None
    shown = service.history(caller.context, only, limit=ROWS, offset=offset)
    return page(
        request,
        "history" if part else "batches",
        status=status_code,
        batches=shown.batches,
        reversals=shown.reversals,
        going=any(batch.status in _GOING for batch in shown.batches),
        part=part,
        open_batch=_open(caller),
        only=only or "",
        offset=offset,
        place=place_among(offset, ROWS, shown.total),
        question=question,
        values={"adjustment_rate": "", "memo": "", **(values or {})},
        errors=errors,
        max_rate=caller.context.options.max_rate,
        confirm_above=caller.context.options.confirm_above,
    )


def show_batch(
    request: Request,
    caller: Acting,
    batch_id: str,
    *,
    cursor: str | None = None,
    prove: bool = False,
    moved: bool = False,
    template: str = "batch",
    question: Question | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    """One batch with its plan, its first rows and, where asked for, its proof. Raises `NotFound`.

    `moved` says that it was planned by other balances than its creator had seen; `question` is that of a reversal;
    `template` is that of the page, or of a part of it.
    """
    context = caller.context
    batch = service.batch(context, batch_id)
    rows = service.transactions(context, batch_id, limit=TRANSACTIONS, cursor=cursor)
    failures = service.failed_users(context, batch_id)
    here = f"{HOME}/{batch_id}"
    return page(
        request,
        template,
        batch=batch,
        figures=_figures(caller, batch),
        going=batch.status in _GOING,
        part=template == "progress",
        ended=batch.status in REVERSIBLE,
        proving=batch.status in REVERSIBLE and batch.target_user_count <= PROVED_AT_SIGHT,
        confirm_sum=service.asks_for_sum(batch.plan_sum or 0, context.options),
        confirm_above=context.options.confirm_above,
        rows=rows.rows,
        cursor=cursor,
        following=rows.cursor,
        failures=failures[:FAILURES_SHOWN],
        failures_count=len(failures),
        missing=service.approvals_missing(batch, context.options),
        approved=caller.by in {approval.account for approval in batch.approvals},
        resumable=_resumable(caller, batch),
        reversible=batch.is_reversible and batch.processed_user_count > 0,
        reversals=service.reversals(context, [batch]),
        proof=service.proof(context, batch_id) if prove else None,
        own=here,
        live=f"{here}/live" + (f"?cursor={quote(cursor)}" if cursor else ""),
        dagster=f"/dagster/runs?q[0]={quote(f'tag:{BATCH_TAG}={batch_id}')}",
        moved=moved and batch.status is BatchStatus.PLANNED,
        question=question,
        errors=errors,
    )


def _open(caller: Acting) -> Batch | None:
    """The batch that others have to wait for."""
    batch_id = caller.context.store.batches.open_batch_id()
    return None if batch_id is None else service.batch(caller.context, batch_id)


def _resumable(caller: Acting, batch: Batch) -> bool:
    """Whether somebody may want to ask for another worker."""
    context = caller.context
    if batch.status is BatchStatus.PROCESSING:
        since = batch.lease_expires_at or batch.started_at or batch.created_at
        return not service.is_held(context, batch) and context.clock() > since + STALE
    if batch.status is BatchStatus.PLANNED:
        return service.is_approved(batch, context.options)
    return batch.status is BatchStatus.FAILED and batch.is_open


def _figures(caller: Acting, batch: Batch) -> Figures | None:
    """What was sealed; None before the seal, and where the stored plan is no longer what was sealed."""
    if batch.plan_sha256 is None:
        return None
    # the proof says what is wrong with the plan; the page shows the rest
    with suppress(NotFound, PermanentFailure):
        summary = service.summary(caller.context, batch)
        return Figures(
            batch.adjustment_rate, batch.target_user_count, batch.plan_sum or 0, batch.plan_sha256, summary
        )
    return None
