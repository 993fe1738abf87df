"""The doctor names what is wrong and how to mend it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from batch_platform.local import services as local_services
from batch_platform.local.cli.services import app as services_app
from batch_platform.local.doctor import doctor
from batch_platform.local.provision import provision
from batch_platform.settings import Settings
from batch_platform_tests.local.conftest import LocalHome


def findings(settings: Settings) -> dict[str, tuple[bool, str, str | None]]:
    return {check.name: (check.ok, check.detail, check.hint) for check in doctor(settings).checks}


def test_all_is_well(services: dict[str, str], settings: Settings) -> None:
    provision(settings, services)
    report = doctor(settings)
    assert [check for check in report.checks if not check.ok] == []
    found = findings(settings)
    assert found["PostgreSQL"][1].startswith("18.")
    assert settings.lake_bucket in found["S3"][1]
    assert "dynoxide" in found["DynamoDB"][1]
    assert "11 tokens" in found["prices"][1]
    assert json.loads(json.dumps(report.as_dict()))["ok"] is True


def test_stopped_services_are_named_with_a_hint(
    local_home: LocalHome, services: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_home.start()
    local_services.stop(local_home.home)
    found = findings(settings.model_copy(update={"home": local_home.home.root}))
    assert found["services"] == (False, "not running", "batch-platform services start")
    assert not doctor(settings.model_copy(update={"home": local_home.home.root})).ok


def test_a_database_that_is_not_there(
    services: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")
    monkeypatch.setenv("BATCH_PLATFORM_EMBEDDED", "")
    ok, detail, hint = findings(settings)["PostgreSQL"]
    assert not ok
    assert "secret" not in detail
    assert hint is not None


def test_the_secret_of_the_web_is_shown_nowhere(services: dict[str, str], settings: Settings) -> None:
    secret = services["BATCH_PLATFORM_SECRET"]
    assert len(secret) >= 32
    runner = CliRunner()
    for command in (["env"], ["env", "--json"], ["status"], ["status", "--json"]):
        printed = runner.invoke(services_app, command).stdout
        assert "postgres" in printed
        assert secret not in printed
    assert secret not in json.dumps(doctor(settings).as_dict())


def test_status_of_a_home_without_services(local_home: LocalHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_PLATFORM_HOME", str(local_home.home.root))
    runner = CliRunner()
    assert "no services run" in runner.invoke(services_app, ["status"]).stdout
    assert json.loads(runner.invoke(services_app, ["stop", "--json"]).stdout) == {"stopped": []}
