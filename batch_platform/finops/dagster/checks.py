"""The asset checks of finops: those of a publication, and whether projects still deliver."""

from collections.abc import Iterator, Mapping
from typing import Final

import dagster as dg

from batch_platform.finops import service
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.invariants import BLOCKING, WARNING
from batch_platform.finops.model import CheckOutcome

SUMMARY: Final = dg.AssetKey(["finops", "cost_summary"])

# `service.publish_month` judges them inside the publication, where a failed one rolls the month back.
BLOCKING_CHECKS: Final = [
    dg.AssetCheckSpec(name, asset=SUMMARY, description=text, blocking=True) for name, text in BLOCKING.items()
] + [dg.AssetCheckSpec(name, asset=SUMMARY, description=text) for name, text in WARNING.items()]


def results_of(verdicts: Mapping[str, tuple[CheckOutcome, ...]]) -> Iterator[dg.AssetCheckResult]:
    """One result a check over all project-months of a run (`verdicts`: project and month -> checks)."""
    for name in (*BLOCKING, *WARNING):
        outcomes = {place: check for place, checks in verdicts.items() for check in checks if check.name == name}
        failed = {place: check for place, check in outcomes.items() if not check.passed}
        stops = any(check.blocking for check in failed.values())
        told = failed or outcomes
        yield dg.AssetCheckResult(
            asset_key=SUMMARY,
            check_name=name,
            passed=not failed,
            severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
            description="; ".join(f"{place}: {check.description}" for place, check in told.items())
            or "no month published",
            metadata={place: check.description for place, check in outcomes.items()},
        )


@dg.asset_check(
    asset=SUMMARY,
    name="delivery_fresh",
    description="every enabled project's newest published month was delivered in the last three days",
)
def delivery_fresh(finops: FinopsResource) -> dg.AssetCheckResult:
    with finops.work() as work:
        late = service.late_deliveries(work)
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(late) or "every project delivers",
    )
