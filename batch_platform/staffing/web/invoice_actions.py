"""What people do with invoices, each by two of them: issue the drafts of a month, make one void, give one back."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message
from batch_platform.core.validation import refusal_of
from batch_platform.kit.actions import Action, Targets, VersionRequest
from batch_platform.kit.session import Session
from batch_platform.staffing.credit_notes import Part
from batch_platform.staffing.months import parse_month
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import crediting, releasing, voiding
from batch_platform.staffing.service.invoices.crediting import Credit, Parts
from batch_platform.staffing.service.invoices.releasing import Drafts, Release
from batch_platform.staffing.service.invoices.voiding import Decision
from batch_platform.staffing.store.statements import Row
from batch_platform.web.api.strict import StrictModel, Text

PERMISSION: Final = "staffing:approve"
_PART: Final = re.compile(r"(exempt|[0-9.]+)=([0-9]+)")
_PARTS: Final = TypeAdapter(list[Part])

Acting = Session[StaffingContext]


class IssueRequest(StrictModel):
    """The drafts of a month as they were seen."""

    count: int = Field(ge=1, le=9_999_999, description="How many drafts there are.")
    total: int = Field(ge=1, le=10**17, description="What they come to, yen with tax.")


class VoidRequest(VersionRequest):
    """Why; whoever agrees may leave it out."""

    reason: Text | None = Field(default=None, description="Why it is wrong; the second person may leave it out.")


def _parts(value: Any) -> Any:
    """`all`, a list of rate and amount, or their short form: 10=5000,8=300,exempt=100."""
    if not isinstance(value, str) or value == "all":
        return value
    texts = re.split(r" *, *", value.strip())
    rates = [part.groups() for part in map(_PART.fullmatch, texts) if part is not None]
    if len(rates) < len(texts):
        raise ValueError(Message("parts-written", "must be all, or parts such as 10=5000,8=300,exempt=100"))
    return [{"rate": None if rate == "exempt" else rate, "amount": int(yen)} for rate, yen in rates]


class PartRequest(StrictModel):
    """Yen to give back of a rate, in the price type of the contract."""

    rate: Text | None = Field(description="Percent as text; null for exempt.")
    amount: int = Field(gt=0, le=10**17, description="Yen.")


class CreditRequest(VersionRequest):
    """What is given back, the same by both people."""

    parts: Annotated[Literal["all"] | list[PartRequest], BeforeValidator(_parts)] = Field(
        description="all, or by rate; as an option: 10=5000,8=300,exempt=100."
    )
    remarks: Text = Field(default="", description="Printed on the credit note.")

    @property
    def chosen(self) -> Parts:
        """As the use case takes it. Raises `InvalidInput` for a rate that is no number."""
        if self.parts == "all":
            return "all"
        try:
            return _PARTS.validate_python([part.model_dump() for part in self.parts])
        except ValidationError as error:
            raise InvalidInput.of(refusal_of(error).message, field="parts") from None


def _look_issue(session: Acting, targets: Targets, given: IssueRequest) -> Drafts:
    [month] = targets
    return releasing.releasable(session.context, _month(month), by=session.by, count=given.count, total=given.total)


def _issue(session: Acting, targets: Targets, given: IssueRequest) -> Release:
    [month] = targets
    return releasing.release(
        session.context,
        _month(month),
        by=session.by,
        count=given.count,
        total=given.total,
        record=session.log.record,
    )


def _look_void(session: Acting, targets: Targets, given: VoidRequest) -> Row:
    [(name, version)] = targets.items()
    return voiding.voidable(session.context, name, by=session.by, version=version, reason=given.reason)


def _void(session: Acting, targets: Targets, given: VoidRequest) -> Decision:
    [(name, version)] = targets.items()
    return voiding.void(
        session.context, name, by=session.by, version=version, reason=given.reason, record=session.log.record
    )


def _look_credit(session: Acting, targets: Targets, given: CreditRequest) -> Credit:
    [(name, version)] = targets.items()
    return crediting.creditable(
        session.context, name, given.chosen, by=session.by, version=version, remarks=given.remarks
    )


def _credit(session: Acting, targets: Targets, given: CreditRequest) -> Credit:
    [(name, version)] = targets.items()
    return crediting.credit(
        session.context,
        name,
        given.chosen,
        by=session.by,
        version=version,
        remarks=given.remarks,
        record=session.log.record,
    )


def _month(text: str) -> Any:
    try:
        return parse_month(text)
    except ValueError as error:
        raise InvalidInput.of(error.args[0], field="month") from None


ISSUE: Final = Action(
    name=releasing.ISSUE, permission=PERMISSION, input=IssueRequest, look=_look_issue, do=_issue, recorded=True
)
VOID: Final = Action(
    name=voiding.VOID, permission=PERMISSION, input=VoidRequest, look=_look_void, do=_void, recorded=True
)
CREDIT: Final = Action(
    name=crediting.CREDIT, permission=PERMISSION, input=CreditRequest, look=_look_credit, do=_credit, recorded=True
)
INVOICE_ACTIONS: Final[tuple[Action[StaffingContext, Any, Any, Any], ...]] = (ISSUE, VOID, CREDIT)
"""Each is done by the second person's word."""
