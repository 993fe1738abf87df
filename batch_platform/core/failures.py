"""The errors users meet. Each is one sentence that names the file, row, field or service at fault.

The class says who can mend it: the caller (`InvalidInput`, `NotFound`, `Conflict`), nobody by waiting
(`PermanentFailure`) or time (`TransientFailure`). The CLI maps them to exit codes, Dagster to retries.
"""

from __future__ import annotations


class PlatformError(Exception):
    """Base of every expected failure: its text is shown to users as it stands."""

    exit_code = 1
    permanent = True

    @property
    def message(self) -> str:
        return str(self)


class InvalidInput(PlatformError):
    """The caller asked for something malformed; `field` names the argument."""

    exit_code = 2

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
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
