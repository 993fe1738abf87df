"""The settings of zengin."""

from __future__ import annotations

from pydantic import Field

from batch_platform.settings import DomainSettings


class ZenginSettings(DomainSettings):
    """Where the bank master is kept."""

    database_secret_id: str | None = Field(None, validation_alias="ZENGIN_DATABASE_SECRET_ID")
    """The secret with the login of its own database; unset: the platform's database."""
