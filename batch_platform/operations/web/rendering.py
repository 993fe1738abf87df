"""What every page of operations has at hand, beside its own values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from fastapi import Request, Response

from batch_platform.operations.remedies import remedies_of
from batch_platform.operations.web import outcomes
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.schemas import overview_state, start_in_words
from batch_platform.web.console import render
from batch_platform.web.i18n import N_, spoken

WORDS: Final[Mapping[str, str]] = {
    "schedule": N_("Schedule"),
    "sensor": N_("Sensor"),
    "backfill": N_("Backfill"),
    "manual": N_("By hand"),
    "retry": N_("Retry"),
    "critical": N_("Critical"),
    "warning": N_("Warning"),
    "info": N_("Information"),
    "fixed": N_("fixed"),
    "linear": N_("linear"),
    "exponential": N_("exponential"),
}
"""Names of triggers, severities and backoffs; those of states are the console's own."""


def show(request: Request, name: str, **values: Any) -> Response:
    """The page of this name, or the part of one."""
    operations = operations_of(request)
    titles, now = {job.name: job.title for job in operations.registry}, operations.clock()
    return render(
        request,
        f"operations/{name}.html",
        state_of=partial(overview_state, now=now),
        start_in_words=partial(start_in_words, language=spoken().code),
        remedies_of=partial(remedies_of, known=operations.remedies),
        outcome_of_run=outcomes.of_run,
        outcome_of_retries=outcomes.of_retries,
        words=WORDS,
        titles=titles,
        now=now,
        **values,
    )
