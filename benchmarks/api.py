"""Reading a month's costs over the API by 50 clients at once, next to a bare FastAPI route.

    .venv/bin/python -m benchmarks.api [--clients 50] [--seconds 10] [--rounds 3]

Two servers, one uvicorn process each, answer in turn: a FastAPI app with one route and nothing around it, and
the platform's app (identity from a bearer token, limits, headers, correlation ids, a log line a request) with the
bundled month published in the embedded PostgreSQL. Every answer of the latter begins with two queries: whether the
token may act, and what is published now. The clients are one asyncio process of plain sockets, kept alive; on two
cores it takes one of them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from batch_platform.core import aws, logs, objects, postgres
from batch_platform.core.clock import utc_now
from batch_platform.finops import service
from batch_platform.finops.demo import BUCKET, DATA
from batch_platform.finops.model import Connection
from batch_platform.finops.service.context import build_context
from batch_platform.local import provision, services
from batch_platform.local.home import Home
from batch_platform.settings import load_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

PROJECT = "acme"
MONTH = date(2026, 10, 1)
COSTS = f"/api/projects/{PROJECT}/costs?month={MONTH:%Y-%m}&group_by=service,day"
UNMEASURED_SECONDS = 2.0


@dataclass(frozen=True)
class Reading:
    """Requests a second, and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--clients", type=int, default=50)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--serve", choices=("bare", "platform"), help=argparse.SUPPRESS)
    options.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve:
        _serve(chosen.serve, chosen.socket)
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-api-") as folder:
        os.environ.setdefault("BATCH_PLATFORM_HOME", str(Path(folder) / "home"))
        os.environ["BATCH_PLATFORM_SECRET"] = secrets.token_urlsafe(32)
        os.environ.update(services.ensure_running(load_settings()))
        try:
            provision.provision(load_settings(), os.environ)
            _publish()
            _measure(clients=chosen.clients, seconds=chosen.seconds, rounds=chosen.rounds)
        finally:
            services.stop(Home(load_settings().home))


def _publish() -> None:
    """The bundled month, by the services that Dagster's runs call."""
    settings = load_settings()
    assert settings.database_url is not None
    pool = postgres.open_pool(settings.database_url.get_secret_value(), application_name="benchmark")
    s3 = aws.client("s3", settings)
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        place: Any = {"LocationConstraint": settings.aws_region}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    for file in sorted((DATA / "cur").rglob("*"), key=lambda path: (path.suffix == ".json", path)):
        if file.is_file():
            objects.put_bytes(s3, BUCKET, file.relative_to(DATA).as_posix(), file.read_bytes())
    context = build_context(pool=pool, lake=s3, lake_bucket=settings.lake_bucket, settings=settings)
    connection = Connection(PROJECT, "Acme", BUCKET, "cur/acme", "cur", settings.aws_region)
    service.add_project(context, connection)
    service.fetch_month(context, connection, MONTH)
    service.read_files(context, project_id=PROJECT, month=MONTH)
    service.publish_month(context, connection, MONTH)
    pool.close()


