"""Adding a domain touches the list, its own folder and its migration: a toy of one job, one list and one action.

The toy's folder is copied to where nothing else of the tests is; every root meets it by the list alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import typer

from batch_platform import domains, migrations
from batch_platform.btc.settings import BtcSettings
from batch_platform.core import postgres
from batch_platform.core.audit import AuditStore
from batch_platform.core.caller import system_user
from batch_platform.core.clock import utc_now
from batch_platform.definitions import build_definitions
from batch_platform.kit.domain import Domain, WebRoom
from batch_platform.kit.workers import Worker
from batch_platform.local.environment import EMBEDDED
from batch_platform.migrations import versions
from batch_platform.operations.alerts import Rule
from batch_platform.operations.dagster.launch import Launcher
from batch_platform.operations.gauges import Gauge
from batch_platform.operations.waiting_lists import WaitingList
from batch_platform.registry import build_registry
from batch_platform.server import create_app
from batch_platform.settings import DomainSettings, Settings, load_settings
from batch_platform.web.access.model import Role
from batch_platform.web.access.tokens import Tokens
from batch_platform_tests.databases import empty_database
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.served import served

SOURCE = Path(__file__).parent / "toy"
SECRET = "a secret of the tests, long enough"
LISTED = """
from batch_platform import domains
from toy.domain import DOMAIN
domains.DOMAINS = (*domains.DOMAINS, DOMAIN)
from batch_platform.cli import main
main()
"""


@pytest.fixture
def toy(services: dict[str, str], settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The platform's settings with the toy on the list, and a database that is migrated with it."""
    folder = tmp_path / "packages"
    shutil.copytree(SOURCE, folder / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch, empty_database(settings, "toy") as database:
        newest = migrations.pending(database)[-1]
        version = folder / "toy" / "migrations" / "toy_0001.py"
        version.write_text(version.read_text().replace("HEAD", newest))
        patch.setattr(versions, "__path__", [*versions.__path__, str(version.parent)])
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("DATABASE_URL", database)
        # else a command takes it for the embedded server's own, and goes back to that
        patch.setenv(EMBEDDED, os.environ[EMBEDDED].replace("DATABASE_URL", ""))
        patch.setenv("BATCH_PLATFORM_SECRET", SECRET)
        patch.setenv("TOY_TURNS", "7")
        patch.setattr(domains, "DOMAINS", (*domains.DOMAINS, import_module("toy.domain").DOMAIN))
        migrations.upgrade(database)
        yield domains.load_settings()
    for name in [name for name in sys.modules if name == "toy" or name.startswith("toy.")]:
        del sys.modules[name]


def client(origin: str, role: Role) -> httpx.Client:
    token = Tokens.of(SECRET.encode()).issue(
        name=role.value, roles=[role], ttl=timedelta(hours=1), now=utc_now(), random=os.urandom
    )
    return httpx.Client(
        base_url=origin, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE, trust_env=False
    )


def command(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command line of a platform with the toy on its list."""
    environment = {**os.environ, **more}
    line = [sys.executable, "-c", LISTED, *words]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)


def turns(answer: Any) -> dict[str, int]:
    return {toy["name"]: toy["turns"] for toy in answer}


def test_a_domain_on_the_list_is_met_by_every_root(toy: Settings) -> None:
    assert build_registry(toy).get("TOY_001").name == "toy-wind"

    definitions = build_definitions(toy)
    [asset] = [spec for spec in definitions.resolve_all_asset_specs() if spec.key.path[0] == "toy"]
    assert (asset.key.path[1], list(asset.owners)) == ("wound_toys", ["team:toy"])
    with dg.DagsterInstance.ephemeral() as instance:
        assert Launcher(definitions, instance=instance).run("toy_wind").success

    with served(create_app(toy)) as origin, client(origin, Role.VIEWER) as viewer:
        assert turns(viewer.get("/api/toys").json()["data"]) == {"bear": 7, "train": 7}
        page = viewer.get("/console/toys").text
        assert re.search(r'<a href="/console/toys"[^>]*>.*Toys', page)
        assert "bear: 7" in page
        assert "2 toys in the box" in viewer.get("/console").text
        assert "toy-wind" in viewer.get("/api/admin/batch/jobs").text
        assert viewer.post("/api/toys/bear/wind").status_code == 403
        with client(origin, Role.APPROVER) as approver, client(origin, Role.OPERATOR) as operator:
            assert approver.post("/api/toys/bear/wind").status_code == 403
            assert "toys:wind" in operator.get("/api/session").json()["data"]["permissions"]
            assert operator.post("/api/toys/bear/wind").json()["data"] == {"name": "bear", "turns": 7}
            once = {"Idempotency-Key": "wound-once"}
            assert [operator.post("/api/toys/train/wind", headers=once).status_code for _ in range(2)] == [200, 200]
            assert operator.post("/api/toys/nobody/wind").status_code == 404

    assert command("toys", "wind", "train", TOY_TURNS="9").returncode == 0
    refused = command("toys", "wind", "nobody", "--dry-run")
    assert (refused.returncode, refused.stderr) == (2, "error: no toy nobody\n")
    listed = command("toys", "list", "--json")
    assert (turns(json.loads(listed.stdout)), listed.stderr) == ({"bear": 7, "train": 9}, "")
    jobs = json.loads(command("jobs", "list", "--json").stdout)
    assert "toy-wind" in {job["name"] for job in jobs}
    with postgres.open_pool(toy.database(), application_name="tests") as pool:
        traces = [(row.who, row.target, row.after["turns"]) for row in AuditStore(pool).rows(what="toy.wind")]
    user = f"cli:{system_user()}"
    assert traces == [(user, "train", 9), ("token:operator", "train", 7), ("token:operator", "bear", 7)]


def test_a_bad_setting_of_a_domain_stops_every_command_by_its_name(toy: Settings) -> None:
    refused = command("users", "list", TOY_TURNS="none")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "error: TOY_TURNS: must be a number in plain digits\n"


@pytest.mark.parametrize("domain", domains.DOMAINS, ids=lambda domain: domain.name)
def test_what_a_domain_names_is_there(domain: Domain) -> None:
    """A name is text until it is asked for, which the demo's is by nobody but `make demo`."""
    assert issubclass(domain.settings(), DomainSettings)
    kinds = {domain.rules: Rule, domain.workers: Worker, domain.gauges: Gauge, domain.waiting: WaitingList}
    assert all(isinstance(each, kind) for named, kind in kinds.items() for each in named())
    assert all(re.fullmatch(r"[a-z_-]+\.[a-z_-]+", name) for name in domain.actions())
    assert isinstance(domain.web(), WebRoom)
    assert all(isinstance(group.app(), typer.Typer) for group in domain.commands.values())
    assert domain.dagster is None or domain.dagster().domain == domain.name
    assert domain.demo is None or list(signature(domain.demo()).parameters) == ["settings", "step", "launcher"]


def test_the_list_loads_no_framework() -> None:
    """Every process of the platform reads it."""
    frameworks = {"dagster", "fastapi", "pydantic", "typer"}
    script = f"import sys, batch_platform.domains; print(*sorted({frameworks} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_settings_are_of_one_reading(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks later for a domain's settings gets those of the moment at which the platform's were read."""
    settings = load_settings()
    monkeypatch.setenv("BTC_SHARDS", "16")
    assert settings.of(BtcSettings).shards == 1
    assert load_settings().of(BtcSettings).shards == 16
    monkeypatch.setenv("BTC_SHARDS", "")
    assert load_settings().of(BtcSettings).shards == 1
    other = settings.having(BtcSettings(BTC_SHARDS=16))
    assert (other.of(BtcSettings).shards, settings.of(BtcSettings).shards) == (16, 1)
