"""Console pages of btc that decide: adjust all balances, approve, cancel, resume, reverse.

A rate, or a reversal, is asked about before anything is written: the dialog shows a preview, so looking leaves no
batch behind that others would have to wait for. The answer creates the batch under the dialog's own idempotency key,
so however often it is sent there is one batch, and approves it by the count, the sum and the hash that were shown.
Where balances have moved meanwhile the sealed plan has another hash: nothing is approved, nothing starts. The batch
waits as it is sealed, and is asked about once more; no deposit can come in between any more, so that answer holds.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from batch_platform.btc import service
from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.money import RATE_CEILING, btc_text, parse_btc, parse_rate, rate_text
from batch_platform.btc.web import screens
from batch_platform.btc.web.api import EXECUTE
from batch_platform.btc.web.context import HOME, BtcSite, Site, resumed, started, subject, told, told_once
from batch_platform.btc.web.screens import Question
from batch_platform.btc.web.words import Figures
from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.web.console import redirect
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import said

SEAL: Final = frozenset({"count", "sum", "plan_sha256"})
"""Fields of a refused approval that say: another plan than the one that was seen."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

router = APIRouter(include_in_schema=False)


async def _texts(request: Request) -> dict[str, str]:
    return {key: value.strip() for key, value in (await request.form()).items() if isinstance(value, str)}


Form = Annotated[dict[str, str], Depends(_texts)]


@dataclass(frozen=True)
class Seen:
    """What a dialog had shown: the number of targets, their sum in satoshi, the hash."""

    count: int
    amount: int
    plan_sha256: str

    @classmethod
    def of(cls, form: dict[str, str]) -> Seen:
        """Raises `InvalidInput` for a form that no page has made."""
        try:
            return cls(_digits(form["count"]), _digits(form["sum"]), form["plan_sha256"])
        except (KeyError, ValueError):
            raise InvalidInput("form-incomplete", "The form is not complete; load the page again.") from None


@router.post(f"{HOME}/preview", dependencies=EXECUTE)
def preview(request: Request, site: Site, form: Form) -> Response:
    """The question before a rate is applied to everybody. Nothing is written."""
    return _asked(request, site, form)


@router.post(f"{HOME}/execute", dependencies=EXECUTE)
def execute(request: Request, site: Site, form: Form) -> Response:
    """Exactly what the dialog had shown is created, approved and started; else nothing starts."""
    asked = {"adjustment_rate": _plain(form.get("adjustment_rate", "")), "memo": _memo(form)}
    try:
        seen = Seen.of(form)
        _require_sum(site, form, seen)
        made = service.create(
            site.work,
            asked["adjustment_rate"],
            by=subject(request),
            memo=asked["memo"],
            key=service.idempotency_key(form.get("request_id", ""), by=subject(request), asked=asked),
            confirm=_plain(form.get("confirm_rate", "")),
        )
    except InvalidInput as error:
        return _asked(request, site, form, error)
    told_once(request, "btc-batch.create", made)
    return _confirmed(request, site, made, seen)


@router.post(f"{HOME}/{{batch_id}}/approve", dependencies=EXECUTE)
def approve(request: Request, site: Site, batch_id: str, form: Form) -> Response:
    """Approve a batch that waits, as its page had shown it, and start it when that was the last approval."""
    try:
        seen = Seen.of(form)
        _require_sum(site, form, seen)
    except InvalidInput as error:
        return redirect(request, f"{HOME}/{batch_id}", message=error.message, tone="bad")
    return _confirmed(request, site, service.batch(site.work, batch_id), seen)


@router.post(f"{HOME}/{{batch_id}}/cancel", dependencies=EXECUTE)
def cancel(request: Request, site: Site, batch_id: str) -> Response:
    here = f"{HOME}/{batch_id}"
    before = service.batch(site.work, batch_id)
    try:
        after = service.cancel(site.work, batch_id, by=subject(request))
    except Conflict as error:
        return redirect(request, here, message=said(error), tone="bad")
    if after.status is not before.status:
        told(request, "btc-batch.cancel", before, after)
    return redirect(request, here, message=_("The batch is cancelled; nothing was booked."))


@router.post(f"{HOME}/{{batch_id}}/resume", dependencies=EXECUTE)
def resume(request: Request, site: Site, batch_id: str) -> Response:
    """Go on with a batch that failed, whose worker died, or that was approved and has not begun."""
    here = f"{HOME}/{batch_id}"
    before = service.batch(site.work, batch_id)
    try:
        after = resumed(site, batch_id, by=subject(request))
    except Conflict as error:
        return redirect(request, here, message=said(error), tone="bad")
    told(request, "btc-batch.resume", before, after)
    return redirect(request, here, message=_("The batch goes on."))


@router.post(f"{HOME}/{{batch_id}}/preview-reversal", dependencies=EXECUTE)
def preview_reversal(request: Request, site: Site, batch_id: str) -> Response:
    """The question before a batch is reversed. Nothing is written."""
    return _asked_reversal(request, site, batch_id, {})


