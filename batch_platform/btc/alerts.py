"""What operations tells people of batches: rules as data, each a statement over their mirror in Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import rules_of
from batch_platform.operations.model import Severity
from batch_platform.web.i18n import N_

_rule: Final = rules_of("btc", load("batch_platform.btc.sql"))

GRACE: Final = timedelta(minutes=1)
"""A batch that is approved at once by whoever creates it is no news."""
PATIENCE: Final = timedelta(minutes=30)
"""A batch at work is saved every second, one that waits for a worker is asked for again every five minutes."""
TOLD_FOR: Final = timedelta(days=3)
"""What ended longer ago is no news, as in a mirror that is filled for the first time."""

_GONE: Final = N_("there is no such batch any more")
_ONCE: Final = N_("it is told once")

_ENDS: Final = {
    "it-is-planned": N_("it is being planned"),
    "it-waits": N_("it waits for approval"),
    "it-is-approved": N_("it has all its approvals"),
    "it-is-applied": N_("it is being applied"),
    "it-completed": N_("it completed"),
    "it-completed-with-failures": N_("it completed with failures"),
    "it-was-cancelled": N_("it was cancelled"),
    "it-was": N_("it was {what}"),
    "it-failed": N_("it failed"),
}
_BATCH: Final = {
    "the-batch": N_("batch {batch} ({rate})"),
    "the-reversal": N_("batch {batch}, the reversal of {reverses}"),
}
_NO_CAUSE: Final = {"no-cause": N_("no cause was recorded")}

RULES: Final = (
    _rule(
        "btc-waiting-approval",
        Severity.WARNING,
        _GONE,
        text=N_("{batch} waits for {approvals}: {users}, {sum} BTC together"),
        phrases={
            **_BATCH,
            "one-approval": N_("1 approval"),
            "approvals": N_("{count} approvals"),
            "one-user": N_("1 user"),
            "users": N_("{count} users"),
            **_ENDS,
        },
        grace=GRACE,
        resolution="resolution_batch",
    ),
    _rule(
        "btc-failed",
        Severity.CRITICAL,
        _GONE,
        text=N_(
            "{batch} failed: {reason}; {booked} of {users} users are known to be booked, and no "
            "other batch can start "
            "before this one has been run to its end"
        ),
        phrases={**_BATCH, **_NO_CAUSE, **_ENDS},
        resolution="resolution_batch",
    ),
    _rule(
        "btc-stuck",
        Severity.WARNING,
        _GONE,
        text=N_(
            "no progress of {batch} has been seen since {since} UTC: it is {state}, {booked} of "
            "{users} users are known "
            "to be booked"
        ),
        phrases={
            **_BATCH,
            "batch-approved": N_("approved"),
            "batch-pending": N_("pending"),
            "batch-processing": N_("processing"),
            **_ENDS,
        },
        patience=PATIENCE,
        resolution="resolution_batch",
    ),
    _rule(
        "btc-completed",
        Severity.INFO,
        _ONCE,
        phrases={
            **_BATCH,
            "batch-completed": N_("{batch} completed: {booked} of {users} users booked, {sum} BTC together"),
            "batch-completed-with-zeros": N_(
                "{batch} completed: {booked} of {users} users booked, {zeros} with an amount of 0, {sum} BTC together"
            ),
        },
        told_for=TOLD_FOR,
        notice=True,
    ),
    _rule(
        "btc-completed-with-failures",
        Severity.WARNING,
        _ONCE,
        phrases={
            **_BATCH,
            "batch-failures": N_(
                "{batch} completed with failures: {failed} of {users} users failed, {booked} booked, "
                "{sum} BTC together"
            ),
            "batch-failures-with-zeros": N_(
                "{batch} completed with failures: {failed} of {users} users failed, {booked} booked, {zeros} with an "
                "amount of 0, {sum} BTC together"
            ),
        },
        told_for=TOLD_FOR,
        notice=True,
    ),
    # nothing was written and nothing is held, so there is nothing that could be mended later
    _rule(
        "btc-plan-failed",
        Severity.WARNING,
        _ONCE,
        text=N_("{batch} could not be planned: {reason}; nothing was booked"),
        phrases={**_BATCH, **_NO_CAUSE},
        told_for=TOLD_FOR,
        notice=True,
    ),
)
REMEDIES: Final = {
    "btc-waiting-approval": N_("Look at the plan of the batch; whoever may approve does so, or cancels it."),
    "btc-failed": N_("Look at the cause, then resume the batch: what is booked stays as it is."),
    "btc-stuck": N_("Look at the batch's run and at the health of the workers; resume it if nothing works on it."),
    "proof-fails": N_("Start no other batch. Look at the batch's proof, and verify the ledger."),
    "ledger-differs": N_("Start no other batch. Look at the batch's proof, and verify the ledger."),
    "ledger-rows-missing": N_("Start no other batch. Look at the batch's proof, and verify the ledger."),
    "plan-not-sealed-one": N_("Start no other batch: the plan's file was changed. Look who may write to its bucket."),
}
"""What to look at."""
