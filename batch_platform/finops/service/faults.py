"""What people are told of an exception that nobody foresaw: one sentence that names where; the log has its trace."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import polars as pl
import structlog

from batch_platform.core.failures import PermanentFailure, PlatformError, TransientFailure
from batch_platform.core.known_errors import failure_of
from batch_platform.core.messages import Message

_log = structlog.get_logger(__name__)

_COLUMN: Final = re.compile(r'col\("([^"]+)"\)')


@contextmanager
def one_sentence(where: str) -> Iterator[None]:
    """Around work on `where` (a file, a project's month): every exception leaves it as a `PlatformError`."""
    try:
        yield
    except PlatformError:
        raise
    # a panic of polars is no Exception
    except (Exception, pl.exceptions.PanicException) as error:
        if known := failure_of(error):
            at = Message("failed-at", "{where}: {failure}", where=where, failure=known.message)
            raise (PermanentFailure if known.permanent else TransientFailure).of(at) from error
        _log.error("cur_unexpected", where=where, exc_info=error)
        # of this machine, not of what is read
        kind = TransientFailure if isinstance(error, (MemoryError, OSError)) else PermanentFailure
        raise kind("cur-unexpected", "{where}: {reason}", where=where, reason=reason_of(error)) from error


def reason_of(error: BaseException) -> str:
    """The first line of what an exception says, its type, and the column that a polars expression was of."""
    text = str(error)
    first = text.partition("\n")[0].strip()
    if isinstance(error, OSError) and error.errno is not None:
        first = f"{errno.errorcode.get(error.errno, error.errno)} {error.strerror}"
    columns = list(dict.fromkeys(_COLUMN.findall(text)))
    of_columns = f" (column {', '.join(columns)})" if columns else ""
    return f"{type(error).__name__}: {first}{of_columns}" if first else f"{type(error).__name__}{of_columns}"
