"""Preview a rate; create a batch, plan and seal it. Until the seal nothing is decided: planning may be repeated."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from batch_platform.btc.model import Batch, BatchStatus, Options, Rounding, RowState
from batch_platform.btc.money import parse_rate
from batch_platform.btc.service import draft
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.service.draft import Draft
from batch_platform.btc.service.review import consent
from batch_platform.btc.store import ROWS_AT_MOST, IdempotencyKey, PlanDigests
from batch_platform.core.failures import Conflict, InvalidInput, PlatformError

MEMO_AT_MOST: Final = 200
"""Characters: the memo stands in every ledger row, and a row of more than 1 KB costs twice the write units."""
KEY_AT_MOST: Final = 255
SHARDS: Final = (1, 16)
ABANDONED: Final = timedelta(minutes=2)
"""A batch that is pending for so long was left by a worker that died."""


@dataclass(frozen=True)
class Overrides:
    """What one batch has otherwise than the settings; `target_total` is in signed satoshi."""

    rounding: Rounding | None = None
    target_total: int | None = None
    shards: int | None = None

    def over(self, options: Options) -> Options:
        shards = options.shards if self.shards is None else self.shards
        target = options.target_total if self.target_total is None else self.target_total
        return replace(options, rounding=self.rounding or options.rounding, target_total=target, shards=shards)


AS_SET: Final = Overrides()


def idempotency_key(text: str, *, by: str, request: Mapping[str, Any]) -> IdempotencyKey:
    """The key of a request: `by` whom, under which `text`, for what. Raises `InvalidInput` for no usable text."""
    if not 0 < len(text) <= KEY_AT_MOST or not text.isascii() or not text.isprintable():
        raise InvalidInput(
            "idempotency-key-not-printable",
            "Idempotency-Key must be 1 to {limit} printable ASCII characters.",
            limit=KEY_AT_MOST,
            field="Idempotency-Key",
        )
    body = json.dumps(request, sort_keys=True, default=str)
    return IdempotencyKey(_digest(json.dumps([by, text])), _digest(body))


def preview(
    context: BtcContext, rate: str | int | Decimal, *, overrides: Overrides = AS_SET, confirm: str | None = None
) -> Draft:
    """What a batch of this rate would do now; nothing is written. Raises `InvalidInput` as `create`."""
    percent = parse_rate(rate, max_rate=context.options.max_rate, confirm_above=confirm)
    return draft.of_rate(context, percent, overrides.over(context.options))


def create(
    context: BtcContext,
    rate: str | int | Decimal,
    *,
    by: str,
    memo: str | None = None,
    key: IdempotencyKey | None = None,
    overrides: Overrides = AS_SET,
    confirm: str | None = None,
    approve: bool = False,
) -> Batch:
    """A batch of this rate, planned and sealed; the one that the same `key` has made before, if it has.

    With `approve` it also has the approval of its creator, unless a setting asks for a look at the plan first, or for
    an approval that names a sum as large as this one.
    `confirm` repeats a rate beyond the setting's largest. Raises `InvalidInput` for a rate, an option or a memo that
    cannot be, `Conflict` while another batch is open. After a `TransientFailure` the batch may stay pending: the same
    key, or `replan`, goes on with it.
    """
    percent = parse_rate(rate, max_rate=context.options.max_rate, confirm_above=confirm)
    options = overrides.over(context.options)
    batch = new_batch(context, percent, options, by=by, memo=memo)
    return begin(context, batch, key=key, approve=approve)


def new_batch(context: BtcContext, rate: Decimal, options: Options, *, by: str, memo: str | None) -> Batch:
    """A pending batch, stored nowhere yet. Raises `InvalidInput` for a memo or an option that cannot be."""
    if options.shards not in SHARDS:
        raise InvalidInput(
            "unknown-shards", "shards must be {choices}.", choices=" or ".join(map(str, SHARDS)), field="shards"
        )
    if not 1 <= options.chunk_users <= ROWS_AT_MOST:
        raise InvalidInput(
            "chunk-users-out-of-range", "chunk_users must be 1 to {limit}.", limit=ROWS_AT_MOST, field="chunk_users"
        )
    now = context.clock()
    return Batch(
        batch_id=context.ids(now),
        adjustment_rate=rate,
        status=BatchStatus.PENDING,
        created_by=by,
        created_at=now,
        memo=_memo(memo),
        rounding=options.rounding,
        target_total=options.target_total,
        shards=options.shards,
        chunk_users=options.chunk_users,
    )


def begin(context: BtcContext, batch: Batch, *, key: IdempotencyKey | None, approve: bool) -> Batch:
    """Store a new batch, plan and seal it; a batch that stands for it already is taken to the same point."""
    if key is not None:
        batch = replace(batch, key_hash=key.key_hash)
    made = context.store.batches.create(batch, key=key)
    if made.status is BatchStatus.PENDING:
        made = _seal(context, made)
    if approve and not context.options.require_approval:
        made = consent(context, made, by=batch.created_by)
    return made


def replan(context: BtcContext, batch_id: str) -> Batch:
    """Plan and seal a batch whose worker died before its seal; one that is sealed stays as it is."""
    batch = context.store.batches.get(batch_id)
    return _seal(context, batch) if batch.status is BatchStatus.PENDING else batch


def abandoned(context: BtcContext) -> list[Batch]:
    """Batches that nobody plans any more, for `replan`."""
    since = context.clock() - ABANDONED
    return [batch for batch in context.store.batches.each(BatchStatus.PENDING) if batch.created_at < since]


def _seal(context: BtcContext, batch: Batch) -> Batch:
    """Plan a pending batch and fix its rows by one conditional write; of many planners the first one's plan counts.

    A failure that trying again does not mend ends the batch, and so frees its lock.
    """
    try:
        drafted = draft.of_batch(context, batch)
        digests = context.store.plans.put(batch.batch_id, drafted.plan)
        return context.store.batches.move(batch, BatchStatus.PLANNED, **_seal_of(drafted, digests, context))
    except Conflict:
        now = context.store.batches.get(batch.batch_id)
        if now.plan_sha256 is None:
            raise
        return now
    except PlatformError as error:
        if error.permanent:
            _give_up(context, batch, error)
        raise


def _seal_of(drafted: Draft, digests: PlanDigests, context: BtcContext) -> dict[str, Any]:
    summary = drafted.summary
    return {
        "cutoff_at": drafted.cutoff_at,
        "planned_at": context.clock(),
        "plan_sha256": digests.plan,
        "plan_file_sha256": digests.file,
        "plan_sum": summary.amount,
        "plan_rows": summary.rows,
        "target_user_count": summary.targets,
        "skipped_zero_count": summary.counts[RowState.SKIPPED_ZERO],
        "excluded_count": summary.rows - summary.targets,
    }


def _give_up(context: BtcContext, batch: Batch, error: PlatformError) -> None:
    # whoever moved it meanwhile has decided otherwise
    with suppress(Conflict):
        context.store.batches.move(
            batch, BatchStatus.FAILED, completed_at=context.clock(), error_message=error.message
        )


def _memo(memo: str | None) -> str | None:
    text = (memo or "").strip()
    if len(text) > MEMO_AT_MOST:
        raise InvalidInput(
            "memo-too-long",
            "memo has {count} characters, more than {limit}.",
            count=len(text),
            limit=MEMO_AT_MOST,
            field="memo",
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidInput("memo-not-one-line", "memo must be one line without control characters.", field="memo")
    return text or None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
