"""The asset checks of staffing: what must hold before anybody relies on a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import dagster as dg

from batch_platform.kit.assets import Verdict, check_results
from batch_platform.staffing.model import BackupProof
from batch_platform.staffing.service import StaffingContext, invariants
from batch_platform.staffing.service.invariants import GAPS, Invariant

Days = Sequence[tuple[str, date]]

_SHOWN: Final = 5


def _specs(asset: str, checks: Mapping[str, str]) -> list[dg.AssetCheckSpec]:
    """One of each check by its name; days that are missing are told and block nothing."""
    return [
        dg.AssetCheckSpec(name, asset=["staffing", asset], description=text, blocking=name != GAPS)
        for name, text in checks.items()
    ]


STATUS_CHECKS: Final = _specs("engineer_status", invariants.STATUSES)
USAGE_CHECKS: Final = _specs("company_usage", invariants.USAGE)

BACKUP: Final = dg.AssetKey(["staffing", "backup"])
PROVED: Final = dg.AssetCheckSpec(
    "backup_proved",
    asset=BACKUP,
    blocking=True,
    description="It was read back, decrypted, restored into a scratch database, and found equal.",
)


def status_results(context: StaffingContext, days: Days) -> Iterator[dg.AssetCheckResult]:
    """What holds of the statuses of these days."""
    looked_at = [(key, each) for key, day in days for each in invariants.of_statuses(context, day)]
    return results(STATUS_CHECKS, looked_at)


def results(
    of: Sequence[dg.AssetCheckSpec], looked_at: Iterable[tuple[str, Invariant]]
) -> Iterator[dg.AssetCheckResult]:
    """One result a check over all partitions; `looked_at`: a partition's key and one of its invariants."""
    verdicts = [
        Verdict(each.name, key, each.holds, _text(each), blocking=each.name != GAPS, detail=_text(each))
        for key, each in looked_at
    ]
    yield from check_results(of[0].asset_key, (spec.name for spec in of), verdicts, none="no partition")


def _text(invariant: Invariant) -> str:
    more = len(invariant.differences) - _SHOWN
    first = "; ".join(invariant.differences[:_SHOWN])
    return "holds" if invariant.holds else f"{first} and {more} more" if more > 0 else first


def proved(nights: Sequence[tuple[date, BackupProof | None]]) -> Iterator[dg.AssetCheckResult]:
    """Of each night what its proof has found; one without was proved before."""
    verdicts = [_verdict(night, proof) for night, proof in nights]
    yield from check_results(BACKUP, [PROVED.name], verdicts, none="no night")


def _verdict(night: date, proof: BackupProof | None) -> Verdict:
    place = night.isoformat()
    if proof is None:
        return Verdict(PROVED.name, place, passed=True, description="was proved before")
    faults = "; ".join(fault.text for fault in proof.faults)
    detail = f"{proof.rows} rows of {proof.tables} tables, {proof.files} files; amcheck: {proof.amcheck}"
    return Verdict(PROVED.name, place, proof.passed, faults or "proved", detail=detail)
