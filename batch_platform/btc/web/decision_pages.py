"""Forms of btc that decide: adjust all balances, approve, cancel, resume, reverse.

A rate, or a reversal, is asked about before anything is written: the dialog shows a preview, so looking leaves no
batch behind that others would have to wait for. The answer creates the batch under the dialog's own idempotency key,
so however often it is sent there is one batch, and approves it by the count, the sum and the hash that were shown.
Where balances have moved meanwhile the sealed plan has another hash: nothing is approved, nothing starts. The batch
waits as it is sealed, and is asked about once more; no deposit can come in between any more, so that answer holds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.btc import actions, service
from batch_platform.btc.actions import Acting
from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.money import RATE_CEILING, btc_text, parse_btc, parse_rate, rate_text
from batch_platform.btc.service import Draft
from batch_platform.btc.store import IdempotencyKey
from batch_platform.btc.web.api import EXECUTE
from batch_platform.btc.web.batch_pages import Question, show_batch, show_batches
from batch_platform.btc.web.context import HOME, Caller
from batch_platform.btc.web.words import Figures
from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.web.console import field_errors, redirect
from batch_platform.web.context import web_of
from batch_platform.web.forms import Form, Texts
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import translated

SEAL: Final = frozenset({"count", "sum", "plan_sha256"})
"""Fields of a refused approval that say: another plan than the one that was seen."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,23}")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Seen:
    """What a dialog had shown: the number of targets, their sum in satoshi, the hash."""

    count: int
    amount: int
    plan_sha256: str

    @classmethod
    def of(cls, caller: Acting, form: Texts) -> Seen:
        """Raises `InvalidInput` for a form that no page has made, and where a large sum was not typed again."""
        count, amount, plan_sha256 = form["count"], form["sum"], form["plan_sha256"]
        if not (_WHOLE.fullmatch(count) and _WHOLE.fullmatch(amount) and plan_sha256):
            raise InvalidInput("form-incomplete", "The form is not complete; load the page again.")
        seen = cls(int(count), int(amount), plan_sha256)
        if service.asks_for_sum(seen.amount, caller.context.options):
            _require_typed(seen.amount, form["confirm_sum"])
        return seen


@router.post(f"{HOME}/preview", dependencies=EXECUTE)
def preview(request: Request, caller: Caller, form: Form) -> Response:
    """The question before a rate is applied to everybody. Nothing is written."""
    return _ask(request, caller, form)


@router.post(f"{HOME}/execute", dependencies=EXECUTE)
@writes(actions.CREATE, actions.APPROVE)
def execute(request: Request, caller: Caller, form: Form) -> Response:
    """Exactly what the dialog had shown is created, approved and started; else nothing starts."""
    rate, memo = _plain(form["adjustment_rate"]), _memo(form)
    try:
        seen = Seen.of(caller, form)
        key = _key(caller, form, {"adjustment_rate": rate, "memo": memo})
        made = actions.create(caller, rate, memo=memo, key=key, confirm=_plain(form["confirm_rate"]))
    except InvalidInput as error:
        return _ask(request, caller, form, error)
    return _approved(request, caller, made, seen)


@router.post(f"{HOME}/{{batch_id}}/approve", dependencies=EXECUTE)
@writes(actions.APPROVE)
def approve(request: Request, caller: Caller, batch_id: str, form: Form) -> Response:
    """Approve a batch that waits, as its page had shown it, and start it when that was the last approval."""
    try:
        seen = Seen.of(caller, form)
    except InvalidInput as error:
        return redirect(request, f"{HOME}/{batch_id}", message=translated(error), tone="bad")
    return _approved(request, caller, service.batch(caller.context, batch_id), seen)


@router.post(f"{HOME}/{{batch_id}}/cancel", dependencies=EXECUTE)
@writes(actions.CANCEL)
def cancel(request: Request, caller: Caller, batch_id: str) -> Response:
    return _decide(request, caller, batch_id, actions.cancel, _("The batch is cancelled; nothing was booked."))


@router.post(f"{HOME}/{{batch_id}}/resume", dependencies=EXECUTE)
@writes(actions.RESUME)
def resume(request: Request, caller: Caller, batch_id: str) -> Response:
    """Go on with a batch that failed, whose worker died, or that was approved and has not begun."""
    return _decide(request, caller, batch_id, actions.resume, _("The batch goes on."))


@router.post(f"{HOME}/{{batch_id}}/preview-reversal", dependencies=EXECUTE)
def preview_reversal(request: Request, caller: Caller, batch_id: str) -> Response:
    """The question before a batch is reversed. Nothing is written."""
    return _ask_reversal(request, caller, batch_id)


