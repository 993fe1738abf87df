"""What the console calls states, channels and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batch_platform.outbox.model import Category, Channel, Reason, State, SuppressionReason
from batch_platform.web.console import Words
from batch_platform.web.i18n import N_

STATES: Final[Words] = {
    State.PENDING: (N_("Waiting to be sent"), "neutral"),
    State.SENDING: (N_("Being sent"), "busy"),
    State.ACCEPTED: (N_("Accepted"), "good"),
    State.DELIVERED: (N_("Delivered"), "good"),
    State.BOUNCED: (N_("Refused for good"), "bad"),
    State.SUPPRESSED: (N_("Suppressed"), "neutral"),
    State.SKIPPED: (N_("Not sent"), "neutral"),
    State.FAILED: (N_("Dead letter"), "bad"),
}
CHANNELS: Final[Mapping[Channel, str]] = {
    Channel.MAIL: N_("Mail"),
    Channel.IN_APP: N_("In the app"),
    Channel.SMS: N_("SMS"),
}
CATEGORIES: Final[Mapping[Category, str]] = {
    Category.TRANSACTIONAL: N_("Transactional"),
    Category.ADVERTISING: N_("Advertising"),
}
REASONS: Final[Mapping[Reason, str]] = {
    Reason.NOT_TAKEN: N_("The provider did not take it; it is tried again."),
    Reason.UNKNOWN: N_("It is not known whether the provider took it; it is asked before another attempt."),
    Reason.REFUSED: N_("The provider refuses it for good."),
    Reason.BAD_RECIPIENT: N_("The recipient is no address or number."),
    Reason.NOT_RENDERED: N_("The text could not be made."),
    Reason.BAD_ATTACHMENT: N_("What is attached is not there, or not what was handed over."),
    Reason.SUPPRESSED: N_("The recipient is suppressed."),
    Reason.NO_CONSENT: N_("The recipient has not consented to advertising."),
    Reason.OPTED_OUT: N_("The recipient has declined advertising."),
    Reason.FREQUENCY_CAP: N_("The recipient has had enough advertising within 24 hours."),
    Reason.VETOED: N_("When it was to be sent, its domain no longer wanted it to be."),
    Reason.NOT_JUDGED: N_("Its domain could not say whether it may be sent."),
}
SUPPRESSION_REASONS: Final[Mapping[SuppressionReason, str]] = {
    SuppressionReason.BOUNCE: N_("Does not exist"),
    SuppressionReason.COMPLAINT: N_("Complaint"),
    SuppressionReason.MANUAL: N_("By hand"),
}
