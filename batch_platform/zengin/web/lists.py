"""The lists of zengin, each declared once for API, command line and console."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from pydantic import Field

from batch_platform.kit.lists import Columns, List, Paging, paged
from batch_platform.web.api.strict import WRITABLE, IsoDate, StrictModel
from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, Record, Status
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.web.schemas import BankAnswer, BankCode, BranchAnswer, ChangesetAnswer, RecordAnswer


class OfStatus(StrictModel):
    """Records of a status."""

    status: Status = Field(default=Status.PENDING, description=f"Only records of this status: {', '.join(Status)}.")


class OfChangesetStatus(StrictModel):
    """Changesets of a status, or all."""

    status: ChangesetStatus | None = Field(default=None, description="Only changesets of this status.")


class OfChangeset(StrictModel):
    """The records of one changeset."""

    changeset_id: str = Field(alias="id", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")


class Called(StrictModel):
    """Banks that are called so, or all."""

    text: str = Field(
        default="",
        alias="q",
        max_length=100,
        pattern=WRITABLE,
        description="A code or a name in any writing; names of the past are found too.",
    )
    as_of: IsoDate | None = Field(
        default=None, alias="as_of", description="The master as it was at the end of this day."
    )


class OfBank(Called):
    """Branches of a bank."""

    bank_code: BankCode = Field(alias="code")


def _of_changeset(context: ZenginContext, filters: OfChangeset, _: Paging) -> tuple[list[Record], None]:
    service.changeset(context, filters.changeset_id)
    return service.records_of(context, filters.changeset_id), None


def _accounts(record: Record) -> list[str]:
    return [approval.account for approval in record.approvals]


_RECORD_COLUMNS: Final[Columns] = {
    "id": "id",
    "status": "status",
    "risk": "risk",
    "class": "change_class",
    "table": "table",
    "key": "key",
    "operation": "diff_type",
    "approved_by": _accounts,
    "reason": "reason",
}

RECORDS: Final[List[ZenginContext, Any, Record]] = List(
    filters=OfStatus,
    read=paged(service.records),
    row=RecordAnswer,
    columns=_RECORD_COLUMNS,
    empty="no record",
    path="/diffs",
    name="list_diffs",
    doc="The records of a status, newest first.",
)
CHANGESET_RECORDS: Final = replace(
    RECORDS,
    filters=OfChangeset,
    read=_of_changeset,
    paging=None,
    path="/changesets/{id}/diffs",
    name="list_changeset_diffs",
    doc="Every record of a changeset, by table and key; none while it is held.",
)
CHANGESETS: Final = List(
    filters=OfChangesetStatus,
    read=paged(service.changesets),
    row=ChangesetAnswer,
    columns={
        "changeset": "id",
        "date": "business_date",
        "status": "status",
        "verdict": "verdict",
        "rows": lambda changeset: changeset.counts.get("rows", 0),
        "needs": "needs_approvals",
        "reason": "reason",
    },
    empty="no changeset",
    path="/changesets",
    name="list_changesets",
    doc="The changesets, one a snapshot, newest first.",
)
BANKS: Final = List(
    filters=Called,
    read=paged(service.banks),
    row=BankAnswer,
    columns={name: name for name in BankAnswer.model_fields},
    empty="no bank is called so",
    path="/banks",
    name="list_banks",
    doc="The banks, by code, first those that are called so: in any writing, by their formal names (信用金庫) too.",
)
BRANCHES: Final = List(
    filters=OfBank,
    read=paged(service.branches),
    row=BranchAnswer,
    columns={name: name for name in BranchAnswer.model_fields},
    empty="no branch is called so",
    path="/banks/{code}/branches",
    name="list_branches",
    doc="The branches of a bank, by code.",
)

ROUTES: Final = (RECORDS, CHANGESETS, CHANGESET_RECORDS, BANKS, BRANCHES)
