"""How long rows stay: a class names a table, an age and what is done then. Those the law protects are never deleted.

Companies keep books, invoices issued and the files of both for 7 years, for 10 where a year made a loss
(法人税法施行規則 59 and 26の3, 電子帳簿保存法); whoever disposes of them later does so by hand.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from batch_platform.core.failures import InvalidInput

YEAR: Final = timedelta(days=366)
LEGAL: Final = 10 * YEAR


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """Rows of a table that are older than `age`: deleted, or kept because of the law. The age 0 means: expired."""

    name: str
    table: str
    age: timedelta
    action: Literal["delete", "keep"]
    why: str

    def before(self, now: datetime) -> datetime:
        """What lies before this moment is over."""
        return now - self.age


REQUESTS: Final = RetentionClass("requests", "web.requests", timedelta(days=90), "delete", "weeks are summed up")
CLASSES: Final = (
    REQUESTS,
    RetentionClass("sessions", "web.sessions", timedelta(), "delete", "expired"),
    RetentionClass("idempotency-keys", "web.idempotency_keys", timedelta(), "delete", "expired"),
    RetentionClass("failed-logins", "web.login_attempts", timedelta(days=1), "delete", "forgotten by the lock-out"),
    RetentionClass("heartbeats", "staffing.heartbeats", 2 * YEAR, "delete", "days are summed up"),
    RetentionClass("api-requests", "staffing.api_requests", 2 * YEAR, "delete", "once their day is summed up"),
    RetentionClass("logins", "staffing.logins", 2 * YEAR, "delete", "all but each user's newest"),
    RetentionClass("maintenance", "staffing.maintenance_findings", 2 * YEAR, "delete", "findings of old weeks"),
    RetentionClass("invoices", "staffing.invoices", LEGAL, "keep", "books and documents, with their PDF"),
    RetentionClass("usage", "staffing.usage_days", LEGAL, "keep", "what invoices were computed from"),
    RetentionClass("contracts", "staffing.contracts", LEGAL, "keep", "what invoices were computed from"),
    RetentionClass("audit", "web.audit_log", LEGAL, "keep", "who approved and issued"),
)


def check_holds(names: Collection[str]) -> frozenset[str]:
    """Classes that a legal hold (a dispute, an audit) protects for now. Raises `InvalidInput` for an unknown one."""
    known = [each.name for each in CLASSES if each.action == "delete"]
    if unknown := sorted(set(names) - set(known)):
        raise InvalidInput(
            "unknown-retention-class",
            "{field}: {name} is no class of rows that are deleted: {known}",
            name=unknown[0],
            known=known,
            field="STAFFING_LEGAL_HOLD",
        )
    return frozenset(names)
