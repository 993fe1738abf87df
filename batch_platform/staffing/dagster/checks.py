"""The asset checks of staffing: what must hold before anybody relies on a run."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import dagster as dg

from batch_platform.kit.assets import Verdict, check_results
from batch_platform.staffing.model import BackupProof

BACKUP: Final = dg.AssetKey(["staffing", "backup"])
PROVED: Final = dg.AssetCheckSpec(
    "backup_proved",
    asset=BACKUP,
    blocking=True,
    description="It was read back, decrypted, restored into a scratch database, and found equal.",
)


def proved(nights: Sequence[tuple[date, BackupProof | None]]) -> Iterator[dg.AssetCheckResult]:
    """Of each night what its proof has found; one without was proved before."""
    verdicts = [_verdict(night, proof) for night, proof in nights]
    yield from check_results(BACKUP, [PROVED.name], verdicts, none="no night")


def _verdict(night: date, proof: BackupProof | None) -> Verdict:
    place = night.isoformat()
    if proof is None:
        return Verdict(PROVED.name, place, passed=True, description="was proved before")
    found = "; ".join(fault.text for fault in proof.faults)
    detail = f"{proof.rows} rows of {proof.tables} tables, {proof.files} files; amcheck: {proof.amcheck}"
    return Verdict(PROVED.name, place, proof.passed, found or "proved", detail=detail)
