"""What the zengin API tells: records by the names of the DynamoDB table, changesets, rows of the master."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field
from pydantic.alias_generators import to_camel

from batch_platform.web.api.strict import StrictModel
from batch_platform.zengin.model import (
    Approval,
    ChangeClass,
    Changeset,
    ChangesetStatus,
    DiffType,
    HoldReason,
    Record,
    Risk,
    Status,
    Table,
    Verdict,
)
from batch_platform.zengin.service import ChangesetDecision, Decision, IngestCheck

BankCode = Annotated[str, Field(pattern=r"^[0-9]{4}$", examples=["0001"])]
BranchCode = Annotated[str, Field(pattern=r"^[0-9]{3}$", examples=["001"])]
Row = Annotated[
    dict[str, str], Field(examples=[{"bankCode": "0001", "branchCode": "001", "branchName": "東京営業部"}])
]


class ApprovalAnswer(StrictModel):
    """Who said yes, and when."""

    account: str
    at: datetime


class Changed(StrictModel):
    """A column before and after."""

    old: str
    new: str


class RecordAnswer(StrictModel):
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
    changes: dict[str, Changed]
    change_class: ChangeClass | None
    risk: Risk
    reason: str
    base_hash: str | None
    new_hash: str | None
    approvals: list[ApprovalAnswer]
    approved_by: str | None
    approved_at: datetime | None
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

    @classmethod
    def of(cls, record: Record) -> RecordAnswer:
        last = record.approvals[-1] if record.approvals and record.status is not Status.PENDING else None
        changes = {to_camel(column): Changed(**change) for column, change in record.changes.items()}
        return cls.of_attributes(
            record,
            zengin_data=_row(record.zengin_data),
            current_data=_row(record.current_data),
            changes=changes,
            approvals=_approvals(record.approvals),
            approved_by=last and last.account,
            approved_at=last and last.at,
            execution_result=None if record.execution_result is None else dict(record.execution_result),
            data_summary=None if record.data_summary is None else dict(record.data_summary),
            metadata=dict(record.metadata),
        )


class DecisionAnswer(StrictModel):
    """The record as it stands now; `waiting`: another account's approval is needed."""

    record: RecordAnswer
    waiting: bool

    @classmethod
    def of(cls, decision: Decision) -> DecisionAnswer:
        [answer] = cls.of_each(decision)
        return answer

    @classmethod
    def of_each(cls, decision: Decision) -> list[DecisionAnswer]:
        return [
            cls(record=RecordAnswer.of(record), waiting=record.id in decision.waiting) for record in decision.records
        ]


class ChangesetAnswer(StrictModel):
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

    @classmethod
    def of(cls, changeset: Changeset) -> ChangesetAnswer:
        return cls.of_attributes(changeset, counts=dict(changeset.counts), approvals=_approvals(changeset.approvals))


class CheckAnswer(StrictModel):
    """Something a release failed on the way in."""

    name: str
    description: str


class ChangesetDetailAnswer(ChangesetAnswer):
    """A changeset with the checks that its release failed."""

    failed_checks: list[CheckAnswer]

    @classmethod
    def with_checks(cls, changeset: Changeset, failed: Sequence[IngestCheck]) -> ChangesetDetailAnswer:
        checks = [CheckAnswer(name=check.name, description=check.description) for check in failed]
        return cls(**dict(ChangesetAnswer.of(changeset)), failed_checks=checks)


class ChangesetDecisionAnswer(StrictModel):
    """The changeset as it stands now, records that moved, and those that wait for another account."""

    changeset: ChangesetAnswer
    moved: int
    waiting: int

    @classmethod
    def of(cls, decision: ChangesetDecision) -> ChangesetDecisionAnswer:
        return cls(changeset=ChangesetAnswer.of(decision.changeset), moved=decision.moved, waiting=decision.waiting)


class BankAnswer(StrictModel):
    """A bank as the feed writes it."""

    bank_code: BankCode
    bank_name: str
    bank_kana: str
    bank_hira: str
    bank_roma: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> BankAnswer:
        return cls(**{name: row[name] for name in cls.model_fields})


class BranchAnswer(StrictModel):
    """A branch as the feed writes it."""

    bank_code: BankCode
    branch_code: BranchCode
    branch_name: str
    branch_kana: str
    branch_hira: str
    branch_roma: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> BranchAnswer:
        return cls(**{name: row[name] for name in cls.model_fields})


def _row(row: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if row is None else {to_camel(column): value for column, value in row.items()}


def _approvals(given: Sequence[Approval]) -> list[ApprovalAnswer]:
    return [ApprovalAnswer.of_attributes(approval) for approval in given]
