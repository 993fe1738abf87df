"""What SES tells of mails after it took them: delivered, bounced, complained about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batch_platform.outbox.model import Reason, State, SuppressionReason


@dataclass(frozen=True)
class Event:
    """What became of a notice; `state` is None where that stays as it is, and its recipient wants no more."""

    provider_id: str
    state: State | None
    reason: Reason | None = None
    detail: str | None = None
    suppression: SuppressionReason | None = None


def read(body: str) -> Event | None:
    """The event of a message, as SES writes it or wrapped by SNS; None for one that says nothing of these."""
    try:
        report = json.loads(body)
        if report.get("Type") == "Notification":
            report = json.loads(report["Message"])
        kind = report.get("eventType") or report.get("notificationType")
        provider_id = str(report["mail"]["messageId"])
        if kind == "Delivery":
            return Event(provider_id, State.DELIVERED)
        if kind == "Bounce":
            return _bounce(provider_id, report["bounce"])
        if kind == "Complaint":
            return Event(provider_id, None, suppression=SuppressionReason.COMPLAINT)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _bounce(provider_id: str, bounce: Mapping[str, Any]) -> Event:
    """Only one that SES calls permanent says that the recipient does not exist; else its server was full or away."""
    diagnostics = [
        str(recipient.get("diagnosticCode") or recipient.get("status") or "")
        for recipient in bounce.get("bouncedRecipients", ())
    ]
    detail = " ".join([str(bounce["bounceType"]), *filter(None, diagnostics)])
    dead = SuppressionReason.BOUNCE if bounce["bounceType"] == "Permanent" else None
    return Event(provider_id, State.BOUNCED, Reason.REFUSED, detail[:500], dead)
