"""`make demo`: what every domain shows of itself, on services of this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

from batch_platform import domains
from batch_platform.core.failures import PermanentFailure
from batch_platform.local import prices, provision, services
from batch_platform.local.environment import EMBEDDED


def run(step: Callable[[str], None]) -> None:
    """Bring the services up and run the demo of each domain; results go to standard output."""
    from batch_platform.core import progress
    from batch_platform.definitions import build_definitions
    from batch_platform.operations.dagster.launch import Launcher

    settings = domains.load_settings()
    if settings.env != "local":
        raise PermanentFailure("demo-elsewhere", "the demo runs in the local environment only")
    step("starting the embedded services")
    os.environ.update(services.ensure_running(settings, lambda message: step(f"  {message}")))
    settings = domains.load_settings()
    step("creating tables and buckets")
    provision.provision(settings, os.environ)
    step("loading the Dagster jobs")
    launcher = Launcher(build_definitions(settings))
    if dead := launcher.end_dead_runs():
        step(f"{dead} runs of a killed process are marked as failed")
    with progress.listening(lambda message: step(f"  {message}")), _prices_of_its_own():
        settings = domains.load_settings()
        for domain in domains.DOMAINS:
            if domain.demo is not None:
                domain.demo()(settings, step, launcher)
    Console(highlight=False).print(_WHERE_NEXT, soft_wrap=True)


@contextmanager
def _prices_of_its_own() -> Iterator[None]:
    """A price server that ends with the demo, which may steer it: the embedded one goes on as it is.

    Prices that come from elsewhere go on coming from there.
    """
    from batch_platform.local.price_server.server import PriceServer

    if prices.LEADER not in os.environ.get(EMBEDDED, "").split(","):
        yield
        return
    with PriceServer(0) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        os.environ.update(prices.variables(server.server_address[1]))
        yield
        server.shutdown()


_WHERE_NEXT: Final = """
Where to look next
  make up                                     the Dagster UI: assets, checks, runs, plots
  .venv/bin/batch-platform services stop      when you are done"""
