"""The asset checks of finops: those of a publication, and whether projects still deliver."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import dagster as dg

from batch_platform.finops import service
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.invariants import BLOCKING, WARNING
from batch_platform.finops.model import CheckOutcome
from batch_platform.kit.assets import Verdict, check_results

SUMMARY: Final = dg.AssetKey(["finops", "cost_summary"])

# `service.publish_month` judges them inside the publication, where a failed one rolls the month back.
CHECKS: Final = [
    dg.AssetCheckSpec(name, asset=SUMMARY, description=text, blocking=name in BLOCKING)
    for name, text in {**BLOCKING, **WARNING}.items()
]


def results_of(outcomes: Mapping[str, Sequence[CheckOutcome]]) -> Iterator[dg.AssetCheckResult]:
    """One result a check over all project-months of a run (`outcomes`: project and month -> checks)."""
    verdicts = [
        Verdict(check.name, place, check.passed, check.description, check.blocking, check.description)
        for place, checks in outcomes.items()
        for check in checks
    ]
    yield from check_results(SUMMARY, (spec.name for spec in CHECKS), verdicts, none="no month published")


@dg.asset_check(
    asset=SUMMARY,
    name="delivery_fresh",
    description="every enabled project's newest published month was delivered in the last three days",
)
def delivery_fresh(finops: FinopsResource) -> dg.AssetCheckResult:
    with finops.open_context() as context:
        late = service.late_deliveries(context)
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(late) or "every project delivers",
    )
