"""Console pages of zengin that decide: what is asked before records move, and the decisions about changesets.

A selection is bound by its number and its hash: what is decided is what was shown, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter, ValidationError

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.web.access.dependencies import current
from batch_platform.web.api.strict import IsoDate
from batch_platform.web.console import field_errors, local_path, redirect
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import ngettext
from batch_platform.zengin import service
from batch_platform.zengin.model import Record, Status
from batch_platform.zengin.service import Decision, ZenginContext, review
from batch_platform.zengin.web import words
from batch_platform.zengin.web.api import APPROVE, written
from batch_platform.zengin.web.context import HOME, Form, Texts, Work, page, told, told_changeset

SHOWN: Final = 50
"""Records of a group that the question lists."""
MOST: Final = 500
"""Records that may be named one by one."""

_DECIDED_FROM: Final = {"approve": Status.PENDING, "reject": Status.PENDING, "revoke": Status.APPROVED}
_DATE: Final[TypeAdapter[date]] = TypeAdapter(IsoDate)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Selection:
    """Records named one by one, or a changeset's pending ones of a class and risk."""

    records: tuple[Record, ...]
    versions: dict[str, int]
    changeset: str = ""
    change_class: str = ""
    risk: str = ""

    @property
    def hash(self) -> str:
        """Names what would be decided: each record in its version, with the rows before and after."""
        lines = sorted(
            f"{one.id} {self.versions[one.id]} {one.base_hash or '-'} {one.new_hash or '-'}" for one in self.records
        )
        return sha256("\n".join(lines).encode()).hexdigest()


def matching(records: Iterable[Record], status: str, change_class: str, risk: str) -> list[Record]:
    """Those of a status, class and risk; an empty text stands for all, the class `bulk` for bulk records."""
    return [
        record
        for record in records
        if status in ("", record.status)
        and change_class in ("", record.change_class or "bulk")
        and risk in ("", record.risk)
    ]


@router.post(f"{HOME}/ask", dependencies=APPROVE)
def ask(request: Request, work: Work, form: Form) -> Response:
    """The question before a decision. Nothing is written."""
    back = local_path(form.get("next"), HOME)
    try:
        selection = _selection(work, form, current(request).subject)
    except InvalidInput as error:
        return redirect(request, back, message=error.message, tone="bad")
    return _question(request, work, form, selection)


@router.post(f"{HOME}/decide", dependencies=APPROVE)
def decide(request: Request, work: Work, form: Form) -> Response:
    """The decision about exactly what was asked about; else nothing is done and the list says why."""
    back, action = local_path(form.get("next"), HOME), form.get("action")
    try:
        selection = _selection(work, form, current(request).subject)
        if form.get("payload_hash") != selection.hash or form.get("count") != str(len(selection.records)):
            raise Conflict(_("The selection has changed since it was shown; nothing was done."))
    except InvalidInput as error:
        return redirect(request, back, message=error.message, tone="bad")
    try:
        done = _decision(work, form, action, current(request).subject, selection)
    except Conflict as error:
        return redirect(request, back, message=error.message, tone="bad")
    except InvalidInput as error:
        return _question(request, work, form, selection, error)
    told(request, f"bank-diff.{action}", selection.records, done.records)
    return redirect(request, back, message=_told(action, done))


@router.post(f"{HOME}/records/{{record_id}}/{{action}}", dependencies=APPROVE)
def decide_record(request: Request, work: Work, record_id: str, action: str, form: Form) -> Response:
    """The decision from a record's own page."""
    here = f"{HOME}/records/{record_id}"
    record = service.record(work, record_id)
    try:
        selection = Selection((record,), {record_id: _version(form)})
        done = _decision(work, form, action, current(request).subject, selection)
    except InvalidInput as error:
        return redirect(request, here, message=error.message, tone="bad")
    told(request, f"bank-diff.{action}", [record], done.records)
    return redirect(request, here, message=_told(action, done))


@router.post(f"{HOME}/changesets/{{changeset_id}}/{{action}}", dependencies=APPROVE)
def decide_changeset(request: Request, work: Work, changeset_id: str, action: str, form: Form) -> Response:
    """Approve or reject all of a changeset, override its hold, or propose its reversal."""
    here = f"{HOME}/changesets/{changeset_id}"
    before = service.changeset(work, changeset_id)
    by = current(request).subject
    try:
        if action == "rollback":
            inverse = service.rollback(work, changeset_id, by=by)
            told_changeset(request, "bank-changeset.rollback", before, before, inverse=inverse.id)
            return redirect(request, f"{HOME}/changesets/{inverse.id}", message=_("The reversal waits for approval."))
        done, message = _changeset_decision(work, changeset_id, action, form, by)
    except InvalidInput as error:
        return redirect(request, here, message=error.message, tone="bad")
    told_changeset(
        request, f"bank-changeset.{action}", before, done.changeset, moved=done.moved, waiting=done.waiting
    )
    return redirect(request, here, message=message)


