"""Errors of libraries and of this machine that a failure is known for, wherever they come up."""

from __future__ import annotations

import errno

from batch_platform.core.failures import PlatformError, TransientFailure


def failure_of(error: BaseException) -> PlatformError | None:
    """The failure that this error is, or that brought it about; None for one that nobody foresaw, which is a bug.

    AWS's answers and PostgreSQL's, a full disk and too little memory are known; no text carries a secret.
    """
    if isinstance(error, PlatformError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TransientFailure("disk-full", "the disk is full ({path})", path=str(error.filename or "unknown file"))
    if isinstance(error, MemoryError):
        return TransientFailure("memory-used-up", "the memory of this machine is used up")
    # what is of neither library need not load it
    library = type(error).__module__.partition(".")[0]
    if library == "botocore":
        from batch_platform.core.aws_failures import of_error

        return of_error(error, "AWS")
    if library in ("psycopg", "psycopg_pool"):
        from batch_platform.core.postgres import failure_of_server

        return failure_of_server(error)
    return failure_of(error.__cause__) if error.__cause__ is not None else None
