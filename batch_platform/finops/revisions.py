"""Names of what people may replace, as it stands: whatever they see of it is in the name."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

from batch_platform.finops.model import Budget, Connection


def of_connection(connection: Connection) -> str:
    """Of the external id only whether there is one."""
    return _name(replace(connection, external_id=None if connection.external_id is None else ""))


def of_budgets(budgets: Collection[Budget]) -> str:
    """All budgets of a project."""
    return _name(
        sorted((budget.measure, budget.currency, f"{budget.monthly_amount.normalize():f}") for budget in budgets)
    )


def _name(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
