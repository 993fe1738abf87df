"""The sentences of `classify`, `brake` and `propose` in the reader's language: what is stored is English."""

from __future__ import annotations

import re
from typing import Final

from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _

# The more particular before the more general: "{}" takes whatever stands there, and is a sentence itself at times.
_SENTENCES: Final = (
    N_("{}, and {} is now the name of {}."),
    N_("{}, and its kana {} is gone."),
    N_("{} is new under a code that once was {}."),
    N_("{} becomes {} and seems to take over from {} {} (score {})."),
    N_("{} seems to take over from {} {} (score {})."),
    N_("{} is gone and seems to live on as {} {} (score {})."),
    N_("{} is gone, and no successor is in sight."),
    N_("{} is gone with its bank {}."),
    N_("{} is now written {}, with another kana."),
    N_("{} is now written {}."),
    N_("{} is renamed {}, while its kana {} stays."),
    N_("{} is renamed {}."),
    N_("The code of {} now belongs to {}, an unrelated name, while its kana {} stays."),
    N_("The code of {} now belongs to {}, an unrelated name."),
    N_("{} loses its hiragana or letters."),
    N_("Only the hiragana or letters of {} change."),
    N_("{} loses its kana {}."),
    N_("{} gets the kana {}."),
    N_("The kana of {} changes from {} to {}."),
    N_("{} is new, without a kana that a transfer can carry."),
    N_("{} is new."),
    N_("Nothing new; waiting for approval or application already: {}; rejected before: {}."),
    N_("{} Raised: {}; waiting for approval or application already: {}; rejected before: {}."),
    N_("The snapshot is the master as it stands."),
    N_("The empty master is filled with {} rows."),
    N_("The master is empty, and no bootstrap was asked for."),
    N_("The snapshot has exactly the rows of an earlier one: a stale file."),
    N_("{} of {} changes undo what was applied in the last {} days."),
    N_("All {} {} after {} are missing: the file looks cut off."),
    N_("All {} {} are missing: the file looks cut off."),
    N_("Too much changes at once: {}."),
    N_("{}; {}"),
    N_("{} of {} {} would be {}, more than {}"),
    N_("{} changes within the limits."),
    N_("{} arrived before {}, which is judged already."),
    N_("It equals the master, while what a newer release proposed has still to be decided or applied."),
    N_("Held ({}), and overridden by {} and {}."),
    N_("Undoes {}."),
    N_("{} files of banks that are gone, new: {}"),
    N_("{} names hold letters that a transfer cannot carry: {}"),
    N_("{} banks and branches lack kana, hiragana or letters: {}"),
    N_("without a branch: {}"),
    N_("it has no kana"),
    N_("its kana holds {}"),
    N_("its kana has {} bytes, not {} at most"),
    N_("its name holds {}, which cp932 lacks"),
    N_("{} and {} more"),
)
_WORDS: Final = {
    "banks": N_("banks"),
    "branches": N_("branches"),
    "added": N_("added"),
    "updated": N_("updated"),
    "deleted": N_("deleted"),
    "brake": N_("too many changes"),
    "truncation": N_("cut off"),
    "inverse": N_("undoings"),
    "regression": N_("stale file"),
    "bootstrap": N_("first load"),
    "raised": N_("proposed"),
    "superseded": N_("a newer release came"),
    "applied": N_("applied"),
    "override, first account": N_("hold lifted by the first account"),
}
_PATTERNS: Final = tuple(
    (one, re.compile("(.+?)".join(map(re.escape, one.split("{}"))), re.DOTALL)) for one in _SENTENCES
)


def said(text: str) -> str:
    """A stored sentence in the language of the request in hand; one that is not known stays as it is."""
    if text in _WORDS:
        return _(_WORDS[text])
    for sentence, pattern in _PATTERNS:
        if found := pattern.fullmatch(text):
            return _(sentence).format(*map(_part, found.groups()))
    return text


def _part(text: str) -> str:
    """A sentence inside another one may have lost its full stop."""
    whole = said(text)
    if whole != text:
        return whole
    ended = said(f"{text}.")
    return text if ended == f"{text}." else ended.rstrip(".。")
