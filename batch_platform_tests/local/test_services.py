"""The embedded services as clients and operators meet them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import get_args

import boto3
import psutil
import psycopg
import pytest
import yaml
from typer.testing import CliRunner

from batch_platform.core.failures import InvalidInput
from batch_platform.local import clients, prices
from batch_platform.local import services as local_services
from batch_platform.local.cli.services import app as services_app
from batch_platform.local.environment import EMBEDDED, merged, missing_services
from batch_platform.local.home import Home
from batch_platform.local.postgres import USER
from batch_platform.local.processes import Process
from batch_platform.local.state import State, supervisor_runs
from batch_platform.operations.dagster.instance import dagster_yaml
from batch_platform.settings import Settings, load_settings
from batch_platform_tests.local.conftest import LocalHome, gone
from batch_platform_tests.waiting import PATIENCE, eventually


def test_every_service_answers(services: dict[str, str], settings: Settings) -> None:
    with psycopg.connect(services["DATABASE_URL"]) as connection:
        assert connection.info.server_version >= 180000
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
    with psycopg.connect() as connection:  # by PGHOST and its companions
        assert connection.execute("SELECT current_user").fetchone() == (USER,)
    assert settings.lake_bucket in [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
    assert "TableNames" in boto3.client("dynamodb").list_tables()
    assert boto3.client("sts").get_caller_identity()["Account"] == "000000000000"
    assert "SecretList" in boto3.client("secretsmanager").list_secrets()


def test_dagster_accepts_its_configuration(services: dict[str, str]) -> None:
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_retries_max_retries == 2
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 4
        assert instance.get_runs_count() >= 0  # its tables are there


@pytest.mark.parametrize("launcher", get_args(Settings.model_fields["launcher"].annotation))
def test_a_launcher_adds_its_part_to_what_all_share(launcher: str, services: dict[str, str], tmp_path: Path) -> None:
    from dagster._core.instance.config import dagster_instance_config

    folder = files("batch_platform.operations.dagster.instance")
    common, own = (yaml.safe_load(folder.joinpath(f"{name}.yaml").read_text()) for name in ("common", launcher))
    assert not set(common) & set(own)
    settings = load_settings().model_copy(update={"launcher": launcher, "max_concurrent_runs": 7})
    (tmp_path / "dagster.yaml").write_text(dagster_yaml(settings))
    config, _ = dagster_instance_config(str(tmp_path))  # as Dagster checks it
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 7
    assert set(config) >= {*common, *own}


def test_secrets_stay_in_one_private_file(services: dict[str, str], settings: Settings) -> None:
    secrets = settings.home / "secrets.json"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    password = json.loads(secrets.read_text())["postgres_password"]
    assert len(password) >= 32
    for path in (settings.home / "services.json", *(settings.home / "logs").iterdir()):
        assert password not in path.read_text()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(services["DATABASE_URL"].replace(password, "wrong"))


def test_everything_listens_on_loopback_only(services: dict[str, str], settings: Settings) -> None:
    for service in State.load(Home(settings.home)).services.values():
        assert service.process is not None
        sockets = psutil.Process(service.process.pid).net_connections()
        listening = [found.laddr for found in sockets if found.status == psutil.CONN_LISTEN]
        assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", service.port)]


def test_starting_again_changes_nothing(services: dict[str, str], settings: Settings) -> None:
    before = State.load(Home(settings.home))
    assert local_services.ensure_running(settings) == {**merged(services, {}), **_no_proxy()}
    assert State.load(Home(settings.home)) == before


def test_commands(services: dict[str, str]) -> None:
    runner = CliRunner()
    status = json.loads(runner.invoke(services_app, ["status", "--json"]).stdout)
    assert status["running"]
    assert {name: service["phase"] for name, service in status["services"].items()} == {
        "postgres": "ready", "aws": "ready", "dynamodb": "ready", "prices": "ready", "mail": "ready",
    }  # fmt: skip
    exports = runner.invoke(services_app, ["env"]).stdout
    shown = subprocess.run(["sh", "-c", exports + "\nenv"], capture_output=True, text=True, check=True).stdout
    assert f"DATABASE_URL={services['DATABASE_URL']}" in shown.splitlines()
    assert json.loads(runner.invoke(services_app, ["env", "--json"]).stdout)["PGUSER"] == USER


def test_a_server_of_the_users_own_wins(clean_environment: None) -> None:
    theirs = {"DATABASE_URL": "postgresql://localhost/mine", "DAGSTER_POSTGRES_URL": "postgresql://localhost/d"}
    every = {"postgres", "aws", "dynamodb", "prices", "mail"}
    assert missing_services({}) == every
    assert missing_services(theirs) == every - {"postgres"}
    assert missing_services({"AWS_ENDPOINT_URL": "http://localhost:1"}) == every - {"aws", "dynamodb"}
    assert missing_services({"AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:1"}) == every - {"dynamodb"}
    assert missing_services({"TRADING_JUPITER_URL": "https://api.jup.ag"}) == every - {"prices"}
    assert (
        missing_services({"SMTP_URL": "smtp://localhost"})
        == missing_services({"MAIL_BACKEND": "ses"})
        == every - {"mail"}
    )
    ours = {"DATABASE_URL": "postgresql://127.0.0.1/ours", "PGHOST": "127.0.0.1", "AWS_REGION": "ap-northeast-1"}
    assert merged(ours, theirs | {"AWS_REGION": "eu-west-1"}).keys() == {"NO_PROXY", "no_proxy", EMBEDDED}


def test_our_own_variables_are_not_taken_for_the_users(clean_environment: None) -> None:
    names = ("DATABASE_URL", "DAGSTER_POSTGRES_URL", "AWS_ENDPOINT_URL", "SMTP_URL")
    assert missing_services(merged(dict.fromkeys(names, "ours"), {})) == {
        "postgres",
        "aws",
        "dynamodb",
        "prices",
        "mail",
    }


def test_one_source_of_the_users_own_is_not_mixed_with_invented_prices(clean_environment: None) -> None:
    ours = prices.variables(1)
    assert merged(ours, {"TRADING_JUPITER_URL": "https://api.jup.ag"}).keys() == {"NO_PROXY", "no_proxy", EMBEDDED}
    theirs = merged(ours, {"TRADING_BINANCE_URL": "https://api.binance.com"})
    assert "TRADING_BINANCE_URL" not in theirs
    assert theirs["TRADING_JUPITER_URL"] == "http://127.0.0.1:1"


def test_real_credentials_do_not_travel_to_the_emulator(clean_environment: None) -> None:
    ours = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "local"}
    assert merged(ours, {"AWS_ACCESS_KEY_ID": "AKIAREAL"})["AWS_ACCESS_KEY_ID"] == "local"
    assert "AWS_ACCESS_KEY_ID" not in merged(ours, {"AWS_ENDPOINT_URL": "http://localhost:9"})


@pytest.mark.parametrize("variable", ["DATABASE_URL", "DAGSTER_POSTGRES_URL"])
def test_local_refuses_a_distant_database(
    variable: str, clean_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "postgresql://user:secret@db.example.com/prod")
    with pytest.raises(InvalidInput, match=variable) as refused:
        load_settings()
    assert "secret" not in str(refused.value)


def test_nothing_is_started_for_production(
    clean_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BATCH_PLATFORM_ENV", "prod")
    monkeypatch.setenv("BATCH_PLATFORM_HOME", str(tmp_path / "home"))
    assert local_services.ensure_running(load_settings()) == {}
    assert not (tmp_path / "home").exists()


def test_two_homes_live_side_by_side(services: dict[str, str], kept_home: LocalHome) -> None:
    assert kept_home.variables["PGPORT"] != services["PGPORT"]
    assert "kept" not in boto3.client("dynamodb").list_tables()["TableNames"]
    with psycopg.connect(services["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)


def test_a_clean_stop_keeps_everything_and_the_ports(kept_home: LocalHome) -> None:
    ports = kept_home.start().ports
    secret = _secrets(kept_home)
    secret.create_secret(Name="bank", SecretString="鍵")
    assert local_services.stop(kept_home.home) == ["postgres", "aws", "dynamodb", "prices", "mail"]
    assert local_services.stop(kept_home.home) == []
    assert kept_home.start().ports == ports
    assert kept_home.read() == kept_home.written
    assert _secrets(kept_home).get_secret_value(SecretId="bank")["SecretString"] == "鍵"


def test_a_taken_port_is_chosen_anew(kept_home: LocalHome) -> None:
    ports = kept_home.start().ports
    local_services.stop(kept_home.home)
    with socket.create_server(("127.0.0.1", ports["aws"])):
        moved = kept_home.start().ports
    assert moved["aws"] != ports["aws"]
    assert moved["postgres"] == ports["postgres"]


def test_simultaneous_starts_share_one_supervisor(local_home: LocalHome) -> None:
    script = "from batch_platform.local import services; from batch_platform.settings import load_settings\n"
    script += "import json; print(services.ensure_running(load_settings())['DATABASE_URL'])"
    environ = {**os.environ, "BATCH_PLATFORM_HOME": str(local_home.home.root), EMBEDDED: "", "DATABASE_URL": ""}
    for name in ("DAGSTER_POSTGRES_URL", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "DAGSTER_HOME"):
        environ.pop(name, None)
    command = [sys.executable, "-c", script]
    starts = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    urls = {start.communicate(timeout=PATIENCE)[0] for start in starts}
    assert len(urls) == 1
    assert urls != {""}


@pytest.mark.faults
def test_a_killed_service_comes_back_with_its_data(kept_home: LocalHome) -> None:
    """One after the other, in the same home."""
    for name in ("postgres", "aws", "dynamodb", "prices", "mail"):
        dead = kept_home.kill(name)
        eventually(lambda name=name, dead=dead: _is_back(kept_home, name, dead), hint=lambda name=name: name)
        assert kept_home.read() == kept_home.written, name
        s3 = clients.s3(kept_home.variables)
        assert s3.get_bucket_versioning(Bucket="local-batch-platform")["Status"] == "Enabled", name


@pytest.mark.faults
def test_services_outlive_their_supervisor_and_are_adopted(kept_home: LocalHome) -> None:
    before = kept_home.start()
    with kept_home.connect() as connection:  # stays open all the time
        kept_home.kill("supervisor")
        after = kept_home.start()
        assert connection.execute("SELECT max(number) FROM kept").fetchone() == (kept_home.number,)
    assert after.supervisor != before.supervisor
    assert {name: service.process for name, service in after.services.items()} == {
        name: service.process for name, service in before.services.items()
    }
    assert kept_home.read() == kept_home.written


@pytest.mark.faults
@pytest.mark.parametrize("damage", ["", '{"supervisor": {"pid"'])
def test_all_killed_and_no_state_left(kept_home: LocalHome, damage: str) -> None:
    """Orphans that no file names are found by their command lines; nothing acknowledged is lost."""
    orphan = _pid(kept_home, "aws")
    for name in ("supervisor", "postgres", "dynamodb"):
        kept_home.kill(name)
    kept_home.home.state.write_text(damage)
    kept_home.start()
    assert _pid(kept_home, "aws") != orphan
    assert orphan is not None
    assert Process.of(orphan) is None
    assert kept_home.read() == kept_home.written


@pytest.mark.faults
def test_a_stale_state_harms_no_innocent_process(kept_home: LocalHome) -> None:
    innocent = Process(pid=os.getpid(), started="another boot/1")
    state = kept_home.start()
    local_services.stop(kept_home.home)
    for service in state.services.values():
        service.process = innocent
    state.supervisor = innocent
    state.save(kept_home.home)
    kept_home.start()
    assert local_services.stop(kept_home.home) == ["postgres", "aws", "dynamodb", "prices", "mail"]


@pytest.mark.faults
def test_a_living_supervisor_mends_its_state_file(kept_home: LocalHome) -> None:
    before = kept_home.start()
    kept_home.home.state.write_text("{")
    assert kept_home.start() == before


@pytest.mark.faults
def test_a_home_that_is_being_removed_is_not_written_to(kept_home: LocalHome) -> None:
    """A removal may meet the state file first and the lock last."""
    kept_home.home.state.unlink()
    eventually(lambda: gone(kept_home.home))
    assert not kept_home.home.state.exists()
    kept_home.start()
    assert kept_home.read() == kept_home.written


@pytest.mark.faults
def test_a_lost_password_is_replaced(kept_home: LocalHome) -> None:
    local_services.stop(kept_home.home)
    (kept_home.home.root / "secrets.json").unlink()
    kept_home.start()
    assert kept_home.read() == kept_home.written


@pytest.mark.faults
def test_a_server_killed_while_a_backend_works(kept_home: LocalHome) -> None:
    """The backend outlives its server for a while; the next server waits for its end."""
    busy, watcher = kept_home.connect(), kept_home.connect()
    watcher.autocommit = True  # within one transaction the activity would look the same for ever
    with closing(busy), closing(watcher), ThreadPoolExecutor() as pool:
        work = pool.submit(busy.execute, "SELECT count(*) FROM generate_series(1, 20_000_000)")
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1%'"
        eventually(lambda: watcher.execute(active).fetchone() == (2,))
        dead = kept_home.kill("postgres")
        eventually(lambda: _pid(kept_home, "postgres") not in (None, dead))
        work.exception()  # it ended well or was cut off: either is right
    assert kept_home.read() == kept_home.written


@pytest.mark.faults
def test_a_pid_file_that_names_somebody_else(kept_home: LocalHome) -> None:
    """After a restart of the machine the recorded pid may be anybody's; after a power cut the file is empty."""
    file = kept_home.home.postgres / "postmaster.pid"
    for recycled in (True, False):
        lines = file.read_text().splitlines()
        for name in ("supervisor", "postgres"):
            kept_home.kill(name)
        file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n" if recycled else "")
        kept_home.start()
        assert kept_home.read() == kept_home.written


