"""An app on a real server of this process, on a port of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from batch_platform_tests.waiting import PATIENCE


@contextmanager
def served(app: Any, **options: Any) -> Iterator[str]:
    """The origin at which the app answers for the length of the block, by uvicorn with these options."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # callers may connect before the server is up
        given = {"log_level": "warning", "lifespan": "on", "proxy_headers": False, **options}
        server = uvicorn.Server(uvicorn.Config(app, **given))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
