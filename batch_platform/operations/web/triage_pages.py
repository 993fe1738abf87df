"""Several dead letters or incidents at once on the pages: chosen in a list, asked about with how many and what, done.

The question names each of them, and what is done is done to those: whatever comes meanwhile is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.core.surfaces import writes
from batch_platform.operations import service, triage
from batch_platform.operations.model import DeadLetterState
from batch_platform.operations.triage import ACKNOWLEDGE, ASSIGN, COMMENT, DISCARD, RETRY, Handled
from batch_platform.operations.triage_store import INCIDENT, LETTER, Kind, Selection, Triage
from batch_platform.operations.web import triage as api
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.rendering import show
from batch_platform.web import forms
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.api.strict import QueryBool, QueryInt
from batch_platform.web.console import field_errors, redirect
from batch_platform.web.i18n import N_, ngettext, translated
from batch_platform.web.i18n import gettext as _

pages = APIRouter(include_in_schema=False)

LISTS: Final[Mapping[Kind, str]] = {LETTER: "/console/dead-letters", INCIDENT: "/console/incidents"}
PERMISSIONS: Final[Mapping[Kind, str]] = {LETTER: "dead-letters:handle", INCIDENT: "incidents:handle"}
_SHOWN: Final = 100
_CONSOLE: Final = "/console/"

Ids = Annotated[list[str] | None, Query(alias="id", max_length=triage.AT_MOST)]


@dataclass(frozen=True)
class Act:
    """What can be chosen below a list: its button, what the question says, and what it asks for beside; msgids."""

    key: str
    names: Mapping[Kind, str]
    label: str
    text: str
    do: Callable[[Request, Kind, Selection, forms.Texts], Handled]
    field: str | None = None
    followed: bool = False
    """Its page tells how what it has started goes on."""
    danger: bool = False


ACTS: Final = (
    Act(
        "retry",
        {LETTER: RETRY},
        N_("Run again"),
        N_("They run with the same partition and parameters, each as soon as its turn comes."),
        lambda request, _kind, chosen, _form: api.retry(request, chosen),
        followed=True,
    ),
    Act(
        "discard",
        {LETTER: DISCARD},
        N_("Discard"),
        N_("They are not run again. This cannot be undone."),
        lambda request, _kind, chosen, form: api.discard(request, chosen, form["reason"]),
        field="reason",
        danger=True,
    ),
    Act(
        "acknowledge",
        ACKNOWLEDGE,
        N_("Acknowledge"),
        N_("Everybody sees that you have seen them."),
        lambda request, kind, chosen, _form: api.acknowledge(request, kind, chosen),
    ),
    Act(
        "assign",
        ASSIGN,
        N_("Assign"),
        N_("Everybody sees who takes care of them."),
        lambda request, kind, chosen, form: api.assign(request, kind, chosen, form["assignee"] or None),
        field="assignee",
    ),
    Act(
        "comment",
        COMMENT,
        N_("Comment"),
        N_("The same comment is added to each of them."),
        lambda request, kind, chosen, form: api.comment(request, kind, chosen, form["comment"]),
        field="comment",
    ),
)


@pages.get("/console/dead-letters/retries", dependencies=[requires("batch:read")])
def retries_live(request: Request) -> Response:
    """The part of the list's page that follows what was run again."""
    return show(request, "retries_live", retries=service.recent_retries(operations_of(request)))


@pages.get("/console/dead-letters/choose", dependencies=[requires("dead-letters:handle")])
def choose_dead_letters(
    request: Request, act: str = "", ids: Ids = None, *, every: QueryBool = False, state: str = "", job: str = ""
) -> Response:
    """How many, and what: before it is done."""
    only = state if state in set(DeadLetterState) else None
    chosen = Selection(state=only, job=job or None) if every else Selection(ids=tuple(ids or ()))
    return _question(request, LETTER, _act(LETTER, act), chosen)


@pages.get("/console/incidents/choose", dependencies=[requires("incidents:handle")])
def choose_incidents(
    request: Request,
    act: str = "",
    ids: Ids = None,
    *,
    every: QueryBool = False,
    resolved: QueryBool = False,
    job: str = "",
) -> Response:
    """As of dead letters."""
    filtered = Selection(state=None if resolved else "open", job=job or None)
    return _question(request, INCIDENT, _act(INCIDENT, act), filtered if every else Selection(ids=tuple(ids or ())))


