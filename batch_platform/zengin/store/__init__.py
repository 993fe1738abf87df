"""Every read and write of zengin: the master in Postgres, the records in DynamoDB and S3, snapshots in the lake.

Postgres is the truth for what was applied and for changesets, DynamoDB for the state of each record. All state
changes are conditional: a repeated or a late one changes nothing.
"""

from batch_platform.zengin.store.apply import OUTCOME_SCHEMA, ApplyResult
from batch_platform.zengin.store.postgres import Session, ZenginStore

__all__ = ["OUTCOME_SCHEMA", "ApplyResult", "Session", "ZenginStore"]
