"""The settings of staffing."""

from __future__ import annotations

from pydantic import Field

from batch_platform.settings import DomainSettings


class StaffingSettings(DomainSettings):
    """Whether people look at invoices before they are issued."""

    invoice_review: bool = Field(False, validation_alias="STAFFING_INVOICE_REVIEW")
    """Scheduled runs then leave drafts, which a second person approves by their count and sum."""
