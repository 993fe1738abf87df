"""The lists of zengin, each declared once for API, command line and console."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from batch_platform.kit.lists import Columns, List, Paging
from batch_platform.web.api.strict import WRITABLE, IsoDate, StrictModel
from batch_platform.zengin import service
from batch_platform.zengin.model import Changeset, ChangesetStatus, Record, Status
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.web.schemas import BankAnswer, BankCode, BranchAnswer, ChangesetAnswer, RecordAnswer

Row = dict[str, Any]


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

    code: BankCode


def _records(context: ZenginContext, filters: OfStatus, paging: Paging) -> tuple[list[Record], str | None]:
    return service.records(context, filters.status, limit=paging.limit, cursor=paging.cursor)


def _changesets(
    context: ZenginContext, filters: OfChangesetStatus, paging: Paging
) -> tuple[list[Changeset], str | None]:
    return service.changesets(context, filters.status, limit=paging.limit, cursor=paging.cursor)


def _of_changeset(context: ZenginContext, filters: OfChangeset, _: Paging) -> tuple[list[Record], None]:
    service.changeset(context, filters.changeset_id)
    return service.records_of(context, filters.changeset_id), None


def _banks(context: ZenginContext, filters: Called, paging: Paging) -> tuple[list[Row], str | None]:
    return service.banks(context, filters.text, as_of=filters.as_of, limit=paging.limit, cursor=paging.cursor)


def _branches(context: ZenginContext, filters: OfBank, paging: Paging) -> tuple[list[Row], str | None]:
    code, text = filters.code, filters.text
    return service.branches(context, code, text, as_of=filters.as_of, limit=paging.limit, cursor=paging.cursor)


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

RECORDS: Final = List(
    filters=OfStatus,
    read=_records,
    row=RecordAnswer,
    of=RecordAnswer.of,
    columns=_RECORD_COLUMNS,
    empty="no record",
)
CHANGESET_RECORDS: Final = List(
    filters=OfChangeset,
    read=_of_changeset,
    row=RecordAnswer,
    of=RecordAnswer.of,
    columns=_RECORD_COLUMNS,
    empty="no record",
    paging=None,
)
CHANGESETS: Final = List(
    filters=OfChangesetStatus,
    read=_changesets,
    row=ChangesetAnswer,
    of=ChangesetAnswer.of,
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
)
BANKS: Final = List(
    filters=Called,
    read=_banks,
    row=BankAnswer,
    of=BankAnswer.of,
    columns={name: name for name in BankAnswer.model_fields},
    empty="no bank is called so",
)
BRANCHES: Final = List(
    filters=OfBank,
    read=_branches,
    row=BranchAnswer,
    of=BranchAnswer.of,
    columns={name: name for name in BranchAnswer.model_fields},
    empty="no branch is called so",
)
