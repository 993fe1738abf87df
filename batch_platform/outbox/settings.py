"""The settings of the outbox."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from batch_platform.core.messages import Message
from batch_platform.core.numbers import PlainInt
from batch_platform.outbox.mail import is_address
from batch_platform.outbox.model import Options, Sender
from batch_platform.settings import DomainSettings


class OutboxSettings(DomainSettings):
    """Who notices are from, and how often they are tried and sent."""

    sender: str = Field("no-reply@batch-platform.example", validation_alias="OUTBOX_SENDER")
    sender_name: str = Field("batch_platform", validation_alias="OUTBOX_SENDER_NAME")
    sender_address: str | None = Field(None, validation_alias="OUTBOX_SENDER_ADDRESS")
    """The postal address; the law wants it in advertising, which is not sent without it."""
    advertising_per_day: PlainInt = Field(3, ge=0, validation_alias="OUTBOX_ADVERTISING_PER_DAY")
    resend_after_seconds: PlainInt = Field(120, ge=1, validation_alias="OUTBOX_RESEND_AFTER_SECONDS")
    """How long after an attempt of unknown end a notice is sent again at the earliest."""
    ses_configuration_set: str | None = Field(None, validation_alias="OUTBOX_SES_CONFIGURATION_SET")
    """The configuration set of SES that says where its events go; without one the identity's own is used."""
    ses_events_queue: str | None = Field(None, validation_alias="OUTBOX_SES_EVENTS_QUEUE")
    """The URL of an SQS queue with the events of SES: delivered, bounced, complained about."""
    retention_days: PlainInt = Field(90, ge=1, validation_alias="OUTBOX_RETENTION_DAYS")
    """After that parameters and texts are deleted; the row stays."""

    @field_validator("sender")
    @classmethod
    def _an_address(cls, sender: str) -> str:
        if not is_address(sender):
            raise ValueError(Message("must-be-an-address", "must be a mail address"))
        return sender

    def options(self, link_url: str) -> Options:
        """As the use cases know them."""
        return Options(
            sender=Sender(self.sender, self.sender_name, self.sender_address),
            link_url=link_url,
            resend_after=timedelta(seconds=self.resend_after_seconds),
            advertising_per_day=self.advertising_per_day,
            retention=timedelta(days=self.retention_days),
        )
