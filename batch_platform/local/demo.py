"""`make demo`: what every domain shows of itself, on services of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from rich.console import Console

from batch_platform import domains
from batch_platform.core.failures import PermanentFailure
from batch_platform.local import provision, services


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
    with progress.listening(lambda message: step(f"  {message}")):
        for domain in domains.DOMAINS:
            if domain.demo is not None:
                domain.demo(settings, step, launcher)
    Console(highlight=False).print(_WHERE_NEXT, soft_wrap=True)


_WHERE_NEXT: Final = """
Where to look next
  make up                                     the Dagster UI: assets, checks, runs, plots
  .venv/bin/batch-platform services stop      when you are done"""
