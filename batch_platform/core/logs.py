"""Logs: one JSON object a line in dev and prod, readable on a terminal in local, always to stderr.

Context is bound once and stands on every line below it: `with bound(job_id=..., partition=...)`. Whatever a
caller puts into an event, passwords, tokens, access keys and external ids do not leave the process.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from batch_platform.core.failures import PlatformError

MASK = "***"

_SECRET_KEY = re.compile(
    r"password|passwd|secret|token|access_?key|external_?id|authorization|credential|api_?key|cookie",
    re.IGNORECASE,
)
_NAME_OF_A_SECRET = re.compile(r"secret_?(id|name|arn)$", re.IGNORECASE)

_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    # user:password@ of a URL; greedy, since a password may hold an unescaped @ or /
    (re.compile(r"""(\b[a-z][a-z0-9+.-]*://)[^\s/?#:@"']*:[^\s"'<>]*@""", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"\b(password|passwd)(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&,;]+)", re.IGNORECASE), rf"\1\2{MASK}"),
    (re.compile(r"\b(X-Amz-(?:Signature|Credential|Security-Token)=)[^\s&]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b((?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
)
_SIGNS = ("://", "passw", "x-amz-", "bearer", "basic", "akia", "asia")  # one is in every text that has a credential


def configure(
    environment: Literal["local", "dev", "prod"],
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
) -> None:
    """Set up structlog for this process; libraries' warnings take the same form. A second call replaces it.

    `level` is that of our own events; libraries are heard from WARNING.
    """
    out = stream or sys.stderr
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if environment == "local":
        renderer = structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        masked,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _adopt_libraries(shared, renderer, out)


def bound(**context: object) -> AbstractContextManager[None]:
    """Within the `with` block every event of this thread or task carries `context`."""
    return structlog.contextvars.bound_contextvars(**context)


def masked(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The processor that hides secrets: values under a telling key, and credentials inside any text."""
    return {key: _mask(key, value) for key, value in event.items()}


def in_one_line(error: Exception) -> str:
    """What went wrong, without secrets or data: only the first line, since what follows may quote rows."""
    if isinstance(error, PlatformError):
        return error.message
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {mask_text(lines[0]) if lines else ''}"


def mask_text(text: str) -> str:
    """The text without credentials: URLs' user:password, `password=`, signatures, bearer tokens, key ids."""
    folded = text.casefold()
    for sign in _SIGNS:
        if sign in folded:
            return _without_credentials(text)
    return text


def _without_credentials(text: str) -> str:
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _mask(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _is_secret(key):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {inner: _mask(str(inner), content) for inner, content in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask("", content) for content in value]
    if isinstance(value, int | float):
        return value
    return mask_text(str(value))


@lru_cache(1_000)
def _is_secret(key: str) -> bool:
    return bool(_SECRET_KEY.search(key)) and not _NAME_OF_A_SECRET.search(key)


class _LibraryHandler(logging.StreamHandler[TextIO]):
    """The one handler on the root logger that is ours."""


def _adopt_libraries(shared: list[Processor], renderer: Processor, out: TextIO) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _LibraryHandler)]:
        root.removeHandler(handler)
    handler = _LibraryHandler(out)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root.addHandler(handler)