@router.post(f"{HOME}/{{batch_id}}/reverse", dependencies=EXECUTE)
@writes(actions.CREATE, actions.APPROVE)
def reverse(request: Request, caller: Caller, batch_id: str, form: Form) -> Response:
    """As `execute`, for the reversal of a batch."""
    memo = _memo(form)
    try:
        seen = Seen.of(caller, form)
        key = _key(caller, form, {"reverses": batch_id, "memo": memo})
        made = actions.reverse(caller, batch_id, memo=memo, key=key)
    except Conflict as error:
        return redirect(request, f"{HOME}/{batch_id}", message=translated(error), tone="bad")
    except InvalidInput as error:
        return _ask_reversal(request, caller, batch_id, memo, error)
    return _approved(request, caller, made, seen)


def _decide(
    request: Request, caller: Acting, batch_id: str, act: Callable[[Acting, str], Batch], done: str
) -> Response:
    here = f"{HOME}/{batch_id}"
    try:
        act(caller, batch_id)
    except Conflict as error:
        return redirect(request, here, message=translated(error), tone="bad")
    return redirect(request, here, message=done)


def _approved(request: Request, caller: Acting, batch: Batch, seen: Seen) -> Response:
    """Approve and start a batch if its seal is what was seen; its page then says what became of it."""
    here = f"{HOME}/{batch.batch_id}"
    if batch.status is not BatchStatus.PLANNED:
        # the same answer once more, or somebody else was first: the page shows how it stands
        return redirect(request, here)
    try:
        approved = actions.approve(
            caller, batch.batch_id, count=seen.count, amount=seen.amount, plan_sha256=seen.plan_sha256
        )
    except Conflict as error:
        if error.field in SEAL:
            sentence = _("The balances have moved since they were shown. Nothing has started.")
            return redirect(request, f"{here}?moved=true", message=sentence, tone="warning")
        return redirect(request, here, message=translated(error), tone="warning")
    if not service.is_approved(approved, caller.context.options):
        return redirect(request, here, message=_("Approved. A second person has to approve it too."))
    actions.start(caller, approved)
    return redirect(
        request, here, message=_("The batch is accepted: this page shows how far it is, and how it ends.")
    )


def _ask(request: Request, caller: Acting, form: Texts, error: InvalidInput | None = None) -> Response:
    """The dialog over the page, or the page with what is wrong; `error` is what was wrong with the answer."""
    context = caller.context
    text = _plain(form["adjustment_rate"])
    values = {"adjustment_rate": text, "memo": _memo(form)}
    if isinstance(error, Conflict):
        return show_batches(request, caller, values=values, errors={"": translated(error)}, status_code=409)
    try:
        percent = parse_rate(text, max_rate=RATE_CEILING)
        draft = service.preview(context, percent, confirm=rate_text(percent))
    except InvalidInput as refused:
        return show_batches(request, caller, values=values, errors=field_errors(refused))
    beyond = percent.copy_abs() > context.options.max_rate
    question = _question(request, caller, draft, values["memo"], confirm=beyond)
    errors = field_errors(error)
    if "adjustment_rate" in errors:  # the dialog asks for it by another name
        errors = {"confirm_rate": errors["adjustment_rate"]}
    return show_batches(request, caller, values=values, question=question, errors=errors)


def _ask_reversal(
    request: Request, caller: Acting, batch_id: str, memo: str = "", error: InvalidInput | None = None
) -> Response:
    try:
        draft = service.preview_reversal(caller.context, batch_id)
    except Conflict as refused:
        return redirect(request, f"{HOME}/{batch_id}", message=translated(refused), tone="bad")
    question = _question(request, caller, draft, memo)
    return show_batch(request, caller, batch_id, question=question, errors=field_errors(error))


def _question(request: Request, caller: Acting, draft: Draft, memo: str, *, confirm: bool = False) -> Question:
    return Question(
        Figures(draft.rate, draft.summary.targets, draft.plan_sum, draft.plan_sha256, draft.summary),
        draft.cutoff_at,
        web_of(request).random(16).hex(),
        memo=memo,
        confirm=confirm,
        confirm_sum=service.asks_for_sum(draft.plan_sum, caller.context.options),
    )


def _key(caller: Acting, form: Texts, given: dict[str, Any]) -> IdempotencyKey:
    return service.idempotency_key(form["request_id"], by=caller.by, request=given)


def _memo(form: Texts) -> str:
    """The memo on one line: it stands in every row of the ledger."""
    return _CONTROL.sub(" ", form["memo"])


def _plain(text: str) -> str:
    """A rate as Japanese keyboards write it, `＋５％` or `−3`, in the characters of numbers."""
    return unicodedata.normalize("NFKC", text).replace("−", "-").removesuffix("%").strip()


def _require_typed(amount: int, text: str) -> None:
    """Raises `InvalidInput` unless the sum was typed, grouped or not."""
    try:
        typed = parse_btc(_plain(text).replace(",", ""), field="confirm_sum")
    except InvalidInput:
        typed = None
    if typed != amount:
        raise InvalidInput(
            "sum-unconfirmed", "To confirm, type the sum again: {sum}", sum=btc_text(amount), field="confirm_sum"
        )
