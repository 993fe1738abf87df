"""The settings of toy."""

from __future__ import annotations

from pydantic import Field

from batch_platform.core.numbers import PlainInt
from batch_platform.settings import DomainSettings


class ToySettings(DomainSettings):
    """How long a toy runs."""

    turns: PlainInt = Field(3, ge=1, validation_alias="TOY_TURNS")
