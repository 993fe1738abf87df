"""What the zengin API tells: records by the names of the DynamoDB table, changesets, rows of the master."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic.alias_generators import to_camel

from batch_platform.web.api.answers import Answer, From
from batch_platform.zengin.model import (
    ChangeClass,
    ChangesetStatus,
    DiffType,
    HoldReason,
    Record,
    Risk,
    Status,
    Table,
    Verdict,
)
from batch_platform.zengin.service import Decision

BankCode = Annotated[str, Field(pattern=r"^[0-9]{4}$", examples=["0001"])]
BranchCode = Annotated[str, Field(pattern=r"^[0-9]{3}$", examples=["001"])]


def _camel(row: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if row is None else {to_camel(column): value for column, value in row.items()}


def _last(part: str) -> From:
    """Of the approval that let a record go on."""

    def of(record: Record) -> Any:
        approved = record.approvals and record.status is not Status.PENDING
        return getattr(record.approvals[-1], part) if approved else None

    return From(of)


Row = Annotated[
    dict[str, str],
    BeforeValidator(_camel),
    Field(examples=[{"bankCode": "0001", "branchCode": "001", "branchName": "東京営業部"}]),
]


class ApprovalAnswer(Answer):
    """Who said yes, and when."""

    account: str
    at: datetime


class Changed(Answer):
    """A column before and after."""

    old: str
    new: str


class RecordAnswer(Answer):
    """A proposal: one item of `zengin-data-diff-{env}`. `version` is what a decision names, as its ETag is."""

    id: str
    timestamp: datetime
    status: Status
    version: int
    diff_type: DiffType
    changeset_id: str
    table: Table | None
    key: str | None
    zengin_data: Row | None
    current_data: Row | None
    changes: Annotated[dict[str, Changed], BeforeValidator(_camel)]
    change_class: ChangeClass | None
    risk: Risk
    reason: str
    base_hash: str | None
    new_hash: str | None
    approvals: list[ApprovalAnswer]
    approved_by: Annotated[str | None, _last("account")]
    approved_at: Annotated[datetime | None, _last("at")]
    not_before: date | None
    executed_at: datetime | None
    execution_result: dict[str, Any] | None
    data_location: str | None
    data_size: int | None
    data_summary: dict[str, int] | None
    metadata: dict[str, str]
    updated_at: datetime | None
    ttl: int | None
    error: str | None


class RecordDecisionAnswer(Answer):
    """The record as it stands now; `waiting`: another account's approval is needed."""

    record: RecordAnswer
    waiting: bool

    @classmethod
    def of_each(cls, decision: Decision) -> list[RecordDecisionAnswer]:
        return [cls.of({}, record=record, waiting=record.id in decision.waiting) for record in decision.records]


class ChangesetAnswer(Answer):
    """All changes that one snapshot proposes. A bulk approval names `payloadHash` and the count of `rows`."""

    id: str
    status: ChangesetStatus
    version: int
    verdict: Verdict
    hold_reason: HoldReason | None
    reason: str
    business_date: date
    created_at: datetime
    counts: Annotated[
        dict[str, int],
        Field(examples=[{"rows": 2, "branches.update": 2, "class.orthography": 2, "risk.low": 2}]),
    ]
    payload_hash: str
    snapshot_hash: str
    base_content_hash: str
    needs_approvals: int
    approvals: list[ApprovalAnswer]
    inverse_of: str | None
    proposed_by: Annotated[str | None, Field(description="Who asked for an undoing; never its only approver.")]


class ReleaseCheckAnswer(Answer):
    """Something a release failed on the way in."""

    name: str
    description: str


class ChangesetDetailAnswer(ChangesetAnswer):
    """A changeset with the checks that its release failed."""

    failed_checks: list[ReleaseCheckAnswer]


class ChangesetDecisionAnswer(Answer):
    """The changeset as it stands now, records that moved, and those that wait for another account."""

    changeset: ChangesetAnswer
    moved: int
    waiting: int


class BankAnswer(Answer):
    """A bank as the feed writes it."""

    bank_code: BankCode
    bank_name: str
    bank_kana: str
    bank_hira: str
    bank_roma: str


class BranchAnswer(Answer):
    """A branch as the feed writes it."""

    bank_code: BankCode
    branch_code: BranchCode
    branch_name: str
    branch_kana: str
    branch_hira: str
    branch_roma: str
