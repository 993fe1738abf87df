"""The two screens of btc, for whoever shows them: all batches with the form, and one batch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response

from batch_platform.btc import service
from batch_platform.btc.jobs import BATCH_TAG
from batch_platform.btc.model import REVERSIBLE, Batch, BatchStatus
from batch_platform.btc.money import btc_text, rate_text
from batch_platform.btc.plan import Summary
from batch_platform.btc.service.lists import FAILURES_SHOWN
from batch_platform.btc.web import words
from batch_platform.btc.web.context import HOME, BtcSite
from batch_platform.btc.web.files import FILES
from batch_platform.btc.web.words import Figures
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.web.access.dependencies import current
from batch_platform.web.console import render
from batch_platform.web.context import web_of

ROWS: Final = 20
TRANSACTIONS: Final = 10
EXECUTE: Final = "batch:execute"

PROVED_AT_SIGHT: Final = 100_000
"""So many targets at most are proved by themselves when their page is looked at: it takes about a second."""

STALE: Final = timedelta(minutes=1)
"""A batch that has been started for so long and has no worker may be pushed by a person."""

_GOING: Final = frozenset({BatchStatus.PENDING, BatchStatus.PROCESSING})


@dataclass(frozen=True)
class Question:
    """What the dialog asks: the figures of a plan, and what the form had that led to it.

    `request_id` names one showing of the dialog: an answer that is sent twice makes one batch. `confirm` says that
    the rate has to be typed again, `confirm_sum` that the sum has to be.
    """

    figures: Figures
    cutoff_at: datetime
    request_id: str
    memo: str = ""
    confirm: bool = False
    confirm_sum: bool = False


def home(
    request: Request,
    site: BtcSite,
    *,
    status: str = "",
    offset: int = 0,
    part: bool = False,
    question: Question | None = None,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status_code: int = 200,
) -> Response:
    """The form, with `values` where it was sent, and the history; only the history as a `part` that is live."""
    wanted = BatchStatus(status) if status in set(BatchStatus) else None
    shown = service.history(site.work, wanted, limit=ROWS, offset=offset)
    last = offset + len(shown.batches)
    return page(
        request,
        "history" if part else "batches",
        status_code=status_code,
        batches=shown.batches,
        reversals=shown.reversals,
        going=any(batch.status in _GOING for batch in shown.batches),
        part=part,
        open_batch=_open(site),
        wanted=status if wanted else "",
        offset=offset,
        total=shown.total,
        previous_offset=max(0, offset - ROWS) if offset else None,
        next_offset=last if last < shown.total and shown.batches else None,
        range_text=f"{offset + 1:,}–{last:,} / {shown.total:,}" if shown.batches and shown.total > ROWS else None,
        question=question,
        values={"adjustment_rate": "", "memo": "", **(values or {})},
        errors=errors,
        max_rate=site.work.options.max_rate,
        confirm_above=site.work.options.confirm_above,
    )


def one(
    request: Request,
    site: BtcSite,
    batch_id: str,
    *,
    cursor: str | None = None,
    part: bool = False,
    prove: bool = False,
    moved: bool = False,
    section: str | None = None,
    question: Question | None = None,
    errors: Mapping[str, str] | None = None,
    status_code: int = 200,
) -> Response:
    """One batch with its plan, its first rows and, where asked for, its proof. Raises `NotFound`.

    `moved` says that it was planned by other balances than its creator had seen; `question` is that of a reversal;
    `section` is the one that is shown alone.
    """
    work = site.work
    batch = service.batch(work, batch_id)
    rows = service.transactions(work, batch_id, limit=TRANSACTIONS, cursor=cursor)
    failures = service.failed_users(work, batch_id)
    here = f"{HOME}/{batch_id}"
    return page(
        request,
        section or ("progress" if part else "batch"),
        status_code=status_code,
        batch=batch,
        figures=_figures(site, batch),
        going=batch.status in _GOING,
        part=part,
        ended=batch.status in REVERSIBLE,
        proving=batch.status in REVERSIBLE and batch.target_user_count <= PROVED_AT_SIGHT,
        confirm_sum=service.asks_for_sum(batch.plan_sum or 0, work.options),
        confirm_above=work.options.confirm_above,
        rows=rows.rows,
        cursor=cursor,
        following=rows.cursor,
        failures=failures[:FAILURES_SHOWN],
        failures_count=len(failures),
        missing=service.approvals_missing(batch, work.options),
        approved=any(one.account == current(request).subject for one in batch.approvals),
        resumable=_resumable(site, batch),
        reversible=batch.is_reversible and batch.processed_user_count > 0,
        reversals=service.reversals(work, [batch]),
        proof=service.proof(work, batch_id) if prove else None,
        own=here,
        live=f"{here}/live" + (f"?cursor={quote(cursor)}" if cursor else ""),
        dagster=f"/dagster/runs?q[0]={quote(f'tag:{BATCH_TAG}={batch_id}')}",
        moved=moved and batch.status is BatchStatus.PLANNED,
        question=question,
        errors=errors,
    )


def page(request: Request, name: str, *, status_code: int = 200, **values: Any) -> Response:
    """A page of btc: every template knows its words."""
    names = {
        "statuses": words.STATUSES,
        "row_states": words.ROW_STATES,
        "exclusions": words.EXCLUSIONS,
        "roundings": words.ROUNDINGS,
        "checks": words.CHECKS,
        "asset": FILES.url,
        "btc": btc_text,
        "signed": words.signed,
        "rate": words.rate,
        "rate_text": rate_text,
        "short_id": words.short_id,
        "total_of": words.total,
        "zeros": words.zeros,
        "distribution": words.distribution,
        "options": words.options,
        "taken_back": words.taken_back,
        "share": words.share,
        "row_failures": words.FAILURES,
        "home": HOME,
        "may_execute": current(request).may(EXECUTE),
    }
    return render(request, f"btc/{name}.html", status=status_code, **names, **values)


def request_id(request: Request) -> str:
    """Names one showing of a dialog."""
    return web_of(request).random(16).hex()


def _open(site: BtcSite) -> Batch | None:
    """The batch that others have to wait for."""
    batch_id = site.work.store.batches.open_batch_id()
    return None if batch_id is None else service.batch(site.work, batch_id)


def _resumable(site: BtcSite, batch: Batch) -> bool:
    """Whether somebody may want to ask for another worker."""
    work = site.work
    if batch.status is BatchStatus.PROCESSING:
        since = batch.lease_expires_at or batch.started_at or batch.created_at
        return not service.is_held(work, batch) and work.clock() > since + STALE
    if batch.status is BatchStatus.PLANNED:
        return service.is_approved(batch, work.options)
    return batch.status is BatchStatus.FAILED and batch.is_open


def _figures(site: BtcSite, batch: Batch) -> Figures | None:
    """What was sealed; None before the seal, and where the stored plan is no longer what was sealed."""
    if batch.plan_sha256 is None:
        return None
    summary: Summary | None = None
    # the proof says what is wrong with the plan; the page shows the rest
    with suppress(NotFound, PermanentFailure):
        summary = service.summary(site.work, batch)
    if summary is None:
        return None
    return Figures(batch.adjustment_rate, batch.target_user_count, batch.plan_sum or 0, batch.plan_sha256, summary)