def _measure(*, clients: int, seconds: float, rounds: int) -> None:
    with _server("bare") as bare, _server("platform") as platform:
        token = _token()
        [answer] = asyncio.run(_ask(platform, COSTS, token, count=1))
        tag = next(line for line in answer.split(b"\r\n") if line.lower().startswith(b"etag:")).split(b":", 1)[1]
        size = len(answer.partition(b"\r\n\r\n")[2])
        cases = {
            "bare FastAPI route": (bare, "/bare", {}),
            f"costs, {size:,} bytes": (platform, COSTS, token),
            "costs, unchanged (304)": (platform, COSTS, {**token, "If-None-Match": tag.decode().strip()}),
        }
        readings: dict[str, list[Reading]] = {name: [] for name in cases}
        for _ in range(rounds):
            for name, (port, path, headers) in cases.items():
                readings[name].append(asyncio.run(_load(port, path, headers, clients=clients, seconds=seconds)))
    middle = {name: sorted(all_of, key=lambda one: one.rate)[len(all_of) // 2] for name, all_of in readings.items()}
    base = middle["bare FastAPI route"]
    _say(f"{clients} clients, {seconds:g} s each, median of {rounds} rounds, {os.cpu_count()} cores")
    _say(f"{'':28}{'requests/s':>12}{'of bare':>9}{'p50 ms':>9}{'p99 ms':>9}{'of bare':>9}")
    for name, one in middle.items():
        share, wait = one.rate / base.rate, one.p99 / base.p99
        _say(f"{name:28}{one.rate:12,.0f}{share:9.2f}{one.p50:9.1f}{one.p99:9.1f}{wait:9.2f}")


async def _load(port: int, path: str, headers: dict[str, str], *, clients: int, seconds: float) -> Reading:
    latencies: list[float] = []
    begin = time.perf_counter() + UNMEASURED_SECONDS
    end = begin + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = _request(path, headers)
        while (asked := time.perf_counter()) < end:
            writer.write(request)
            await _answer(reader)
            if asked >= begin:
                latencies.append(time.perf_counter() - asked)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    latencies.sort()
    return Reading(len(latencies) / seconds, 1000 * median(latencies), 1000 * latencies[int(len(latencies) * 0.99)])


async def _ask(port: int, path: str, headers: dict[str, str], *, count: int) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for _ in range(count):
        writer.write(_request(path, headers))
        answers.append(await _answer(reader))
    writer.close()
    return answers


def _request(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 304")):
        raise RuntimeError(head.decode())
    found = head.lower().partition(b"content-length: ")[2]
    return head + (await reader.readexactly(int(found.partition(b"\r\n")[0])) if found else b"")


@contextmanager
def _server(name: str) -> Iterator[int]:
    """A server of its own process on a port of its own, ended with the block."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        command = [sys.executable, "-m", "benchmarks.api", "--serve", name, "--socket", str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        port = listener.getsockname()[1]
    try:
        asyncio.run(_ask(port, "/bare" if name == "bare" else COSTS, {} if name == "bare" else _token(), count=1))
        yield port
    finally:
        process.terminate()
        process.wait()


def _serve(name: str, fd: int) -> None:
    import uvicorn

    logs.configure("prod")  # a line a request, as in production; read by nobody here
    app = _bare() if name == "bare" else _platform()
    gc.collect()
    gc.freeze()  # as the server does
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    # by the descriptor alone it would be taken for a Unix socket, and its answers wait for acknowledgements
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=fd)])


def _bare() -> FastAPI:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/bare")
    async def bare() -> dict[str, bool]:
        return {"ok": True}

    return app


def _platform() -> FastAPI:
    """The platform's app with the cost pages alone: no Dagster UI, no limits on the rate."""
    from batch_platform.finops.web import pages
    from batch_platform.finops.web.context import FinopsState
    from batch_platform.web.app import build_app
    from batch_platform.web.context import Limits, WebContext

    settings = load_settings()
    assert settings.database_url is not None
    pool = postgres.open_pool(settings.database_url.get_secret_value(), application_name="benchmark")
    lake = aws.client("s3", settings)
    context = WebContext(
        pool=pool,
        clock=utc_now,
        secret=_secret(),
        url="http://127.0.0.1",
        secure_cookies=False,
        random=secrets.token_bytes,
        limits=Limits(rate=1_000_000, burst=1_000_000),
    )
    app = build_app(context, parts=[pages.PART])
    finops_context = build_context(pool=pool, lake=lake, lake_bucket=settings.lake_bucket, settings=settings)
    app.state.finops = FinopsState.of(finops_context)
    return app


def _token() -> dict[str, str]:
    from batch_platform.web.access.model import Role
    from batch_platform.web.access.tokens import Tokens

    token = Tokens.of(_secret()).issue(
        name="reader", roles=[Role.VIEWER], ttl=timedelta(hours=1), now=utc_now(), random=secrets.token_bytes
    )
    return {"Authorization": f"Bearer {token}"}


def _secret() -> bytes:
    secret = load_settings().secret
    assert secret is not None
    return secret.get_secret_value().encode()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
