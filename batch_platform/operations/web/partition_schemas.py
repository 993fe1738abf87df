"""What the API and `--json` tell of one partition of an asset."""

from __future__ import annotations

from datetime import datetime

from batch_platform.web.api.answers import Answer


class MaterializationAnswer(Answer):
    """That the partition was made; `runId` is null where no run has made it."""

    run_id: str | None
    at: datetime


class PartitionAnswer(Answer):
    """A partition of an asset, with its materializations, newest first."""

    asset: str
    partition: str
    materializations: list[MaterializationAnswer]