@router.post(f"{HOME}/{{batch_id}}/reverse", dependencies=EXECUTE)
def reverse(request: Request, site: Site, batch_id: str, form: Form) -> Response:
    """As `execute`, for the reversal of a batch."""
    asked = {"reverses": batch_id, "memo": _memo(form)}
    try:
        seen = Seen.of(form)
        _require_sum(site, form, seen)
        made = service.reverse(
            site.work,
            batch_id,
            by=subject(request),
            memo=asked["memo"],
            key=service.idempotency_key(form.get("request_id", ""), by=subject(request), asked=asked),
        )
    except Conflict as error:
        return redirect(request, f"{HOME}/{batch_id}", message=said(error), tone="bad")
    except InvalidInput as error:
        return _asked_reversal(request, site, batch_id, form, error)
    told_once(request, "btc-batch.create", made)
    return _confirmed(request, site, made, seen)


def _confirmed(request: Request, site: BtcSite, batch: Batch, seen: Seen) -> Response:
    """Approve and start a batch if its seal is what was seen; its page then says what became of it."""
    here = f"{HOME}/{batch.batch_id}"
    if batch.status is not BatchStatus.PLANNED:
        # the same answer once more, or somebody else was first: the page shows how it stands
        return redirect(request, here)
    by = subject(request)
    try:
        approved = service.approve(
            site.work,
            batch.batch_id,
            by=by,
            count=seen.count,
            amount=seen.amount,
            plan_sha256=seen.plan_sha256,
        )
    except Conflict as error:
        if error.field in SEAL:
            sentence = _("The balances have moved since they were shown. Nothing has started.")
            return redirect(request, f"{here}?moved=true", message=sentence, tone="warning")
        return redirect(request, here, message=said(error), tone="warning")
    if approved.approvals != batch.approvals:
        told(request, "btc-batch.approve", batch, approved)
    if not service.is_approved(approved, site.work.options):
        return redirect(request, here, message=_("Approved. A second person has to approve it too."))
    started(site, approved, by=by)
    return redirect(request, here, message=_("The batch is started."))


def _asked(request: Request, site: BtcSite, form: dict[str, str], error: InvalidInput | None = None) -> Response:
    """The dialog over the page, or the page with what is wrong; `error` is what was wrong with the answer."""
    text = _plain(form.get("adjustment_rate", ""))
    values = {"adjustment_rate": text, "memo": _memo(form)}
    if isinstance(error, Conflict):
        return screens.home(request, site, values=values, errors={"": said(error)}, status_code=409)
    try:
        percent = parse_rate(text, max_rate=RATE_CEILING)
        found = service.preview(site.work, percent, confirm=rate_text(percent))
    except InvalidInput as refused:
        wrong = {refused.field or "": said(refused)}
        return screens.home(request, site, values=values, errors=wrong, status_code=422)
    question = Question(
        Figures(percent, found.summary.targets, found.plan_sum, found.plan_sha256, found.summary),
        found.cutoff_at,
        screens.request_id(request),
        memo=values["memo"],
        confirm=percent.copy_abs() > site.work.options.max_rate,
        confirm_sum=service.asks_for_sum(found.plan_sum, site.work.options),
    )
    errors: dict[str, str] | None = None
    if error is not None:
        field = "confirm_rate" if error.field == "adjustment_rate" else error.field or ""
        errors = {field: said(error)}
    return screens.home(
        request, site, values=values, question=question, errors=errors, status_code=422 if errors else 200
    )


def _asked_reversal(
    request: Request, site: BtcSite, batch_id: str, form: dict[str, str], error: InvalidInput | None = None
) -> Response:
    try:
        found = service.preview_reversal(site.work, batch_id)
    except Conflict as refused:
        return redirect(request, f"{HOME}/{batch_id}", message=said(refused), tone="bad")
    question = Question(
        Figures(found.rate, found.summary.targets, found.plan_sum, found.plan_sha256, found.summary),
        found.cutoff_at,
        screens.request_id(request),
        memo=_memo(form),
        confirm_sum=service.asks_for_sum(found.plan_sum, site.work.options),
    )
    errors = None if error is None else {error.field or "": said(error)}
    return screens.one(request, site, batch_id, question=question, errors=errors, status_code=422 if errors else 200)


def _memo(form: dict[str, str]) -> str:
    """The memo on one line: it stands in every row of the ledger."""
    return _CONTROL.sub(" ", form.get("memo", ""))


def _plain(text: str) -> str:
    """A rate as Japanese keyboards write it, `＋５％` or `−3`, in the characters of numbers."""
    return unicodedata.normalize("NFKC", text).replace("−", "-").removesuffix("%").strip()


def _require_sum(site: BtcSite, form: dict[str, str], seen: Seen) -> None:
    """Raises `InvalidInput` unless a sum beyond the setting was typed again, grouped or not."""
    if not service.asks_for_sum(seen.amount, site.work.options):
        return
    try:
        typed = parse_btc(_plain(form.get("confirm_sum", "")).replace(",", ""), field="confirm_sum")
    except InvalidInput:
        typed = None
    if typed != seen.amount:
        raise InvalidInput(
            "sum-unconfirmed", "To confirm, type the sum again: {sum}", sum=btc_text(seen.amount), field="confirm_sum"
        )


def _digits(text: str) -> int:
    """Raises `ValueError` for anything but digits with a minus."""
    if not text.isascii() or len(text) > 25 or text != str(int(text)):
        raise ValueError(text)
    return int(text)
