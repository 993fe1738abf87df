"""The asset checks of trading: what must hold in every live campaign before anybody relies on a run."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import dagster as dg

from batch_platform.kit.assets import Verdict, check_results
from batch_platform.trading.service import invariants
from batch_platform.trading.service.invariants import Invariant

PRICES: Final = dg.AssetKey(["trading", "price_ticks"])
FUNDING_INDEX: Final = dg.AssetKey(["trading", "funding_index"])
SNAPSHOTS: Final = dg.AssetKey(["trading", "portfolio_snapshots"])

_SHOWN: Final = 5


def _specs(asset: dg.AssetKey, checks: Mapping[str, str]) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(name, asset=asset, description=text, blocking=True) for name, text in checks.items()]


PRICE_CHECKS: Final = _specs(PRICES, invariants.MOVED)
FUNDING_CHECKS: Final = _specs(FUNDING_INDEX, invariants.INDEX)
SNAPSHOT_CHECKS: Final = _specs(SNAPSHOTS, {**invariants.LEDGER, **invariants.VALUED})


def results(
    specs: Iterable[dg.AssetCheckSpec], looked_at: Iterable[tuple[str, Invariant]]
) -> Iterator[dg.AssetCheckResult]:
    """One result a check over all campaigns; `looked_at`: a campaign's name and one of its invariants."""
    of = list(specs)
    verdicts = [
        Verdict(invariant.name, campaign, invariant.holds, _text(invariant), detail=_text(invariant))
        for campaign, invariant in looked_at
    ]
    yield from check_results(of[0].asset_key, (spec.name for spec in of), verdicts, none="no live campaign")


def _text(invariant: Invariant) -> str:
    more = len(invariant.differences) - _SHOWN
    first = "; ".join(invariant.differences[:_SHOWN])
    return "holds" if invariant.holds else f"{first} and {more} more" if more > 0 else first
