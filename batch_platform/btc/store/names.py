"""The tables of btc: `{table_prefix}-{env}-…`, as deploy/aws.yaml names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TABLE_PREFIX: Final = "batch-platform"

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


def table_names(env: str, table_prefix: str = TABLE_PREFIX) -> Tables:
    """The tables of an environment, with another prefix where a setting says so."""
    prefix = f"{table_prefix}-{env}"
    return Tables(f"{prefix}-batch-operations", f"{prefix}-transactions", f"{prefix}-users", f"{prefix}-balances")
