"""The asset checks of zengin: what a snapshot is looked at for on the way in, and what the master must hold."""

from collections.abc import Iterator, Sequence
from typing import Final

import dagster as dg

from batch_platform.kit.assets import Verdict, check_results
from batch_platform.zengin import service
from batch_platform.zengin.dagster.resource import ZenginResource
from batch_platform.zengin.service import ZenginContext

SNAPSHOT: Final = dg.AssetKey(["zengin", "zengin_snapshot"])
MASTER: Final = dg.AssetKey(["zengin", "bank_master"])

SNAPSHOT_CHECKS: Final = [
    dg.AssetCheckSpec(name, asset=SNAPSHOT, description=text) for name, text in service.INGEST_CHECKS.items()
]
# `service.check_master` looks at the tables; what it finds has no later step to stop, so it is shown as an error
MASTER_CHECKS: Final = [
    dg.AssetCheckSpec(name, asset=MASTER, description=text, blocking=True)
    for name, text in service.MASTER_CHECKS.items()
]


def snapshot_results(taken: Sequence[service.SnapshotOutcome]) -> Iterator[dg.AssetCheckResult]:
    """One result a check over all snapshots of a run."""
    verdicts = [
        Verdict(check.name, outcome.provenance.version, check.passed, str(check.description), blocking=False)
        for outcome in taken
        for check in outcome.checks
    ]
    yield from check_results(SNAPSHOT, service.INGEST_CHECKS, verdicts, none="no snapshot was taken")


def master_results(context: ZenginContext, _days: object) -> Iterator[dg.AssetCheckResult]:
    """One result a check of the master as it is now."""
    for check in service.check_master(context):
        yield dg.AssetCheckResult(
            asset_key=MASTER, check_name=check.name, passed=check.passed, description=str(check.description)
        )


@dg.asset_check(
    asset=SNAPSHOT,
    name="source_fresh",
    description="a release arrived within the longest pause the source has ever made",
)
def source_fresh(zengin: ZenginResource) -> dg.AssetCheckResult:
    with zengin.open_context() as context:
        late = service.source_late(context)
    return dg.AssetCheckResult(
        passed=late is None, severity=dg.AssetCheckSeverity.WARN, description=late or "the source delivers"
    )
