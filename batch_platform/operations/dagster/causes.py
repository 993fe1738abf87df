"""Why a run failed and which lines of its log matter, read from Dagster's events."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core.logs import mask_text
from batch_platform.core.messages import IN_METADATA, NOTED, Message, from_json
from batch_platform.operations.dagster.reachable import CODE_SERVER_SILENT
from batch_platform.operations.log_lines import LineKind, LogLine

if TYPE_CHECKING:
    import dagster as dg

_SENTENCE: Final = 500
_OURS: Final = "batch_platform."
_EVALUATION: Final = "ASSET_CHECK_EVALUATION"


def cause_of(events: Iterable[dg.DagsterEvent | None]) -> str | None:
    """Why a run failed, masked: of its first failed step, else of the run; None when none says so.

    A `Message` where an id is known, so that it is shown in every language; else one line as Dagster has it.
    """
    of_run: str | None = None
    checks: list[str] = []
    for event in events:
        if event is None:
            continue
        if event.event_type_value == _EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if evaluation.blocking and not evaluation.passed:
                checks.append(f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}")
        elif event.is_step_failure:
            return of_step(event, checks)
        elif event.is_run_failure:
            of_run = _of_run(event)
    return of_run


def of_step(event: dg.DagsterEvent, checks: Sequence[str] = ()) -> str:
    """Why a step failed; `checks` are those that have not passed before it."""
    failure = event.step_failure_data
    given = failure.user_failure_data
    if given is not None and IN_METADATA in given.metadata:
        return _masked(from_json(str(given.metadata[IN_METADATA].value)))
    if given is not None and given.description:
        return one_line(given.description)
    if checks and failure.error is not None and failure.error.cls_name == "DagsterAssetCheckFailedError":
        return Message("blocking-checks-failed", "checks did not pass: {checks}", checks=checks)
    if error := innermost(failure.error):
        return Message("unexpected-error", "unexpected error: {error}", error=one_line(error))
    return Message("step-failed", "step {step} failed", step=str(event.step_key))


def of_tick(error: Any) -> str:
    """Why a look of a schedule or sensor failed: the message that `tick_failures` has noted, or that is known."""
    inner = error
    while inner is not None:
        for line in str(inner.message).splitlines():
            if line.startswith(NOTED):
                return _masked(from_json(line.removeprefix(NOTED)))
        if inner.cls_name == "DagsterUserCodeUnreachableError":
            return CODE_SERVER_SILENT
        inner = inner.cause
    text = one_line(innermost(error) or "")
    if not text:
        return Message("tick-gave-no-reason", "it gave no reason")
    # a failure of ours that nobody has noted speaks for itself
    return text if text.startswith(_OURS) else Message("unexpected-error", "unexpected error: {error}", error=text)


def innermost(error: Any) -> str | None:
    """The message of the error at the bottom of a chain: those above it only say where it happened."""
    while error is not None and error.cause is not None:
        error = error.cause
    return None if error is None else str(error.message)


def one_line(text: str) -> str:
    """One masked line: what follows the first may quote data, as PostgreSQL's details do."""
    first = next((line for line in text.strip().splitlines() if line.strip()), "")
    masked = mask_text(" ".join(first.split()))
    return masked if len(masked) <= _SENTENCE else masked[: _SENTENCE - 1] + "…"


def line_of(entry: dg.EventLogEntry) -> LogLine | None:
    """A line of a run's log, with what it is about; None for one that says nothing."""
    event = entry.dagster_event
    text: str = one_line(entry.message)
    kind: LineKind = "other"
    if event is None:
        kind = _of_level(int(entry.level))
    elif event.is_step_failure:
        kind, text = "failure", of_step(event)
    elif event.is_run_failure:
        # of a step that failed its own line tells
        kind, text = "failure" if _stands_alone(event) else "other", _of_run(event)
    elif event.event_type_value == "STEP_UP_FOR_RETRY":
        kind, text = "retry", _of_retry(event)
    elif event.event_type_value == "STEP_RESTARTED":
        kind = "retry"
    elif event.event_type_value == _EVALUATION and not event.asset_check_evaluation_data.passed:
        kind = "warning"
    return LogLine(datetime.fromtimestamp(entry.timestamp, UTC), text, kind) if text else None


def _stands_alone(event: dg.DagsterEvent) -> bool:
    data: Any = event.event_specific_data
    return getattr(data, "first_step_failure_event", None) is None


def _of_level(level: int) -> LineKind:
    """Lines without an event are our own: what an asset or op has said of its work."""
    if level >= logging.ERROR:
        return "failure"
    if level >= logging.WARNING:
        return "warning"
    return "progress" if level >= logging.INFO else "other"


def _of_run(event: dg.DagsterEvent) -> str:
    data: Any = event.event_specific_data
    kind = getattr(data, "failure_reason", None)
    if kind is not None and kind.value == "START_TIMEOUT":
        return Message("run-not-started", "the run did not start in time")
    if error := innermost(getattr(data, "error", None)):  # none when it was failed from outside
        return Message("unexpected-error", "unexpected error: {error}", error=one_line(error))
    if event.message:
        return Message(
            "run-ended-outside", "the run was ended from outside: {reason}", reason=one_line(event.message)
        )
    return Message("run-failed-unsaid", "the run failed, and nothing says why")


def _of_retry(event: dg.DagsterEvent) -> Message:
    data: Any = event.event_specific_data
    reason = one_line(innermost(data.error) or "?")
    # Python writes the class before what it says
    sentence = reason.partition(": ")[2] if "." in reason.partition(": ")[0] else reason
    return Message(
        "step-is-tried-again", "step {step} is tried again: {reason}", step=str(event.step_key), reason=sentence
    )


def _masked(message: Message) -> str:
    """The message where its sentence needs no mask and is one line; else that line."""
    line = one_line(message)
    return message if line == message else line
