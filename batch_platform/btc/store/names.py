"""The tables of btc: `{project}-{env}-…`, as deploy/aws.yaml names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROJECT: Final = "batch-platform"

STATUS_INDEX: Final = "StatusTimestampIndex"
TYPE_INDEX: Final = "TypeTimestampIndex"
USER_INDEX: Final = "UserIndex"


@dataclass(frozen=True)
class Tables:
    """Names of the four tables."""

    batches: str
    transactions: str
    users: str
    balances: str


def table_names(env: str, project: str = PROJECT) -> Tables:
    """The tables of an environment, of another project's where a setting says so."""
    prefix = f"{project}-{env}"
    return Tables(f"{prefix}-batch-operations", f"{prefix}-transactions", f"{prefix}-users", f"{prefix}-balances")
