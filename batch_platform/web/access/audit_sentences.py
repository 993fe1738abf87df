"""Rows of the audit log as sentences in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup
from starlette.requests import HTTPConnection

from batch_platform.core.audit import DONE, AuditEntry
from batch_platform.web.access.service import ACTIONS, UNASKED
from batch_platform.web.console import Words
from batch_platform.web.i18n import N_, gettext

OUTCOMES: Final[Words] = {
    "done": (N_("Done"), "good"),
    "refused": (N_("Refused"), "warning"),
    "failed": (N_("Failed"), "bad"),
    "unknown": (N_("Not known"), "warning"),
}
_UNNAMED: Final = N_("%(who)s does %(what)s: %(target)s")
_OWN: Final[Mapping[str, str]] = {**ACTIONS, **UNASKED}


def sentences_of(connection: HTTPConnection) -> Mapping[str, str]:
    """The msgids of all sentences of this app, by the names of the log."""
    return {**_OWN, **connection.app.state.audit_sentences}


def sentence(row: AuditEntry, sentences: Mapping[str, str]) -> str:
    """`ann approves the batch 7`, in the language of the request in hand; English outside of one."""
    return gettext(sentences.get(row.what, _UNNAMED), who=person(row.who), what=row.what, target=row.target)


def linked(row: AuditEntry, sentences: Mapping[str, str], *, who: str, target: str) -> Markup:
    """The sentence for a page, where person and target lead to these addresses."""
    places = {
        "who": Markup('<a href="{}"><strong>{}</strong></a>').format(who, person(row.who)),
        "what": row.what,
        "target": Markup('<a href="{}"><code>{}</code></a>').format(target, row.target),
    }
    return Markup.escape(gettext(sentences.get(row.what, _UNNAMED))) % places


def labels(sentences: Mapping[str, str]) -> list[tuple[str, str]]:
    """All actions, as choices: their sentences of somebody and something."""
    texts = {what: gettext(text, who="…", what=what, target="…") for what, text in sentences.items()}
    return sorted(texts.items(), key=lambda item: item[1])


def person(subject: str) -> str:
    """An account by its name; everybody else by the whole subject."""
    return subject.removeprefix("local:")


def outcome(row: AuditEntry) -> str:
    """A key of `OUTCOMES`: what is written with its change itself is done."""
    if row.settled_at is None:
        return "unknown"
    return "done" if row.outcome in (None, DONE) else _word(row.outcome or "")


def _word(outcome: str) -> str:
    """Dagster's own outcomes are the types of its answers."""
    first = outcome.partition(":")[0]
    return first if first in OUTCOMES else "failed" if "Error" in first or first.startswith("status") else "done"
