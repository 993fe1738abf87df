"""How a run, a backfill and retries stand or ended, as one sentence with numbers: pages follow them to their end."""

from __future__ import annotations

from dataclasses import dataclass

from batch_platform.operations.backfill_store import Backfill
from batch_platform.operations.model import RunDetail, RunStatus
from batch_platform.operations.triage_store import Retries
from batch_platform.web.console import Tone
from batch_platform.web.formats import in_japan, length_in_words
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import ngettext, translated


@dataclass(frozen=True)
class Outcome:
    """A sentence in the reader's language, and its tone."""

    text: str
    tone: Tone


def of_run(detail: RunDetail) -> Outcome:
    """How a run ended, when and after how long; before that what is waited for."""
    run = detail.run
    if run.ended_at is None or not run.status.ended:
        text = {
            RunStatus.QUEUED: _("The run waits for its turn. This page follows it to its end."),
            RunStatus.CANCELING: _("The run is being stopped. This page shows when it has ended."),
        }.get(run.status, _("The run goes on. This page follows it to its end."))
        return Outcome(text, "busy")
    took = length_in_words(run.duration) if run.duration else ""
    at = in_japan(run.ended_at, seconds=True)
    if run.status is RunStatus.CANCELED:
        return Outcome(_("Canceled at %(at)s.", at=at) + _counted(detail), "warning")
    if run.status is RunStatus.FAILURE:
        text = _("Failed at %(at)s, after %(took)s.", at=at, took=took) + _counted(detail)
        return Outcome(f"{text} {translated(run.cause)}" if run.cause else text, "bad")
    if run.dry_run:
        return Outcome(
            _("The dry run completed at %(at)s, after %(took)s; nothing was written.", at=at, took=took), "good"
        )
    return Outcome(_("Completed at %(at)s, after %(took)s.", at=at, took=took) + _counted(detail), "good")


def of_backfill(backfill: Backfill) -> Outcome:
    """How a backfill ended, by how many of its runs; before that that it is followed."""
    counts = {
        "succeeded": backfill.succeeded,
        "failed": backfill.failed,
        "canceled": backfill.canceled,
        "total": backfill.total,
    }
    match backfill.status:
        case RunStatus.SUCCESS:
            text = ngettext(
                "Completed: %(num)s run succeeded.", "Completed: all %(num)s runs succeeded.", backfill.total
            )
            return Outcome(text, "good")
        case RunStatus.FAILURE:
            return Outcome(
                _(
                    "Failed: of %(total)s runs %(succeeded)s succeeded, %(failed)s failed, %(canceled)s canceled.",
                    **counts,
                ),
                "bad",
            )
        case RunStatus.CANCELED:
            return Outcome(
                _("Canceled: of %(total)s runs %(succeeded)s succeeded, %(canceled)s canceled.", **counts),
                "warning",
            )
        case RunStatus.CANCELING:
            return Outcome(
                _("No further run starts; those that go on are being stopped. This page shows the end."),
                "busy",
            )
        case _:
            return Outcome(_("The backfill goes on. This page follows it to its end."), "busy")


def of_retries(retries: Retries) -> Outcome | None:
    """How what was run again in the last 24 hours stands; None where nothing was."""
    counts = {"going": retries.going, "succeeded": retries.succeeded, "failed": retries.failed}
    if retries.going:
        return Outcome(
            _(
                "Run again in 24 hours: %(going)s go on, %(succeeded)s succeeded, %(failed)s failed. Followed here.",
                **counts,
            ),
            "busy",
        )
    if not (retries.succeeded or retries.failed):
        return None
    text = _("Run again in 24 hours, all ended: %(succeeded)s succeeded, %(failed)s failed.", **counts)
    return Outcome(text, "bad" if retries.failed else "good")


def _counted(detail: RunDetail) -> str:
    """The steps that succeeded, where Dagster still knows of them."""
    if not detail.steps:
        return ""
    good = sum(step.status == "success" for step in detail.steps)
    return " " + _(
        "Steps that succeeded: %(good)s of %(all)s.", good=good, all=max(detail.steps_total, len(detail.steps))
    )
