"""What people are told, before it is a sentence: an id, an English text with `{name}` places, and what stands there.

Logs, commands and `detail` speak the English sentence; pages translate the text and fill it (`web.i18n.translated`).
A message that is kept for later readers is stored as JSON, so that no sentence is ever parsed back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

Parameter = str | int | Decimal | date | PurePath | Sequence["Parameter"]
"""What may fill a place: text, a number, a moment, a path, another message, or several of these."""

IN_METADATA: Final = "message"
"""Where a `dagster.Failure` keeps its message as JSON."""

NOTED: Final = "message: "
"""Begins the note of an exception of which only the text is kept, as of a tick; its message follows as JSON."""

_PLACE: Final = re.compile(r"\{(\w+)\}")


class Message(str):
    """An English sentence that still knows its id, its text and its parameters.

    `Message("unknown-project", "no project {project}", project="acme")` is the text "no project acme". One id has
    one text on the whole platform. Raises `KeyError` for a place without a parameter.
    """

    id: str
    text: str
    parameters: Mapping[str, Parameter]

    def __new__(cls, id: str, text: str, /, **parameters: Parameter) -> Message:  # noqa: A002 (positional)
        message = super().__new__(cls, filled(text, parameters, sentence))
        message.id, message.text, message.parameters = id, text, parameters
        return message

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, Parameter]]:
        return (self.id, self.text), dict(self.parameters)


def filled(text: str, parameters: Mapping[str, Parameter], say: Callable[[Parameter], str]) -> str:
    """The text with each place filled by `say` of its parameter."""
    return _PLACE.sub(lambda place: say(parameters[place[1]]), text)


def sentence(value: Parameter) -> str:
    """A parameter in English; several values as a list, several messages as clauses."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return str(value)
    return separator(value).join(map(sentence, value))


def separator(values: Sequence[Parameter]) -> str:
    """What stands between several values in English."""
    return "; " if any(isinstance(value, Message) for value in values) else ", "


def to_json(message: Message) -> str:
    """The message as JSON text: `id`, `text`, `parameters`; decimals and moments as they are said."""
    return json.dumps(_plain(message), ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> Message:
    """The message that `to_json` wrote: the same sentence, in every language."""
    return from_plain(json.loads(text))


def from_plain(value: Mapping[str, Any]) -> Message:
    """The message of what `to_json` wrote, read as JSON already."""
    message: Message = _message(value)
    return message


def within(message: Message) -> Iterator[Message]:
    """The message and all that stand in its places, outermost first."""
    yield message
    for value in message.parameters.values():
        for inner in [value] if isinstance(value, str) or not isinstance(value, Sequence) else value:
            if isinstance(inner, Message):
                yield from within(inner)


def kept(text: str | None) -> str | None:
    """What is kept beside a text so that `restored` makes a message of it again; None for what is no message."""
    return to_json(text) if isinstance(text, Message) else None


def restored(text: str, message: str | None) -> str:
    """The message of a text that was stored; the text itself where none was kept with it."""
    return text if message is None else from_json(message)


def _plain(value: Parameter) -> Any:
    if isinstance(value, Message):
        parameters = {name: _plain(inner) for name, inner in value.parameters.items()}
        return {"id": value.id, "text": value.text, "parameters": parameters}
    if isinstance(value, str | int):
        return value
    return [_plain(inner) for inner in value] if isinstance(value, Sequence) else str(value)


def _message(value: Any) -> Any:
    if isinstance(value, Mapping):
        parameters = {name: _message(inner) for name, inner in value["parameters"].items()}
        return Message(value["id"], value["text"], **parameters)
    return [_message(inner) for inner in value] if isinstance(value, list) else value