@pytest.mark.faults
def test_a_start_killed_while_it_creates_the_database(local_home: LocalHome) -> None:
    local_home.home.create()
    half = local_home.home.root / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    local_home.start()
    assert local_home.connect().execute("SELECT 1").fetchone() == (1,)
    assert not half.exists()


@pytest.mark.faults
def test_services_end_with_their_home(local_home: LocalHome) -> None:
    processes = [service.process for service in local_home.start().services.values()]
    while local_home.home.root.exists():
        shutil.rmtree(local_home.home.root, ignore_errors=True)  # they write meanwhile
    eventually(lambda: not any(process and process.alive() for process in processes))


@pytest.mark.faults
def test_services_end_with_their_owner(local_home: LocalHome) -> None:
    with subprocess.Popen(["sleep", "60"]) as owner:
        local_services.start(local_home.home, frozenset({"dynamodb"}), lambda _: None, owner=owner.pid)
        assert supervisor_runs(local_home.home)
        owner.kill()
    eventually(lambda: gone(local_home.home))


def _is_back(local: LocalHome, name: str, dead: int) -> bool:
    return _pid(local, name) not in (None, dead) and State.load(local.home).restored


def _pid(local: LocalHome, name: str) -> int | None:
    service = State.load(local.home).services.get(name)
    return service.process.pid if service and service.process and service.phase == "ready" else None


def _no_proxy() -> dict[str, str]:
    return {"NO_PROXY": os.environ["NO_PROXY"], "no_proxy": os.environ["no_proxy"]}


def _secrets(local: LocalHome):  # type: ignore[no-untyped-def]
    return boto3.client(
        "secretsmanager",
        endpoint_url=local.variables["AWS_ENDPOINT_URL"],
        region_name="ap-northeast-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
