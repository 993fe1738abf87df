"""Staffing's context on a database of its own: the domain has one set of facts, not one a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from batch_platform.core.clock import utc_now
from batch_platform.settings import Settings
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.service import StaffingContext
from batch_platform_tests.databases import migrated_database
from batch_platform_tests.staffing.billing import ISSUER, NOW, RATE
from batch_platform_tests.staffing.facts import load


@pytest.fixture(scope="module")
def staffing_settings(settings: Settings) -> Iterator[Settings]:
    """The settings with a database for this module alone."""
    with migrated_database(settings, "staffing") as url:
        yield settings.model_copy(update={"database_url": type(settings.database_url)(url)})


@pytest.fixture(scope="module")
def staffing(staffing_settings: Settings) -> Iterator[StaffingContext]:
    """The context of a command, on tables that are there."""
    with open_context(staffing_settings, clock=utc_now) as context:
        yield context


@pytest.fixture
def emptied(staffing: StaffingContext) -> StaffingContext:
    """The same without any row."""
    with staffing.store.transaction() as session:
        tables = session.connection.execute(
            "SELECT format('staffing.%I', relname) FROM pg_class "
            "WHERE relnamespace = 'staffing'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
        ).fetchall()
        session.connection.execute(f"TRUNCATE {', '.join(name for [name] in tables)} CASCADE")  # type: ignore[arg-type]
    return staffing


@pytest.fixture
def printed_elsewhere() -> Callable[[str], list[str]]:
    """Runs a program in processes of three time zones and hash seeds, and gives the line that each has printed."""

    def run(program: str) -> list[str]:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program],
                env={**os.environ, "TZ": zone, "PYTHONHASHSEED": seed},
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed, zone in (("0", "UTC"), ("1", "Asia/Tokyo"), ("2", "America/New_York"))
        ]
        return [process.communicate(timeout=120)[0].strip() for process in processes]

    return run


@pytest.fixture
def billing(emptied: StaffingContext, provisioned: Settings) -> StaffingContext:
    """Staffing on empty tables, with an issuer and a tax rate, on the 1st of October."""
    with emptied.store.transaction() as session:
        session.connection.execute("DELETE FROM outbox.notices WHERE domain = 'staffing'")
    context = replace(emptied, clock=lambda: NOW)
    load(context, ISSUER, RATE)
    return context
