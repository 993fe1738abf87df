"""Console pages of zengin that show: records by status, one record, changesets. They decide nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.core.failures import Conflict
from batch_platform.kit import lists
from batch_platform.kit.domain import WebRoom
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.web.access.dependencies import current
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem
from batch_platform.web.i18n import N_
from batch_platform.web.paging import Offset, place_among
from batch_platform.zengin import service
from batch_platform.zengin.model import OPEN, Changeset, ChangesetStatus, DiffType, Record, Status
from batch_platform.zengin.service import ZenginContext, quorum
from batch_platform.zengin.web import api, master_pages, review_pages, words
from batch_platform.zengin.web.api import READ
from batch_platform.zengin.web.context import FILES, HOME, Context, open_state, page
from batch_platform.zengin.web.lists import CHANGESETS, RECORDS
from batch_platform.zengin.web.review_pages import matching

PAGE_ROWS: Final = 100
HISTORY_ROWS: Final = 20
_UNDOABLE: Final = (ChangesetStatus.APPLIED, ChangesetStatus.PARTIALLY_APPLIED)

NAVIGATION: Final = (NavItem(key="zengin", label=N_("Bank master"), path=HOME, permission="zengin:read", order=60),)

router = APIRouter(include_in_schema=False)


@router.get(HOME, dependencies=READ)
def records_page(request: Request, context: Context) -> Response:
    """The review: records of a status over all changesets, those of a page grouped by class and risk."""
    shown = lists.page(context, RECORDS, request.query_params, limit=PAGE_ROWS)
    status, waiting = shown.filters.status, service.digest(context)
    counts, whole = _open_counts(context, status)
    return page(
        request,
        "records",
        chosen=status.value,
        counts=counts,
        waiting=waiting,
        shown=shown,
        whole=whole,
    )


@router.get(f"{HOME}/records/{{record_id}}", dependencies=READ)
def record_page(request: Request, context: Context, record_id: str, offset: Offset = 0) -> Response:
    record = service.record(context, record_id)
    bulk: dict[str, Any] = {"bulk": None}
    if record.diff_type is DiffType.BULK_UPDATE:
        rows = service.changes_of(context, record.changeset_id)
        rows = rows.filter(rows["diff_id"] == record.id)
        bulk = {
            "bulk": rows.slice(offset, PAGE_ROWS).to_dicts(),
            "place": place_among(offset, PAGE_ROWS, rows.height),
        }
    history: list[dict[str, Any]] = []
    with context.store.snapshot() as session:
        transitions = session.transitions("record", record_id)
        if record.key is not None:
            history = session.history_page(key=record.key, limit=HISTORY_ROWS)
    return page(
        request,
        "record",
        record=record,
        quorum=quorum.quorums(context, [record])[record.changeset_id],
        mine=quorum.has_approved(record.approvals, current(request).subject),
        transitions=transitions,
        history=history,
        **bulk,
    )


@router.get(f"{HOME}/changesets", dependencies=READ)
def changesets_page(request: Request, context: Context) -> Response:
    shown = lists.page(context, CHANGESETS, request.query_params, limit=PAGE_ROWS // 2)
    return page(request, "changesets", shown=shown)


@router.get(f"{HOME}/changesets/{{changeset_id}}", dependencies=READ)
def changeset_page(
    request: Request,
    context: Context,
    changeset_id: str,
    status: str = "",
    change_class: str = "",
    risk: str = "",
    offset: Offset = 0,
) -> Response:
    """The changeset as a whole, and its records to work through: by default what is pending."""
    changeset = service.changeset(context, changeset_id)
    records = service.records_of(context, changeset_id)
    tally = _tally(records)
    chosen = status if status in tally else next((name for name in words.STATUSES if name in tally), "")
    groups = words.grouped(matching(records, chosen, change_class, risk))
    with context.store.snapshot() as session:
        transitions = session.transitions("changeset", changeset_id)
        conflicts = session.conflicts(changeset_id, limit=PAGE_ROWS)
        history = session.history_page(changeset_id=changeset_id, limit=HISTORY_ROWS + 1)
        snapshot = session.snapshot(changeset.snapshot_hash)
    matched = [record for group in groups for record in group.records]
    return page(
        request,
        "changeset",
        changeset=changeset,
        snapshot=snapshot,
        failed_checks=service.failed_checks(context, changeset),
        undoing=_undoing(request, context, changeset),
        tally=tally,
        total=len(records),
        chosen=chosen,
        change_class=change_class,
        risk=risk,
        records=matched[offset : offset + PAGE_ROWS],
        whole={group.key: len(group.records) for group in groups},
        left=sum(
            record.status is Status.PENDING and not quorum.has_approved(record.approvals, current(request).subject)
            for record in records
        ),
        transitions=transitions,
        conflicts=conflicts,
        history=history[:HISTORY_ROWS],
        more_history=len(history) > HISTORY_ROWS,
        place=place_among(offset, PAGE_ROWS, len(matched)),
    )


def _undoing(request: Request, context: ZenginContext, changeset: Changeset) -> Changeset | None:
    """What the reversal of an applied changeset would come to, for whoever may propose it."""
    if not current(request).may("zengin:approve") or changeset.status not in _UNDOABLE:
        return None
    try:
        return service.rollback(context, changeset.id, by=current(request).subject, dry_run=True)
    except Conflict:  # it applied no row, or its history is not kept any more
        return None


def _waiting(request: Request) -> dict[str, Any] | None:
    """What waits for an approver; None when nothing does."""
    waiting = service.digest(request.app.state.zengin)
    return {"waiting": waiting, "words": words} if waiting.pending or waiting.held else None


CARD: Final = DashboardCard(
    title=N_("Bank master"), permission="zengin:read", load=_waiting, template="zengin/card.html"
)

PART: Final = Part(
    routers=(api.router,),
    pages=(router, review_pages.router, master_pages.router, FILES.router),
    navigation=NAVIGATION,
    package="batch_platform.zengin.web",
    tags={
        "zengin": "The master of banks and branches: changes, decisions about them, exports. Fields are camelCase."
    },
)
"""What the app needs of zengin."""

WEB: Final = WebRoom(PART, CARD, open_state)


def _open_counts(context: ZenginContext, shown: Status) -> tuple[Counter[str], Counter[str]]:
    """How many records of each status that is not an end, and of each group of the status that is shown."""
    counts: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    with context.store.snapshot() as session:
        for row in session.record_counts(statuses=sorted(OPEN)):
            counts[row["status"]] += row["records"]
            if row["status"] == shown:
                whole[words.group_key(row["change_class"], row["risk"])] += row["records"]
    return counts, whole


def _tally(records: list[Record]) -> dict[str, int]:
    """How many records of each status, those there are."""
    statuses = [record.status.value for record in records]
    return {name: statuses.count(name) for name in words.STATUSES if name in statuses}
