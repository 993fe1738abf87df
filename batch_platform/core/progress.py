"""Where long work tells how far it is; the command line listens, everyone else need not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]

_listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


def report(message: str) -> None:
    """Tell the listener of this context, if there is one."""
    listener = _listener.get()
    if listener is not None:
        listener(message)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear what is reported inside."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def overhearing(listener: Listener) -> Iterator[None]:
    """As `listening`, while whoever listened before still hears all of it."""
    outer = _listener.get()

    def both(message: str) -> None:
        listener(message)
        if outer is not None:
            outer(message)

    with listening(both):
        yield
