"""The settings of finops."""

from __future__ import annotations

from pydantic import Field

from batch_platform.core.numbers import PlainInt
from batch_platform.resources.cron import Cron
from batch_platform.settings import DomainSettings


class FinopsSettings(DomainSettings):
    """When costs are fetched and aggregated; both crons are read in Asia/Tokyo."""

    scheduler_enabled: bool = Field(False, validation_alias="CUR_BATCH_SCHEDULER_ENABLED")
    fetch_cron: Cron = Field("0 * * * *", validation_alias="CUR_FETCH_CRON")
    aggregate_cron: Cron = Field("15 * * * *", validation_alias="CUR_AGGREGATE_CRON")
    still_minutes: PlainInt = Field(15, ge=0, le=1440, validation_alias="CUR_STILL_MINUTES")
    """How long a listing without a manifest must stand still to be taken."""
