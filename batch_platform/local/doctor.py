"""What runs where, and what is wrong with a hint how to mend it. It asks and reads only: nothing is started."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from batch_platform.core.failures import PlatformError
from batch_platform.kit.workers import is_alive
from batch_platform.local import clients, tools
from batch_platform.local.environment import environment, merged, missing_services
from batch_platform.local.home import Home
from batch_platform.local.state import State, supervisor_runs
from batch_platform.local.up import UpState, up_runs, workers_of
from batch_platform.settings import Settings

if TYPE_CHECKING:
    from batch_platform.core.postgres import Connection

_START = "batch-platform services start"
_ENOUGH_DISK = 2 * 1024**3
_HEARTBEAT_SECONDS = 90


@dataclass(frozen=True)
class Check:
    """One finding. A hint says what to do, and only what is wrong has one."""

    name: str
    detail: str
    hint: str | None = None

    @property
    def ok(self) -> bool:
        return self.hint is None


@dataclass(frozen=True)
class Report:
    """All findings; `ok` when none is wrong."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "checks": [{**asdict(check), "ok": check.ok} for check in self.checks]}


def doctor(settings: Settings, environ: Mapping[str, str] = os.environ) -> Report:
    home = Home(settings.home)
    state = State.load(home)
    variables = dict(environ)
    if settings.env == "local":
        variables |= merged(environment(home, state), environ)
    return Report(
        (
            *_machine(settings, home),
            *_tools(state),
            *_services(settings, home, state, environ),
            _guarded("PostgreSQL", lambda: _postgres(variables)),
            _guarded("S3", lambda: _s3(variables, settings)),
            _guarded("DynamoDB", lambda: _dynamodb(variables, settings, state)),
            *_prices(state),
            *_dagster(home, variables),
        )
    )


def _machine(settings: Settings, home: Home) -> Iterator[Check]:
    yield Check("environment", f"{settings.env}, home {home.root}")
    supported = (3, 11) <= sys.version_info[:2] < (3, 14)
    hint = None if supported else "use Python 3.11, 3.12 or 3.13: make clean, then make setup PYTHON=…"
    yield Check("Python", f"{platform.python_version()} in {sys.prefix}", hint)
    yield Check("packages", f"dagster {version('dagster')}, polars {version('polars')}, duckdb {version('duckdb')}")
    existing = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    hint = None if free > _ENOUGH_DISK else f"free some space on the disk of {existing}"
    yield Check("disk", f"{free / 1024**3:.1f} GiB free", hint)


def _tools(state: State) -> Iterator[Check]:
    ministack = tools.ministack_python()
    yield Check("ministack", str(ministack.parents[1]) if ministack.exists() else "installed at the first start")
    if state.dynamodb_backend != "dynoxide":
        yield Check("dynoxide", "not used: this home keeps its tables in ministack; a new home tries dynoxide again")
        return
    binary = tools.dynoxide_binary()
    yield Check("dynoxide", str(binary) if binary.exists() else "installed at the first start")


