"""One rig and its clients for the tests of the operations' web."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from batch_platform.settings import Settings
from batch_platform_tests.operations_web.rig import GATE, MENDED, Rig, rigged
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.served import served

Client = Callable[[str], httpx.Client]


@pytest.fixture(scope="package")
def rig(settings: Settings) -> Iterator[Rig]:
    with rigged(settings) as rig:
        yield rig


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    """No job waits, and what should fail fails."""
    GATE.set()
    MENDED.clear()
    yield
    GATE.set()


@pytest.fixture(scope="package")
def origin(rig: Rig) -> Iterator[str]:
    with served(rig.app) as address:
        yield address


@pytest.fixture
def client(rig: Rig, origin: str) -> Iterator[Client]:
    """`client("viewer")`: a client with a token of that role; "nobody" has none."""
    with ExitStack() as opened:

        def made(role: str) -> httpx.Client:
            headers = {} if role == "nobody" else rig.headers(role)
            return opened.enter_context(
                httpx.Client(base_url=origin, headers=headers, timeout=PATIENCE, trust_env=False)
            )

        yield made
