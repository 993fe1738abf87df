"""The settings of btc."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator, model_validator

from batch_platform.core.messages import Message
from batch_platform.core.numbers import PlainDecimal, PlainInt
from batch_platform.resources.cron import Cron
from batch_platform.settings import DomainSettings


class BtcSettings(DomainSettings):
    """Where batches are kept, what they need before they start, and the recurring one."""

    table_prefix: str = Field("batch-platform", pattern=r"^[a-z0-9][a-z0-9-]{1,40}$", validation_alias="BTC_PROJECT")
    """First part of the tables' names: `{table_prefix}-{env}-batch-operations` and so on."""
    rounding: Literal["half_even", "half_up", "toward_zero"] = Field("half_even", validation_alias="BTC_ROUNDING")
    shards: PlainInt = Field(1, validation_alias="BTC_SHARDS")
    require_approval: bool = Field(False, validation_alias="BTC_REQUIRE_APPROVAL")
    second_approver: bool = Field(False, validation_alias="BTC_SECOND_APPROVER")
    max_rate: PlainDecimal = Field(Decimal(100), gt=0, validation_alias="BTC_MAX_RATE")
    """Percent; a rate beyond it, either way, takes a typed confirmation."""
    confirm_above: PlainDecimal | None = Field(
        None, ge=0, lt=10**8, decimal_places=8, validation_alias="BTC_CONFIRM_ABOVE"
    )
    """BTC; a batch whose sum is beyond it, either way, starts only once somebody has typed that sum."""
    write_units: PlainInt | None = Field(None, ge=4, validation_alias="BTC_WRITE_UNITS")
    """Write units a second on one partition key, 1,000 at most on AWS; unset is unlimited."""
    adjustment_cron: Cron | None = Field(None, validation_alias="BTC_ADJUSTMENT_CRON")
    adjustment_rate: PlainDecimal | None = Field(
        None, gt=-100, decimal_places=8, validation_alias="BTC_ADJUSTMENT_RATE"
    )

    @field_validator("shards")
    @classmethod
    def _one_or_sixteen(cls, shards: int) -> int:
        if shards not in (1, 16):
            raise ValueError(Message("one-or-sixteen", "must be 1 or 16"))
        return shards

    @model_validator(mode="after")
    def _rate_for_its_cron(self) -> BtcSettings:
        if self.adjustment_cron is not None and self.adjustment_rate is None:
            raise ValueError(Message("cron-without-rate", "BTC_ADJUSTMENT_CRON needs BTC_ADJUSTMENT_RATE"))
        rate = self.adjustment_rate
        if rate is not None and not 0 < rate.copy_abs() <= self.max_rate:
            raise ValueError(
                Message(
                    "scheduled-rate-unconfirmed",
                    "BTC_ADJUSTMENT_RATE must not be 0, nor beyond BTC_MAX_RATE: nobody confirms it",
                )
            )
        return self
