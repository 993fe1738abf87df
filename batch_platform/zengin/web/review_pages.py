"""Console pages of zengin that decide: what is asked before records move, and the decisions about changesets.

A selection is bound by its number and its hash: what is decided is what was shown, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.kit.actions import given_by, perform, submit
from batch_platform.kit.session import Session
from batch_platform.web.access.dependencies import requires
from batch_platform.web.console import field_errors, local_path, redirect
from batch_platform.web.forms import Form, Texts
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import ngettext
from batch_platform.zengin import service
from batch_platform.zengin.model import Record, Status
from batch_platform.zengin.service import ChangesetDecision, Decision, ZenginContext, quorum
from batch_platform.zengin.web import words
from batch_platform.zengin.web.actions import CHANGESET_ACTIONS, PERMISSION, RECORD_ACTIONS
from batch_platform.zengin.web.context import HOME, Acting, page

APPROVE: Final = [requires(PERMISSION)]
SHOWN: Final = 50
"""Records of a group that the question lists."""
MOST: Final = 500
"""Records that may be named one by one."""

_DECIDED_FROM: Final = {"approve": Status.PENDING, "reject": Status.PENDING, "revoke": Status.APPROVED}

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
            f"{record.id} {self.versions[record.id]} {record.base_hash or '-'} {record.new_hash or '-'}"
            for record in self.records
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
def ask(request: Request, acting: Acting, form: Form) -> Response:
    """The question before a decision. Nothing is written."""
    try:
        selection = _selection(acting, form)
    except InvalidInput as error:
        return redirect(request, local_path(form["next"], HOME), message=error.message, tone="bad")
    return _question(request, acting.context, form, selection)


@router.post(f"{HOME}/decide", dependencies=APPROVE)
@writes(*(RECORD_ACTIONS[verb].name for verb in _DECIDED_FROM))
def decide(request: Request, acting: Acting, form: Form) -> Response:
    """The decision about exactly what was asked about; else nothing is done and the list says why."""
    back, verb = local_path(form["next"], HOME), form["action"]
    try:
        selection = _selection(acting, form)
        if form["payload_hash"] != selection.hash or form["count"] != str(len(selection.records)):
            raise Conflict("selection-changed", "The selection has changed since it was shown; nothing was done.")
    except InvalidInput as error:
        return redirect(request, back, message=error.message, tone="bad")
    action = RECORD_ACTIONS[verb]
    try:
        done = perform(action, acting, selection.versions, given_by(action, form))
    except Conflict as error:
        return redirect(request, back, message=error.message, tone="bad")
    except InvalidInput as error:
        return _question(request, acting.context, form, selection, error)
    return redirect(request, back, message=_sentence(verb, done))


@router.post(f"{HOME}/records/{{record_id}}/{{action}}", dependencies=APPROVE)
@writes(*(action.name for action in RECORD_ACTIONS.values()))
def decide_record(request: Request, acting: Acting, record_id: str, action: str, form: Form) -> Response:
    """The decision from a record's own page."""
    here = f"{HOME}/records/{record_id}"
    if action not in RECORD_ACTIONS:
        return redirect(request, here, message=_unknown(action).message, tone="bad")
    says = partial(_sentence, action)
    return submit(request, RECORD_ACTIONS[action], acting, record_id, form, here=here, says=says)


@router.post(f"{HOME}/changesets/{{changeset_id}}/{{action}}", dependencies=APPROVE)
@writes(*(action.name for action in CHANGESET_ACTIONS.values()))
def decide_changeset(request: Request, acting: Acting, changeset_id: str, action: str, form: Form) -> Response:
    """Approve or reject all of a changeset, override its hold, or propose its reversal."""
    here = f"{HOME}/changesets/{changeset_id}"
    if action not in CHANGESET_ACTIONS:
        return redirect(request, here, message=_unknown(action).message, tone="bad")
    there = (lambda inverse: f"{HOME}/changesets/{inverse.id}") if action == "rollback" else None
    return submit(
        request, CHANGESET_ACTIONS[action], acting, changeset_id, form, here=here, there=there, says=_SAID[action]
    )


def _selection(acting: Session[ZenginContext], form: Texts) -> Selection:
    """What the form names, as it stands now; to approve, without what is approved by whoever acts. Raises
    `InvalidInput`."""
    context, action = acting.context, form["action"]
    if action not in _DECIDED_FROM:
        raise _unknown(action)
    changeset, change_class, risk = form["changeset"], form["change_class"], form["risk"]
    if changeset:
        there = service.records_of(context, changeset)
        records = matching(there, _DECIDED_FROM[action], change_class or "bulk", risk)
        versions = {record.id: record.version for record in records}
    else:
        versions = dict(map(_named, form.all("record")))
        if len(versions) > MOST:
            raise InvalidInput(
                "too-many-records-named",
                "at most {limit} records can be named one by one",
                limit=MOST,
                field="record",
            )
        records = [service.record(context, record_id) for record_id in versions]
    if not records:
        raise InvalidInput("nothing-selected", "Nothing is selected.")
    if action == "approve":
        records = [record for record in records if not quorum.has_approved(record.approvals, acting.by)]
    if not records:
        raise InvalidInput("selection-approved-by-you", "You have approved it; another approver is needed.")
    versions = {record.id: versions[record.id] for record in records}
    return Selection(tuple(records), versions, changeset, change_class, risk)


def _question(
    request: Request, context: ZenginContext, form: Texts, selection: Selection, error: InvalidInput | None = None
) -> Response:
    return page(
        request,
        "confirm",
        action=form["action"],
        selection=selection,
        groups=words.grouped(selection.records),
        shown=SHOWN,
        quorums=quorum.quorums(context, selection.records).values(),
        back=local_path(form["next"], HOME),
        values={"reason": form["reason"], "not_before": form["not_before"]},
        errors=field_errors(error),
    )


def _sentence(action: str, done: Decision) -> str:
    count = len(done.records)
    if action == "approve":
        return _approved(count - len(done.waiting), len(done.waiting))
    if action == "reject":
        return ngettext("%(num)s record is rejected.", "%(num)s records are rejected.", count)
    if action == "retry":
        return ngettext("%(num)s record is applied again.", "%(num)s records are applied again.", count)
    return ngettext("%(num)s approval is revoked.", "%(num)s approvals are revoked.", count)


def _overridden(done: ChangesetDecision) -> str:
    held = done.changeset.status == "held"
    return _("Another approver must override it too.") if held else _("The hold is overridden.")


def _approved(moved: int, waiting: int) -> str:
    sentences = []
    if moved or not waiting:
        sentences.append(ngettext("%(num)s record is approved.", "%(num)s records are approved.", moved))
    if waiting:
        sentences.append(
            ngettext(
                "%(num)s record waits for another approver.", "%(num)s records wait for another approver.", waiting
            )
        )
    return " ".join(sentences)


def _named(text: str) -> tuple[str, int]:
    """`id:version` of a row of the list."""
    record_id, _colon, version = text.rpartition(":")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidInput("form-incomplete", "The form is not complete; load the page again.", field="record")
    return record_id, int(version)


def _unknown(verb: str) -> InvalidInput:
    return InvalidInput("unknown-action", "there is no action {action}", action=verb, field="action")


_SAID: Final[Mapping[str, Callable[[Any], str]]] = {
    "approve": lambda done: _approved(done.moved, done.waiting),
    "reject": lambda _done: _("The changeset is rejected."),
    "override": _overridden,
    "rollback": lambda _done: _("The reversal waits for approval."),
}
