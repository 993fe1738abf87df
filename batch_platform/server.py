"""Where the web meets: the domains' routes and pages, operations, Dagster's UI and what they all need, in one app.

Run by `python -m batch_platform.server`. It is for the web what `definitions` is for Dagster's processes.
"""

from __future__ import annotations

import argparse
import gc
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from batch_platform import domains
from batch_platform.core import aws, logs, postgres
from batch_platform.core.clock import Clock, utc_now
from batch_platform.core.failures import InvalidInput, PlatformError, TransientFailure
from batch_platform.core.numbers import parse_whole
from batch_platform.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.dagster.workspace import WorkspaceProcessContext
    from batch_platform.operations.model import Registry
    from batch_platform.operations.monitor import Monitor
    from batch_platform.operations.web.pages import DashboardCard
    from batch_platform.web.app import Lifespan, Part
    from batch_platform.web.context import WebContext

_CONNECTIONS: Final = 16
_DATABASE_SECONDS: Final = 10.0  # a visitor is told to come again before a proxy gives up
_HEARTBEAT_SECONDS: Final = 90
_VISITORS: Final = 2_000  # connections at once
_KEEP_SECONDS: Final = 75  # longer than proxies keep a connection that is idle: they close it, not we
_STOP_SECONDS: Final = 5  # open pages of Dagster keep a websocket: they are not waited for
_WEBSOCKET_BYTES: Final = 1024 * 1024


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    import uvicorn

    from batch_platform.web import connections

    parser = argparse.ArgumentParser(prog="batch_platform.server", description="API, console and the Dagster UI")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=parse_whole, default=8000)
    parser.add_argument("--descriptor", type=parse_whole, help="an open listening socket, in place of host and port")
    arguments = parser.parse_args()
    try:
        settings = domains.load_settings()
        logs.configure(settings.env)
        limits = connections.limits_for(connections.raise_file_limit(), most=_VISITORS)
        site = create_app(settings)
    except PlatformError as error:
        parser.exit(error.exit_code, f"error: {error.message}\n")
    gc.collect()
    gc.freeze()  # what stays for good is not gone through again with every collection, while requests wait
    config = uvicorn.Config(
        site,
        host=arguments.host,
        port=arguments.port,
        log_config=None,  # its warnings go through ours
        access_log=False,
        http=connections.bounded(limits),
        timeout_keep_alive=_KEEP_SECONDS,
        server_header=False,
        proxy_headers=False,  # web.security believes the proxies of BATCH_PLATFORM_TRUSTED_PROXIES alone
        timeout_graceful_shutdown=_STOP_SECONDS,
        ws_max_size=_WEBSOCKET_BYTES,
    )
    given = arguments.descriptor
    uvicorn.Server(config).run(None if given is None else [socket.socket(fileno=given)])


def create_app(settings: Settings, *, clock: Clock = utc_now) -> FastAPI:
    """The app of these settings; what it opens is closed at the end of its lifespan.

    Raises `InvalidInput` for a setting that is missing. A code server that is away is no reason not to start: the
    workspace loads when it comes.
    """
    from batch_platform.kit.domain import AppContext
    from batch_platform.operations.dagster.workspace import open_workspace
    from batch_platform.operations.web.dagster_sentences import SENTENCES
    from batch_platform.registry import build_actions, build_grants, build_templates
    from batch_platform.web.app import build_app

    rooms = {domain.name: domain.web() for domain in domains.DOMAINS}
    with ExitStack() as stack:
        context = _web_context(settings, stack, clock)
        workspace = open_workspace(stack)
        operations = _operations_context(settings, context, workspace)
        around = AppContext(settings, context, operations, build_templates(), stack)
        states = {name: room.open_state(around) for name, room in rooms.items()}
        probes = _probes(settings, context, workspace)
        monitor = _monitor(settings, operations, probes, stack)
        app = build_app(
            context,
            parts=[
                _operations_part([room.card for room in rooms.values() if room.card]),
                *(room.part for room in rooms.values()),
                _dagster_part(workspace, operations.registry),
            ],
            ready=probes,
            grants=build_grants(),
            actions={**SENTENCES, **build_actions()},
            lifespan=_lifespan(stack.pop_all(), monitor),
        )
    app.state.operations = operations
    for name, state in states.items():
        setattr(app.state, name, state)
    return app


