"""The use cases of zengin: what assets, sensors, the API and the command line call.

context     what every use case works with
sources     a directory, archive or CSV, here or on S3, as files of a release
snapshot    a release, read, checked and kept
propose     the newest snapshot against the master: a changeset and its records
review      approve, reject, revoke; bulk approval by payload hash; override of a hold
apply       approved records into the master, a transaction a changeset
rollback    the changeset that undoes another
master      what the master must hold
sweep       what time does: expiry, leases, retention, the digest
search      the master: folded search, branches, exports, as of a day
lists       records and changesets, a page at a time
"""

from batch_platform.zengin.export import Unwritable, UnwritableError
from batch_platform.zengin.service.apply import AppliedChangeset, ApplyOutcome, apply
from batch_platform.zengin.service.context import ZenginContext, build_context
from batch_platform.zengin.service.lists import (
    changes_of,
    changeset,
    changesets,
    failed_checks,
    history_of,
    record,
    records,
    records_of,
    snapshot_day,
)
from batch_platform.zengin.service.master import MASTER_CHECKS, MasterCheck, check_master, source_late
from batch_platform.zengin.service.propose import Proposal, propose
from batch_platform.zengin.service.review import (
    ChangesetDecision,
    Decision,
    approve,
    approve_changeset,
    override,
    reject,
    reject_changeset,
    retry,
    revoke,
)
from batch_platform.zengin.service.rollback import rollback
from batch_platform.zengin.service.search import (
    EXPORTS,
    Export,
    banks,
    branches,
    export,
    master_as_of,
)
from batch_platform.zengin.service.snapshot import INGEST_CHECKS, IngestCheck, SnapshotOutcome, take_snapshot
from batch_platform.zengin.service.sources import Drop, drops, require_source
from batch_platform.zengin.service.sweep import Digest, SweepOutcome, digest, purge, sweep

__all__ = [
    "EXPORTS",
    "INGEST_CHECKS",
    "MASTER_CHECKS",
    "AppliedChangeset",
    "ApplyOutcome",
    "ChangesetDecision",
    "Decision",
    "Digest",
    "Drop",
    "Export",
    "IngestCheck",
    "MasterCheck",
    "Proposal",
    "SnapshotOutcome",
    "SweepOutcome",
    "Unwritable",
    "UnwritableError",
    "ZenginContext",
    "apply",
    "approve",
    "approve_changeset",
    "banks",
    "branches",
    "build_context",
    "changes_of",
    "changeset",
    "changesets",
    "check_master",
    "digest",
    "drops",
    "export",
    "failed_checks",
    "history_of",
    "master_as_of",
    "override",
    "propose",
    "purge",
    "record",
    "records",
    "records_of",
    "reject",
    "reject_changeset",
    "require_source",
    "retry",
    "revoke",
    "rollback",
    "snapshot_day",
    "source_late",
    "sweep",
    "take_snapshot",
]
