"""An app on a real server of this process, on a port of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import uvicorn

from batch_platform_tests.waiting import PATIENCE


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket for an app that is made later, with what knows its address already."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # callers may connect before the server is up
        yield listener


def origin_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def served(app: Any, listener: socket.socket | None = None, **options: Any) -> Iterator[str]:
    """The origin at which the app answers for the length of the block, by uvicorn with these options."""
    with nullcontext(listener) if listener else listening() as bound:
        given = {"log_level": "warning", "lifespan": "on", "proxy_headers": False, **options}
        server = uvicorn.Server(uvicorn.Config(app, **given))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        try:
            yield origin_of(bound)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
