"""Reports by mail, their PDF attached: handed to the outbox in the transaction that stores them, once a version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from batch_platform.outbox.model import Attachment, Channel, Notice
from batch_platform.outbox.service import enqueue
from batch_platform.staffing.ids import shown
from batch_platform.staffing.model import ReportKind
from batch_platform.staffing.monthly_reports import values
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.originals import PDF
from batch_platform.staffing.store.statements import Row

DOMAIN: Final = "staffing"


def tell(session: Session, rows: Iterable[Row], *, bucket: str, author: str, now: datetime) -> None:
    """One mail for each address in `mailed_to`; the same version is not mailed to one twice.

    `rows` are those of reports, with `name`: the company's.
    """
    notices = [_notice(row, recipient, bucket, author) for row in rows for recipient in row["mailed_to"]]
    if notices:
        enqueue(session.connection, DOMAIN, notices, at=now)


def filename(row: Row) -> str:
    """What a report's file is called, a company's as the SaaS calls it."""
    whose = row["kind"] if row["company_id"] is None else shown(row["company_id"])
    return f"monthly_report_{whose}_{row['month']:%Y-%m}.pdf"


def _notice(row: Row, recipient: str, bucket: str, author: str) -> Notice:
    whose = row["company_id"] or row["kind"]
    return Notice(
        key=f"report {row['month']:%Y-%m} of {whose} version {row['version']} mail {recipient}",
        channel=Channel.MAIL,
        template="monthly-report" if row["kind"] == ReportKind.COMPANY else "operators-report",
        recipient=recipient,
        parameters={"name": row["name"], "month": values.month_text(row["month"]), "author": author},
        attachments=[
            Attachment(
                bucket=bucket,
                key=row["object_key"],
                sha256=row["sha256"],
                filename=filename(row),
                content_type=PDF,
            )
        ],
    )