def _changeset_decision(
    work: ZenginContext, changeset_id: str, action: str, form: Texts, by: str
) -> tuple[service.ChangesetDecision, str]:
    version = _version(form)
    if action == "approve":
        done = service.approve_changeset(
            work,
            changeset_id,
            by=by,
            payload_hash=form.get("payload_hash"),
            count=_number(form.get("count"), "count"),
            version=version,
            not_before=_day(form),
        )
        return done, _approved(done.moved, done.waiting)
    if action == "reject":
        done = service.reject_changeset(
            work, changeset_id, by=by, reason=written(form.get("reason")), version=version
        )
        return done, _("The changeset is rejected.")
    if action == "override":
        done = service.override(work, changeset_id, by=by, version=version)
        held = done.changeset.status == "held"
        return done, _("Another approver must override it too.") if held else _("The hold is overridden.")
    raise _unknown(action)


def _selection(work: ZenginContext, form: Texts, by: str) -> Selection:
    """What the form names, as it stands now; to approve, without what `by` has approved. Raises `InvalidInput`."""
    action = form.get("action")
    status = _DECIDED_FROM.get(action)
    if status is None:
        raise _unknown(action)
    changeset, change_class, risk = form.get("changeset"), form.get("change_class"), form.get("risk")
    if changeset:
        named = matching(service.records_of(work, changeset), status, change_class or "bulk", risk)
        versions = {record.id: record.version for record in named}
    else:
        versions = dict(map(_named, form.all("record")))
        if len(versions) > MOST:
            raise InvalidInput(f"at most {MOST} records can be named one by one", field="record")
        named = [service.record(work, record_id) for record_id in versions]
    if not named:
        raise InvalidInput(_("Nothing is selected."))
    found = (
        named
        if action != "approve"
        else [record for record in named if not review.has_approved(record.approvals, by)]
    )
    if not found:
        raise InvalidInput(_("You have approved it; another approver is needed."))
    versions = {record.id: versions[record.id] for record in found}
    return Selection(tuple(found), versions, changeset, change_class, risk)


def _decision(work: ZenginContext, form: Texts, action: str, by: str, selection: Selection) -> Decision:
    ids, versions = [record.id for record in selection.records], selection.versions
    if action == "approve":
        return service.approve(work, ids, by=by, versions=versions, not_before=_day(form))
    if action == "reject":
        return service.reject(work, ids, by=by, reason=written(form.get("reason")), versions=versions)
    if action == "revoke":
        return service.revoke(work, ids, by=by, versions=versions)
    if action == "retry":
        return service.retry(work, ids, by=by, versions=versions)
    raise _unknown(action)


def _question(
    request: Request, work: ZenginContext, form: Texts, selection: Selection, error: InvalidInput | None = None
) -> Response:
    return page(
        request,
        "confirm",
        status_code=422 if error else 200,
        action=form.get("action"),
        selection=selection,
        groups=words.grouped(selection.records),
        shown=SHOWN,
        quorums=review.quorums(work, selection.records).values(),
        back=local_path(form.get("next"), HOME),
        values={"reason": form.get("reason"), "not_before": form.get("not_before")},
        errors=field_errors(error) if error else None,
    )


def _told(action: str, done: Decision) -> str:
    count = len(done.records)
    if action == "approve":
        return _approved(count - len(done.waiting), len(done.waiting))
    if action == "reject":
        return ngettext("%(num)s record is rejected.", "%(num)s records are rejected.", count)
    if action == "retry":
        return ngettext("%(num)s record is applied again.", "%(num)s records are applied again.", count)
    return ngettext("%(num)s approval is revoked.", "%(num)s approvals are revoked.", count)


def _approved(moved: int, waiting: int) -> str:
    sentences = []
    if moved or not waiting:
        sentences.append(ngettext("%(num)s record is approved.", "%(num)s records are approved.", moved))
    if waiting:
        told = ngettext(
            "%(num)s record waits for another approver.", "%(num)s records wait for another approver.", waiting
        )
        sentences.append(told)
    return " ".join(sentences)


def _named(text: str) -> tuple[str, int]:
    """`id:version` of a row of the list."""
    record_id, _colon, version = text.rpartition(":")
    return record_id, _number(version, "record")


def _version(form: Texts) -> int:
    return _number(form.get("version"), "version")


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInput(_("The form is not complete; load the page again."), field=field)
    return int(text)


def _day(form: Texts) -> date | None:
    text = form.get("not_before")
    try:
        return _DATE.validate_python(text) if text else None
    except ValidationError:
        raise InvalidInput(_("A date is written YYYY-MM-DD."), field="not_before") from None


def _unknown(action: str) -> InvalidInput:
    return InvalidInput(f"there is no action {action!r}", field="action")
