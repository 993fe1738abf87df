"""Every loading of facts leaves exactly one row."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.staffing.cli import app
from batch_platform.staffing.service.loading import LOAD
from batch_platform_tests.surfaces import Walk
from batch_platform_tests.web.site import SECRET

SURFACES = {("staffing load", LOAD)}


def call(*words: str) -> None:
    result = CliRunner().invoke(app, words[1:])
    if result.exception is not None:
        raise result.exception


def test_facts_by_command(
    pool: postgres.Pool, staffing_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", staffing_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())
    file = tmp_path / "facts.jsonl"
    file.write_text('{"kind": "company", "company_id": 1, "name": "株式会社髙橋"}\n')
    walk, by = Walk(pool, SURFACES, intents={LOAD}), f"cli:{system_user()}"
    walk.command(call, "staffing", "load", str(file), does=(LOAD,), by=by, target="facts")
    assert walk.walked == SURFACES