@pages.get("/console/incidents/{incident_id}", dependencies=[requires("batch:read")])
def incident_page(request: Request, incident_id: Annotated[QueryInt, Path(ge=1, lt=2**63)]) -> Response:
    """One incident, and what was said of it."""
    operations = operations_of(request)
    incident = service.incident(operations, incident_id)
    return show(
        request,
        "incident",
        incident=incident,
        **handling(request, INCIDENT, str(incident_id), triage.of_incidents(operations, [incident])[incident_id]),
    )


def handling(request: Request, kind: Kind, target: str, known: Triage) -> dict[str, Any]:
    """What the page of one shows of who takes care of it, and asks for."""
    return {
        "kind": kind,
        "target": target,
        "triage": known,
        "comments": triage.comments(operations_of(request), kind, target),
        "may_handle": current(request).may(PERMISSIONS[kind]),
        "there": LISTS[kind],
        "assignees": _assignees(request),
    }


def listed(request: Request, kind: Kind, known: Mapping[Any, Triage]) -> dict[str, Any]:
    """What a list shows of who takes care of its rows, and what whoever reads it may do about several."""
    return {"triage": known, "acts": acts(kind), "may_handle": current(request).may(PERMISSIONS[kind])}


def acts(kind: Kind) -> list[Act]:
    """What can be done about several of these."""
    return [act for act in ACTS if kind in act.names]


def _handler(kind: Kind, act: Act) -> Callable[..., Response]:
    @writes(act.names[kind])
    def handle(request: Request, form: forms.Form) -> Response:
        chosen = Selection(ids=tuple(form.all("id")))
        back = form["next"] if form["next"].startswith(_CONSOLE) else LISTS[kind]
        try:
            handled = act.do(request, kind, chosen, form)
        except NotFound:
            raise
        except InvalidInput as error:
            if error.field != act.field:
                return redirect(request, back, message=error.message, tone="bad")
            return _question(request, kind, act, chosen, errors=field_errors(error), values=form)
        return redirect(
            request, back, message=_outcome(act, handled) or None, tone="good" if handled.done else "warning"
        )

    handle.__name__ = f"{act.key}_{kind.replace('-', '_')}s"
    return handle


for _kind in (LETTER, INCIDENT):
    for _each in acts(_kind):
        pages.add_api_route(
            f"{LISTS[_kind]}/{_each.key}",
            _handler(_kind, _each),
            methods=["POST"],
            dependencies=[requires(PERMISSIONS[_kind])],
        )


def _question(
    request: Request,
    kind: Kind,
    act: Act,
    chosen: Selection,
    *,
    errors: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
) -> Response:
    operations, may = operations_of(request), current(request).may
    try:
        handled = triage.preview(operations, act.names[kind], kind, chosen, may=may)
    except InvalidInput as error:
        return redirect(request, LISTS[kind], message=error.message, tone="warning")
    return show(
        request,
        "choose",
        act=act,
        kind=kind,
        there=LISTS[kind],
        back=(values or {}).get("next") or LISTS[kind],
        items=sorted(handled.items, key=lambda item: not item.done)[:_SHOWN],
        hidden=max(0, len(handled.items) - _SHOWN),
        ids=[item.id for item in handled.items if item.done],
        skipped=handled.skipped,
        assignees=_assignees(request),
        errors=errors or {},
        values={"reason": "", "assignee": "", "comment": "", **(values or {})},
    )


def _act(kind: Kind, key: str) -> Act:
    act = next((act for act in acts(kind) if act.key == key), None)
    if act is None:
        raise NotFound("no-such-act", "nothing is called {act}", act=key, field="act")
    return act


def _assignees(request: Request) -> list[tuple[str, str]]:
    """Whoever asks first, then nobody, then the others; for a select."""
    me = current(request)
    own = [(api.ME, _("Myself (%(name)s)", name=me.name))] if me.subject.startswith(triage.PERSONS) else []
    names = [name for name in triage.persons(operations_of(request)) if f"local:{name}" != me.subject]
    return [*own, ("", _("Nobody")), *((name, name) for name in names)]


def _outcome(act: Act, handled: Handled) -> str:
    """How many were done, and why others were not."""
    started = act.followed and handled.done
    parts = (
        []
        if started
        else [ngettext("%(act)s: %(num)s done.", "%(act)s: %(num)s done.", handled.done, act=_(act.label))]
    )
    parts += [
        ngettext("%(num)s passed over: %(why)s.", "%(num)s passed over: %(why)s.", number, why=translated(reason))
        for reason, number in handled.reasons()[:3]
    ]
    return " ".join(parts)