def _services(settings: Settings, home: Home, state: State, environ: Mapping[str, str]) -> Iterator[Check]:
    if settings.env != "local":
        return
    names = missing_services(environ)
    if not names:
        yield Check("services", "none embedded: the environment names them all")
        return
    if not supervisor_runs(home):
        yield Check("services", "not running", _START)
        return
    for name, service in state.services.items():
        pid = service.process.pid if service.process else "–"
        detail = f"{service.phase}, {service.url}, process {pid}, started {service.starts} times"
        hint = None if service.phase == "ready" else f"{service.error or 'wait a moment'}; log: {service.log}"
        yield Check(f"service {name}", detail, hint)
    for name in sorted(names - state.services.keys()):
        yield Check(f"service {name}", "not running", _START)
    for notice in state.notices:
        yield Check("notice", notice, None if "dynoxide" in notice else "correct it, then " + _START)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check that cannot be made is a finding, not a crash."""
    from botocore.exceptions import BotoCoreError, ClientError
    from psycopg import Error

    try:
        return check()
    except (Error, BotoCoreError, ClientError, PlatformError, OSError) as error:
        return Check(name, f"not reachable: {str(error).strip().splitlines()[0]}", _START)


def _connect(url: str) -> Connection:
    from batch_platform.core import postgres

    return postgres.connect(url, application_name="batch-platform-doctor")


def _postgres(variables: Mapping[str, str]) -> Check:
    from batch_platform import migrations

    url = variables.get("DATABASE_URL")
    if not url:
        return Check("PostgreSQL", "no DATABASE_URL", _START)
    with _connect(url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))"
        ).fetchone()
        assert row is not None
        where = f"{connection.info.host}:{connection.info.port}/{connection.info.dbname}"
    missing = migrations.pending(url)
    hint = f"batch-platform provision (missing: {', '.join(missing)})" if missing else None
    return Check("PostgreSQL", f"{row[0]} at {where}, {row[1]}", hint)


def _s3(variables: Mapping[str, str], settings: Settings) -> Check:
    endpoint = variables.get("AWS_ENDPOINT_URL")
    if settings.env == "local" and not endpoint:
        return Check("S3", "no AWS_ENDPOINT_URL", _START)
    buckets = [bucket["Name"] for bucket in clients.s3(variables).list_buckets()["Buckets"]]
    hint = None if settings.lake_bucket in buckets else "batch-platform provision"
    return Check("S3", f"{endpoint or 'AWS'}, buckets: {', '.join(buckets) or 'none'}", hint)


def _dynamodb(variables: Mapping[str, str], settings: Settings, state: State) -> Check:
    endpoint = variables.get("AWS_ENDPOINT_URL_DYNAMODB") or variables.get("AWS_ENDPOINT_URL")
    if settings.env == "local" and not endpoint:
        return Check("DynamoDB", "no AWS_ENDPOINT_URL_DYNAMODB", _START)
    tables = clients.dynamodb(variables).list_tables()["TableNames"]
    service = state.services.get("dynamodb")
    server = f" by {state.dynamodb_backend}" if service and service.url == endpoint else ""
    return Check("DynamoDB", f"{endpoint or 'AWS'}{server}, {len(tables)} tables")


def _prices(state: State) -> Iterator[Check]:
    """What the price server answers with; a fault that somebody has asked for is no fault of the machine."""
    import httpx

    service = state.services.get("prices")
    if service is None:
        return
    try:
        market = httpx.get(f"{service.url}/control", timeout=10, trust_env=False).json()
        faults = ", ".join(f"{fault['kind']} of {fault.get('source', 'jupiter')}" for fault in market["faults"])
        clock = f"{market['at']} by a {market['clock']} clock"
        detail = f"{service.url}, {len(market['tokens'])} tokens at {clock}, faults: {faults or 'none'}"
    except (httpx.HTTPError, ValueError, KeyError) as error:
        yield Check("prices", f"{service.url} does not answer: {error}", _START)
        return
    yield Check("prices", detail)


def _dagster(home: Home, variables: Mapping[str, str]) -> Iterator[Check]:
    running = up_runs(home)
    state = UpState.load(home)
    yield _web(state.url) if running and state.url else Check("web", "not running: batch-platform up starts it")
    left = [] if running else [name for name, process in state.processes.items() if process.alive()]
    if left:
        detail = f"left by a killed up: {', '.join(left)}"
        yield Check("orphans", detail, "batch-platform services stop ends them")
    for name, process in workers_of(home).items():
        heartbeat = home.root / "workers" / name.removeprefix("worker-")
        working = process.alive() and is_alive(heartbeat)
        hint = None if working else f"it hangs or has just died: see the log {name}.log"
        yield Check(name, f"process {process.pid}", hint)
    yield _guarded("Dagster daemon", lambda: _heartbeat(variables, running))


def _web(url: str) -> Check:
    """What the web says about what it needs itself."""
    import httpx

    try:
        checks: dict[str, str] = httpx.get(f"{url}/health/ready", timeout=10, trust_env=False).json()["checks"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return Check("web", f"{url} does not answer: {error}", "up starts it again by itself; see the log web.log")
    down = [name for name, state in checks.items() if state != "up"]
    hint = f"{', '.join(down)}: see the log web.log" if down else None
    return Check("web", f"{url}, down: {', '.join(down)}" if down else f"{url}, all is up", hint)


def _heartbeat(variables: Mapping[str, str], running: bool) -> Check:
    """The oldest heartbeat counts: each of the daemon's threads has its own."""
    from batch_platform.operations.dagster import tables

    name = "Dagster daemon"
    url = variables.get("DAGSTER_POSTGRES_URL")
    if not url:
        return Check(name, "no DAGSTER_POSTGRES_URL", _START)
    if tables.pending(url):
        return Check(name, "its tables are not known to be whole", "batch-platform provision")
    with _connect(url) as connection:
        age = "SELECT extract(epoch FROM now() AT TIME ZONE 'UTC' - min(timestamp)) FROM daemon_heartbeats"
        row = connection.execute(age).fetchone()
    if row is None or row[0] is None:
        return Check(name, "no heartbeat yet")
    seconds = float(row[0])
    late = running and seconds > _HEARTBEAT_SECONDS
    hint = f"see {variables.get('BATCH_PLATFORM_HOME', '')}/logs/daemon.log" if late else None
    return Check(name, f"last heartbeat {seconds:.0f} s ago", hint)
