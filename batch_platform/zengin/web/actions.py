"""What people decide about the bank master, each declared once for API, command line and console."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from batch_platform.core.messages import Message
from batch_platform.kit.actions import Action, Targets, VersionRequest
from batch_platform.kit.session import Session
from batch_platform.web.api.strict import IsoDate, Text
from batch_platform.web.i18n import N_
from batch_platform.zengin import service
from batch_platform.zengin.model import Changeset, Record
from batch_platform.zengin.service import ChangesetDecision, Decision, ZenginContext

PERMISSION: Final = "zengin:approve"


def _written(reason: str) -> str:
    if not reason.strip():
        raise ValueError(Message("rejection-needs-reason", "a reason is needed"))
    return reason.strip()


Reason = Annotated[
    Text, AfterValidator(_written), Field(min_length=1, max_length=500, examples=["The branch has not closed."])
]


class RecordApproveRequest(VersionRequest):
    """`notBefore` keeps the change back until a bank's announced day."""

    not_before: IsoDate | None = Field(default=None, description="Apply on this day at the earliest.")


class RejectRequest(VersionRequest):
    """The reason stays with the record; the same proposal is not raised again."""

    reason: Reason = Field(description="Why; the same proposal is not raised again.")


class BulkApproveRequest(RecordApproveRequest):
    """Names exactly what is approved: another payload hash or number of rows answers 409 and moves nothing."""

    payload_hash: Text = Field(min_length=1, max_length=128)
    count: int = Field(ge=0, le=10_000_000, description="`counts.rows` of the changeset.")


def _of_records(
    verb: str, given: type[VersionRequest], decide: Callable[..., Decision]
) -> Action[ZenginContext, Any, Decision, Decision]:
    """A decision about records. The log has one row of it: flat for a single one, else by their ids."""

    def act(session: Session[ZenginContext], targets: Targets, given: VersionRequest, *, dry_run: bool) -> Decision:
        versions = {record_id: version for record_id, version in targets.items() if version is not None}
        request = given.model_dump(exclude={"version"})
        return decide(session.context, list(targets), by=session.by, versions=versions, dry_run=dry_run, **request)

    return Action(
        name=f"bank-diff.{verb}",
        permission=PERMISSION,
        input=given,
        look=partial(act, dry_run=True),
        do=partial(act, dry_run=False),
        before=lambda seen: _briefs(seen.records),
        after=lambda done: _briefs(done.records),
        target=lambda seen: _target(seen.records),
    )


def _of_changeset(
    verb: str, given: type[VersionRequest], decide: Callable[..., ChangesetDecision]
) -> Action[ZenginContext, Any, ChangesetDecision, ChangesetDecision]:
    """A decision about a whole changeset."""
    return Action(
        name=f"bank-changeset.{verb}",
        permission=PERMISSION,
        input=given,
        look=partial(_about_one, decide, dry_run=True),
        do=partial(_about_one, decide, dry_run=False),
        before=lambda seen: _brief(seen.changeset),
        after=lambda done: {**_brief(done.changeset), "moved": done.moved, "waiting": done.waiting},
    )


def _about_one(
    decide: Callable[..., Any],
    session: Session[ZenginContext],
    targets: Targets,
    given: VersionRequest,
    *,
    dry_run: bool,
) -> Any:
    [(changeset_id, version)] = targets.items()
    request = given.model_dump(exclude={"version"})
    return decide(session.context, changeset_id, by=session.by, version=version, dry_run=dry_run, **request)


APPROVE: Final = _of_records("approve", RecordApproveRequest, service.approve)
REJECT: Final = _of_records("reject", RejectRequest, service.reject)
REVOKE: Final = _of_records("revoke", VersionRequest, service.revoke)
RETRY: Final = _of_records("retry", VersionRequest, service.retry)
RECORD_ACTIONS: Final = {"approve": APPROVE, "reject": REJECT, "revoke": REVOKE, "retry": RETRY}

APPROVE_CHANGESET: Final = _of_changeset("approve", BulkApproveRequest, service.approve_changeset)
REJECT_CHANGESET: Final = _of_changeset("reject", RejectRequest, service.reject_changeset)
OVERRIDE: Final = _of_changeset("override", VersionRequest, service.override)
ROLLBACK: Final[Action[ZenginContext, VersionRequest, Changeset, Changeset]] = Action(
    name="bank-changeset.rollback",
    permission=PERMISSION,
    input=VersionRequest,
    look=partial(_about_one, service.rollback, dry_run=True),
    do=partial(_about_one, service.rollback, dry_run=False),
    after=lambda inverse: {"inverse": inverse.id, **_brief(inverse)},
)
CHANGESET_ACTIONS: Final[Mapping[str, Action[ZenginContext, Any, Any, Any]]] = {
    "approve": APPROVE_CHANGESET,
    "reject": REJECT_CHANGESET,
    "override": OVERRIDE,
    "rollback": ROLLBACK,
}

ACTIONS: Final[Mapping[str, str]] = {
    APPROVE.name: N_("%(who)s approves changes of the bank master: %(target)s"),
    REJECT.name: N_("%(who)s rejects changes of the bank master: %(target)s"),
    REVOKE.name: N_("%(who)s takes back approvals of the bank master: %(target)s"),
    RETRY.name: N_("%(who)s retries changes of the bank master: %(target)s"),
    APPROVE_CHANGESET.name: N_("%(who)s approves the changeset %(target)s"),
    REJECT_CHANGESET.name: N_("%(who)s rejects the changeset %(target)s"),
    OVERRIDE.name: N_("%(who)s lifts the hold on the changeset %(target)s"),
    ROLLBACK.name: N_("%(who)s proposes to undo the changeset %(target)s"),
}
"""By their names in the audit log, with the sentence that is read there."""


def _target(records: Sequence[Record]) -> str:
    """One record by its id; several by their changesets."""
    if len(records) == 1:
        return records[0].id
    return ", ".join(sorted({record.changeset_id for record in records}))


def _briefs(records: Sequence[Record]) -> dict[str, Any]:
    return _brief(records[0]) if len(records) == 1 else {record.id: _brief(record) for record in records}


def _brief(of: Record | Changeset) -> dict[str, Any]:
    approvals = [{"account": given.account, "at": given.at.isoformat()} for given in of.approvals]
    return {"status": of.status.value, "version": of.version, "approvals": approvals}
