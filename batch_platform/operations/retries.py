"""Asks for the runs of dead letters that are tried again: what is written down is asked for, however often."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

import structlog

from batch_platform.core.failures import PlatformError, TransientFailure
from batch_platform.core.logs import in_one_line
from batch_platform.operations import ledger
from batch_platform.operations.model import (
    DEAD_LETTER_RETRY_TAG,
    DEAD_LETTER_TAG,
    JOB_TAG,
    PARAMETERS_TAG,
    DeadLetter,
    Launch,
)
from batch_platform.operations.triage_store import LETTER, TriageStore

if TYPE_CHECKING:
    from batch_platform.core.messages import Message
    from batch_platform.operations.context import OperationsContext

AT_ONCE: Final = 10
"""So many are asked for by one who must not be kept waiting, and by the monitor at each look."""

_IDS: Final = UUID("6f3c8a52-0f2b-5d0e-9a57-1f6a1b0f7c11")
_log = structlog.get_logger(__name__)


def next_run_id(letter: DeadLetter) -> str:
    """The id of the run that tries it again next: whoever asks for it, and however often, asks for one run."""
    return str(uuid5(_IDS, f"dead letter {letter.id} retry {letter.retries + 1}"))


def ask(ctx: OperationsContext, letter: DeadLetter) -> None:
    """Ask for the run of a letter that is marked as being tried again.

    Raises what the runner refuses, and the letter is open again; one that only cannot at present is asked later.
    """
    try:
        run_id = ctx.require_runner().submit(
            _launch(letter), requested_by=letter.changed_by or "monitor", run_id=letter.retry_run_id
        )
        ledger.copy(ctx, run_id)
    except TransientFailure as error:
        _log.warning("retry_waits", dead_letter=letter.id, reason=in_one_line(error))
    except PlatformError:
        with ctx.store.transaction() as session:
            session.undo_retry(letter, now=ctx.clock())
        raise


def ask_each(ctx: OperationsContext, letters: Sequence[DeadLetter]) -> dict[str, Message]:
    """As `ask`; why some were refused, which stands as a comment on them."""
    refused: dict[str, Message] = {}
    for letter in letters:
        try:
            ask(ctx, letter)
        except PlatformError as error:
            refused[letter.id] = error.message
    if refused:
        with TriageStore(ctx.pool).transaction() as session:
            session.comment(LETTER, refused, by="monitor", now=ctx.clock())
    return refused


def ask_again(ctx: OperationsContext) -> int:
    """The monitor's duty: ask for the next runs that nobody has asked for, or whose asker was killed; how many."""
    if ctx.runner is None:
        return 0
    with ctx.store.transaction() as session:
        letters = session.unasked_retries(now=ctx.clock(), limit=AT_ONCE)
    ask_each(ctx, letters)
    return len(letters)


def _launch(letter: DeadLetter) -> Launch:
    place = letter.partition
    return Launch(
        job=letter.dagster_job,
        partition=None if letter.partition_end else place,
        partition_range=(place, letter.partition_end) if place and letter.partition_end else None,
        config=letter.config,
        tags={
            **letter.tags,
            JOB_TAG: letter.job,
            PARAMETERS_TAG: json.dumps(letter.parameters, ensure_ascii=False, sort_keys=True),
            DEAD_LETTER_TAG: letter.id,
            DEAD_LETTER_RETRY_TAG: str(letter.retries),
        },
    )
