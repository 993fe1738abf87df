"""The errors users meet. Each is one sentence that names the file, row, field or service at fault.

The class says who can mend it: the caller (`InvalidInput`, `NotFound`, `Conflict`), nobody by waiting
(`PermanentFailure`) or time (`TransientFailure`). The CLI maps them to exit codes, Dagster to retries.
Each carries a message: `raise NotFound("unknown-project", "no project {project}", project=project_id)`.
"""

from __future__ import annotations

from batch_platform.core.messages import Message, Parameter


class PlatformError(Exception):
    """Base of every expected failure: its message is shown to users as it stands, by pages in their language.

    Takes a message, or the id, text and parameters of one.
    """

    exit_code = 1
    permanent = True

    def __init__(self, message: str, text: str | None = None, /, **parameters: Parameter) -> None:
        if text is not None:
            message = Message(message, text, **parameters)
        super().__init__(message if isinstance(message, Message) else Message(None, message))

    @property
    def message(self) -> Message:
        """As text it is the English sentence."""
        message: Message = self.args[0]
        return message


class InvalidInput(PlatformError):
    """The caller asked for something malformed; `field` names the argument, and fills the text's place `{field}`."""

    exit_code = 2

    def __init__(
        self, message: str, text: str | None = None, /, *, field: str | None = None, **parameters: Parameter
    ) -> None:
        if field is not None and text is not None and "{field}" in text:
            parameters["field"] = field
        super().__init__(message, text, **parameters)
        self.field = field


class NotFound(InvalidInput):
    """What the caller named does not exist."""


class Conflict(InvalidInput):
    """What the caller asked for contradicts the present state."""


class PermanentFailure(PlatformError):
    """The work failed and trying again with the same input fails again."""


class TransientFailure(PlatformError):
    """The work failed for a reason that may pass: a dead service, a moved file, a throttled call."""

    permanent = False
