"""The errors users meet. Each is one sentence that names the file, row, field or service at fault.

The class says who can mend it: the caller (`InvalidInput`, `NotFound`, `Conflict`), nobody by waiting
(`PermanentFailure`) or time (`TransientFailure`). The CLI maps them to exit codes, Dagster to retries.
Each carries a message: `raise NotFound("unknown-project", "no project {project}", project=project_id)`. One that is
handed on comes by `of`: `raise NotFound.of(message)`.
"""

from __future__ import annotations

from typing import Any, Self

from batch_platform.core.messages import Message, Parameter


class PlatformError(Exception):
    """Base of every expected failure: its message is shown to users as it stands, by pages in their language."""

    exit_code = 1
    permanent = True

    def __init__(self, message_id: str, text: str, /, **parameters: Parameter) -> None:
        super().__init__(Message(message_id, text, **parameters))

    @classmethod
    def of(cls, message: Message) -> Self:
        """A failure that hands this message on."""
        return cls.__new__(cls, message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied by its message, whatever its class is made of."""
        return type(self).of, (self.message,), vars(self)

    @property
    def message(self) -> Message:
        """As text it is the English sentence."""
        message: Message = self.args[0]
        return message


class InvalidInput(PlatformError):
    """The caller asked for something malformed; `field` names the argument, and fills the text's place `{field}`."""

    exit_code = 2
    field: str | None = None

    def __init__(self, message_id: str, text: str, /, *, field: str | None = None, **parameters: Parameter) -> None:
        if field is not None and "{field}" in text:
            parameters["field"] = field
        super().__init__(message_id, text, **parameters)
        self.field = field

    @classmethod
    def of(cls, message: Message, *, field: str | None = None) -> Self:
        failure = super().of(message)
        failure.field = field
        return failure


class NotFound(InvalidInput):
    """What the caller named does not exist."""


class Conflict(InvalidInput):
    """What the caller asked for contradicts the present state."""


class Stale(Conflict):
    """What the caller wants to replace is no longer what it has seen."""


class PermanentFailure(PlatformError):
    """The work failed and trying again with the same input fails again."""


class TransientFailure(PlatformError):
    """The work failed for a reason that may pass: a dead service, a moved file, a throttled call."""

    permanent = False
