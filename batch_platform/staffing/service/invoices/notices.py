"""Invoices by mail, their PDF attached: handed to the outbox in the transaction that issues them, once each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

from batch_platform.outbox.model import Attachment, Channel, Notice
from batch_platform.outbox.service import enqueue
from batch_platform.staffing.documents.model import Bill
from batch_platform.staffing.service.invoices.numbering import Issue
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.originals import PDF

DOMAIN: Final = "staffing"
_TEMPLATES: Final = {"invoice": "invoice-issued", "credit_note": "credit-note-issued"}


def tell(session: Session, bucket: str, issues: Iterable[Issue], *, now: datetime) -> None:
    """One mail a document whose company has an address."""
    notices = [_notice(bucket, issue) for issue in issues if issue.printed.row["email"]]
    if notices:
        enqueue(session.connection, DOMAIN, notices, at=now)


def key(invoice_id: object) -> str:
    """By which the outbox knows the mail of a document."""
    return f"invoice {invoice_id} mail"


def _notice(bucket: str, issue: Issue) -> Notice:
    bill, row = issue.printed.bill, issue.printed.row
    return Notice(
        key=key(row["id"]),
        channel=Channel.MAIL,
        template=_TEMPLATES[bill.kind],
        recipient=row["email"],
        parameters=_parameters(bill),
        attachments=[
            Attachment(
                bucket=bucket,
                key=issue.original.key,
                sha256=issue.printed.rendered.sha256,
                filename=f"{bill.number}.pdf",
                content_type=PDF,
            )
        ],
    )


def _parameters(bill: Bill) -> dict[str, Any]:
    common = {
        "company": bill.recipient.name,
        "number": bill.number,
        "issue_date": _day(bill.issue_date),
        "total": f"{abs(bill.total):,}",
        "issuer": bill.issuer.name,
        "registration_number": bill.issuer.registration_number,
    }
    if bill.original is not None:
        return common | {"original": bill.original.number}
    return common | {
        "month": f"{bill.period_start.year}年{bill.period_start.month}月",
        "due_date": _day(bill.due_date) if bill.due_date else "",
        "replaces": bill.replaces,
    }


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
