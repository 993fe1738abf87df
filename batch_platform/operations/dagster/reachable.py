"""What of Dagster is away for a while, its code server or its database, told as a failure that may pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from batch_platform.core import postgres
from batch_platform.core.failures import TransientFailure
from batch_platform.core.messages import Message

CODE_SERVER_SILENT: Final = Message(
    "code-server-silent", "Dagster's code server does not answer; it may be starting again"
)


@contextmanager
def reachable() -> Iterator[None]:
    """A block, or as a decorator a method, that asks Dagster. Raises `TransientFailure` for what does not answer.

    Dagster itself tries again to connect, for a dozen seconds: a server that is starting again is met by that.
    """
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster_postgres.utils import DagsterPostgresException

    try:
        yield
    except DagsterUserCodeUnreachableError as error:
        raise TransientFailure.of(CODE_SERVER_SILENT) from error
    except Exception as error:
        if not isinstance(error, DagsterPostgresException) and not postgres.is_lost(error):
            raise
        raise TransientFailure(
            "dagster-database-silent", "Dagster's database does not answer; it may be starting again"
        ) from error
