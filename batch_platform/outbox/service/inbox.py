"""What domains do: hand notices over in the transaction of the fact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from batch_platform.core.postgres import Connection
from batch_platform.core.sql import load
from batch_platform.outbox.model import Notice

_SQL = load("batch_platform.outbox.sql")


def enqueue(connection: Connection, domain: str, notices: Sequence[Notice], *, at: datetime) -> int:
    """Add notices in the caller's transaction, all of them by one statement; how many are new.

    They are there when the fact is, and gone when it is rolled back. A key that the domain has used before adds
    nothing. Statements of a domain may call `outbox.enqueue(domain, notices, at)` themselves.
    """
    rows = [
        {
            "key": notice.key,
            "channel": notice.channel,
            "category": notice.category,
            "template": notice.template,
            "recipient": notice.recipient,
            "parameters": notice.parameters,
            "not_before": notice.not_before,
        }
        for notice in notices
    ]
    # decimals and moments as they are said
    written = json.dumps(rows, ensure_ascii=False, default=str)
    [[added]] = connection.execute(_SQL["enqueue"], {"domain": domain, "notices": written, "at": at}).fetchall()
    return int(added)