def _lifespan(opened: ExitStack, monitor: Monitor) -> Lifespan:
    """The monitor runs in a thread of its own for as long as the web does; then everything is closed."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        stopping = threading.Event()
        thread = threading.Thread(target=monitor.run, args=(stopping,), name="monitor", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join(_STOP_SECONDS)
            opened.close()

    return running


def _web_context(settings: Settings, stack: ExitStack, clock: Clock) -> WebContext:
    from batch_platform.web.access.model import roles_of
    from batch_platform.web.context import OidcSettings, WebContext

    database = settings.database()
    secret = _needed(settings.secret, "BATCH_PLATFORM_SECRET")
    oidc = None
    if settings.oidc_issuer is not None:
        client_id = _needed(settings.oidc_client_id, "OIDC_CLIENT_ID")
        oidc = OidcSettings(
            issuer=settings.oidc_issuer,
            client_id=client_id,
            client_secret=_plain(settings.oidc_client_secret),
            audience=settings.oidc_audience or client_id,
            roles_claim=settings.oidc_roles_claim,
            roles_map={group: roles_of(names) for group, names in settings.oidc_roles_map.items()},
            roles_for=timedelta(minutes=settings.oidc_roles_minutes),
            scopes=settings.oidc_scopes,
            prompt=settings.oidc_prompt,
        )
    pool = postgres.open_pool(
        database, application_name="batch-platform web", max_size=_CONNECTIONS, timeout=_DATABASE_SECONDS
    )
    stack.callback(pool.close)
    return WebContext(
        pool=pool,
        clock=clock,
        secret=secret.encode(),
        url=settings.web_url,
        secure_cookies=settings.web_url.startswith("https://"),
        random=secrets.token_bytes,
        environment=settings.env,
        oidc=oidc,
        trusted_proxies=settings.trusted_proxies,
        second_factor_required=settings.second_factor == "required",
    )


def _operations_context(
    settings: Settings, context: WebContext, workspace: WorkspaceProcessContext
) -> OperationsContext:
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.dagster.queue import QueueRunner
    from batch_platform.operations.dagster.storage import DagsterInstanceStorage
    from batch_platform.operations.dagster.triggers import DagsterTriggers
    from batch_platform.registry import (
        build_costs,
        build_gauges,
        build_movements,
        build_registry,
        build_remedies,
        build_waiting,
    )

    registry = build_registry(settings)
    storage = DagsterInstanceStorage(workspace.instance, registry)
    runner = QueueRunner(workspace)
    triggers = DagsterTriggers(workspace)
    return OperationsContext(
        context.pool,
        context.clock,
        registry,
        storage,
        runner,
        build_gauges(),
        triggers,
        build_waiting(),
        build_movements(),
        build_remedies(),
        build_costs(),
    )


def _monitor(
    settings: Settings, operations: OperationsContext, probes: Mapping[str, Callable[[], None]], stack: ExitStack
) -> Monitor:
    """With connections of its own: it must not wait for those of a busy web."""
    from batch_platform.operations.health import Rounds
    from batch_platform.operations.monitor import Monitor, MonitorOptions
    from batch_platform.operations.notify import Reader, destinations
    from batch_platform.registry import build_language, build_rules, build_workers

    database = settings.database()
    pool = postgres.open_pool(database, application_name="batch-platform monitor", max_size=3)
    stack.callback(pool.close)
    to = destinations(_plain(settings.alert_urls), _plain(settings.smtp_url))
    options = MonitorOptions(
        destinations=to,
        reader=Reader(build_language(settings.notice_language), settings.web_url),
        rules=build_rules(),
        heartbeat_url=_plain(settings.heartbeat_url),
        rounds=Rounds(probes, [worker.name for worker in build_workers()]),
    )
    return Monitor(replace(operations, pool=pool), options)


def _operations_part(cards: Sequence[DashboardCard]) -> Part:
    from batch_platform.operations.web import api, health, pages, pauses, waiting
    from batch_platform.web.app import Part

    return Part(
        routers=(api.router, pauses.router, health.router, waiting.router, api.metrics_router),
        pages=(pages.build_pages(cards),),
        navigation=pages.NAVIGATION,
        package="batch_platform.operations.web",
        banner=pauses.banner,
        tags=api.TAGS,
    )


def _dagster_part(workspace: WorkspaceProcessContext, registry: Registry) -> Part:
    from batch_platform.operations.web import dagster_ui
    from batch_platform.web.app import Part

    app = dagster_ui.dagster_mount(workspace, registry)
    return Part(pages=(dagster_ui.icons,), mounts={dagster_ui.PATH: app}, navigation=(dagster_ui.NAVIGATION,))


def _probes(
    settings: Settings, context: WebContext, workspace: WorkspaceProcessContext
) -> Mapping[str, Callable[[], None]]:
    """What `/health/ready` asks; each raises when what it asks for is down."""
    s3, dynamodb = aws.client("s3", settings), aws.client("dynamodb", settings)

    def database() -> None:
        with postgres.transaction(context.pool) as connection:
            connection.execute("SELECT 1")

    def lake() -> None:
        s3.head_bucket(Bucket=settings.lake_bucket)

    def tables() -> None:
        dynamodb.list_tables(Limit=1)

    def code_server() -> None:
        entries = workspace.get_current_workspace().code_location_entries
        away = sorted(name for name, entry in entries.items() if entry.code_location is None)
        if away or not entries:
            raise TransientFailure(
                "no-code-location-loaded", "no code location is loaded of: {locations}", locations=away or "none"
            )

    def daemon() -> None:
        beats = workspace.instance.get_daemon_heartbeats()
        needed = workspace.instance.get_required_daemon_types()
        late = context.clock().timestamp() - _HEARTBEAT_SECONDS
        silent = sorted(kind for kind in needed if kind not in beats or beats[kind].timestamp < late)
        if silent:
            raise TransientFailure(
                "no-heartbeat",
                "no heartbeat for {seconds} s of {silent}",
                seconds=_HEARTBEAT_SECONDS,
                silent=list(silent),
            )

    return {"postgres": database, "s3": lake, "dynamodb": tables, "code_server": code_server, "daemon": daemon}


def _needed(value: str | SecretStr | None, variable: str) -> str:
    text = _plain(value)
    if not text:
        raise InvalidInput("variable-not-set", "{field} is not set", field=variable)
    return text


def _plain(value: str | SecretStr | None) -> str | None:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


if __name__ == "__main__":
    main()
