"""Sentences of plans, proofs and refusals in the reader's language: what is stored or raised is English."""

from __future__ import annotations

import re
from typing import Final

from batch_platform.btc.web.words import CHECKS, FAILURES, STATUSES
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _

# The more particular before the more general: "{}" takes whatever stands there.
_SENTENCES: Final = (
    # refused
    N_("adjustment_rate must be a finite number."),
    N_("adjustment_rate must be a number."),
    N_("adjustment_rate must not be 0."),
    N_("adjustment_rate must be above -100: nobody can lose more than everything."),
    N_("adjustment_rate must be at most {}."),
    N_("adjustment_rate must have at most {} decimals."),
    N_("adjustment_rate is beyond {} and must be confirmed by typing {} again."),
    N_("adjustment_rate makes more BTC of the balance of {} than there can be."),
    N_("memo has {} characters, more than {}."),
    N_("this Idempotency-Key was used with another body"),
    N_("batch {} is open: finish or cancel it first"),
    N_("batch {} is {}, not planned"),
    N_("batch {} has to be approved by a second person"),
    N_("batch {} waits for {} more approval(s)"),
    N_("batch {} is reversed by {} already"),
    N_("batch {} is the reversal of {} and cannot be reversed itself: a new batch books again"),
    N_("batch {} is {}: nothing to reverse"),
    N_("batch {} is {}: nothing to apply"),
    N_("batch {} is worked on: its lease ends at {}"),
    N_("batch {} was changed meanwhile: look at it again"),
    N_("A batch that is {} cannot become {}."),
    # stored with a batch
    N_("cancelled by {}"),
    N_("{} rows of batch {} are not in the ledger though they were written"),
    N_("the proof of batch {} fails: {}"),
    # what checks expect and find
    N_("{} of {} rows"),
    N_("target {}, applied {}, skipped_zero {}, failed {}, pending {}, excluded {}"),
    N_("one ledger row for each planned user"),
    N_("at most one ledger row for each planned user"),
    N_("every row books its planned amount"),
    N_("users {}, house {} BTC"),
    N_("no balance below zero"),
    N_("every balance is the sum of its rows"),
    N_("every amount to the satoshi, together {} BTC"),
    N_("{} amounts differ, together {} BTC"),
    N_("{} users differ, together {} BTC"),
    N_("{} users differ"),
    N_("no ledger row"),
    N_("{} ledger rows"),
    N_("{} BTC, user by user"),
)
_WORDS: Final = {
    **{status: word for status, (word, _tone) in STATUSES.items()},
    **{name: word for name, (word, _meaning) in CHECKS.items()},
    **FAILURES,
}
_PATTERNS: Final = tuple(
    (one, re.compile("(.+?)".join(map(re.escape, one.split("{}"))), re.DOTALL)) for one in _SENTENCES
)


def said(text: str) -> str:
    """A sentence in the language of the request in hand; one that is not known stays as it is."""
    if text in _WORDS:
        return _(_WORDS[text])
    for sentence, pattern in _PATTERNS:
        if found := pattern.fullmatch(text):
            return _(sentence).format(*map(said, found.groups()))
    return text
