"""Every loading of a contest and every thinning by hand leaves exactly one row."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.trading.cli import app
from batch_platform.trading.service.contests import LOAD
from batch_platform.trading.service.retention import PRUNE
from batch_platform_tests.surfaces import Walk
from batch_platform_tests.web.site import SECRET

SURFACES = {("trading load", LOAD), ("trading prune", PRUNE)}

EXAMPLE = Path(__file__).parents[1] / "trading" / "data" / "example.jsonl"


def call(*words: str) -> None:
    result = CliRunner().invoke(app, words[1:])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception


def test_contests_by_command(pool: postgres.Pool, trading_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", trading_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())
    walk, name, by = Walk(pool, SURFACES, intents={LOAD, PRUNE}), f"contest-{uuid4().hex}", f"cli:{system_user()}"
    of = ("--campaign", name)
    walk.command(call, "trading", "load", str(EXAMPLE), *of, does=(LOAD,), by=by, target=name)
    walk.command(call, "trading", "prune", "--date", "2027-03-07", *of, does=(PRUNE,), by=by, target=name)
    assert walk.walked == SURFACES
