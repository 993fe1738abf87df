"""pg_dump, pg_restore and a scratch cluster: PostgreSQL's programs, by argument lists; passwords only in a file."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from batch_platform.core import postgres, postgres_programs
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.core.workers import is_dead, worker_name

_APPLICATION: Final = "batch-platform backup"
_SCRATCH: Final = "backup-scratch-"
_OWNER: Final = "owner"
_USER: Final = "batch_platform"
_LOCK_SECONDS: Final = 60
_JOBS: Final = 2
_PORT: Final = "5432"  # part of the name of its socket only
_START_SECONDS: Final = 60
_ERROR: Final = re.compile(r"(error|FATAL|PANIC|ERROR): *(.*)")
# it lives for one proof and may be lost at any moment
_CAREFREE: Final = {
    "listen_addresses": "",
    "port": _PORT,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Programs:
    """Where PostgreSQL's programs are (None: the wheel's, else those of the PATH), and scratch data may be.

    `scratch_url` is a server on which a proof may create a database and drop it; without one a cluster is made.
    """

    directory: Path | None
    scratch: Path
    scratch_url: str | None = None

    @contextmanager
    def dump(self, database_url: str, snapshot: str) -> Iterator[IO[bytes]]:
        """The stream of a dump under a snapshot, in custom format. Raises `TransientFailure` when pg_dump failed."""
        options = ["-Fc", "-Z1", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
        options.append(f"--lock-wait-timeout={_LOCK_SECONDS}s")
        with self._process("pg_dump", database_url, options, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            yield process.stdout

    def restore(self, dump: Path, database_url: str, *, in_one_transaction: bool = False) -> None:
        """A dump into an empty database, by two sessions or by one transaction.

        Raises `TransientFailure` when pg_restore failed.
        """
        options = ["--no-owner", "--no-privileges", "--exit-on-error"]
        options.append("--single-transaction" if in_one_transaction else f"--jobs={_JOBS}")
        with self._process("pg_restore", database_url, options, files=[str(dump)]):
            pass

    @contextmanager
    def scratch_database(self) -> Iterator[str]:
        """The URL of an empty database that is gone afterwards."""
        if self.scratch_url is not None:
            with _database(self.scratch_url) as url:
                yield url
            return
        with self.directory_of_scratch() as directory, self._cluster(directory) as url:
            yield url

    @contextmanager
    def directory_of_scratch(self) -> Iterator[Path]:
        """A directory for this process, gone afterwards; what processes have left that were killed goes first."""
        sweep(self.scratch)
        made = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=self.scratch))
        try:
            made.chmod(0o711)  # the server passes through it as another user
            (made / _OWNER).write_text(worker_name())
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    @contextmanager
    def _cluster(self, directory: Path) -> Iterator[str]:
        user = postgres_programs.unprivileged_user()
        server = postgres_programs.binary("postgres", self.directory)
        postgres_programs.allow_access(user, directory, server.resolve().parents[1])
        data = directory / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            os.chown(data, user, user)
        initdb = postgres_programs.binary("initdb", self.directory)
        encoding = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        _run(
            [str(initdb), "-D", str(data), "-U", _USER, "--auth=trust", "--no-sync", "--no-instructions", *encoding],
            user,
        )
        options = {**_CAREFREE, "unix_socket_directories": str(data)}
        settings = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                [str(server), "-D", str(data), *settings],
                env=postgres_programs.MINIMAL,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        try:
            url = f"postgresql://{_USER}@/{{}}?host={quote(str(data), safe='')}&port={_PORT}"
            _await(url.format("postgres"), process, directory / "log")
            with _database(url.format("postgres")) as made:
                yield made
        finally:
            process.send_signal(signal.SIGQUIT)  # nothing of it is needed any more
            process.wait()

    @contextmanager
    def _process(
        self,
        name: str,
        database_url: str,
        options: list[str],
        *,
        files: list[str] | None = None,
        stdout: int | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        with self.directory_of_scratch() as private:
            environment = {**postgres_programs.MINIMAL, "PGAPPNAME": _APPLICATION}
            # as psycopg understands it, with what it takes from the environment
            with postgres.connect(database_url, application_name=_APPLICATION) as connection:
                server, password = connection.info.get_parameters(), connection.info.password
            if password:
                environment["PGPASSFILE"] = str(_password_file(private, password))
            log = private / "errors"
            command = [
                str(postgres_programs.binary(name, self.directory)),
                "--no-password",
                f"--dbname={make_conninfo(**server)}",
                *options,
                *(files or []),
            ]
            with log.open("wb") as errors:
                process = subprocess.Popen(  # noqa: S603
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors
                )
            try:
                yield process
            except BaseException:
                process.kill()
                process.wait()
                if (error := _error(log)) and process.returncode > 0:
                    raise TransientFailure(
                        "program-failed", "{program} failed: {reason}", program=name, reason=error
                    ) from None
                raise
            if process.wait():
                raise TransientFailure(
                    "program-failed", "{program} failed: {reason}", program=name, reason=_error(log) or "no output"
                )


def sweep(scratch: Path) -> None:
    """Stop the clusters and remove the directories of processes that are dead."""
    for left in scratch.glob(f"{_SCRATCH}*"):
        try:
            owner = (left / _OWNER).read_text()
        except OSError:
            continue
        if not is_dead(owner):
            continue
        _stop(left / "data")
        shutil.rmtree(left, ignore_errors=True)


def _stop(data: Path) -> None:
    """The server of this cluster, if it runs: known by its directory, for its number may be another's by now."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return
    if os.fsencode(data) in command.split(b"\0"):
        os.kill(pid, signal.SIGQUIT)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.02)


@contextmanager
def _database(server_url: str) -> Iterator[str]:
    """A new database beside the one of the URL, dropped at the end."""
    name = f"backup_proof_{uuid4().hex[:12]}"
    _execute(server_url, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        yield of_name(server_url, name)
    finally:
        _execute(server_url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def of_name(server_url: str, name: str) -> str:
    """The same server's database of this name."""
    return make_conninfo(server_url, dbname=name)


def ensure_database(database_url: str, *, dry_run: bool = False) -> bool:
    """Create the database of this URL on its server unless it is there; whether it was."""
    given = conninfo_to_dict(database_url)
    name = str(given.get("dbname") or given.get("user"))
    with postgres.connect(of_name(database_url, "postgres"), application_name=_APPLICATION) as connection:
        connection.autocommit = True
        was_there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None
        if not was_there and not dry_run:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    return was_there


def _execute(server_url: str, statement: sql.Composed) -> None:
    with postgres.connect(server_url, application_name=_APPLICATION) as connection:
        connection.autocommit = True
        connection.execute(statement)


def _password_file(private: Path, password: str) -> Path:
    """For any server: which one it is, the connection string says."""
    file = private / "login"
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(f"*:*:*:*:{escaped}\n")
    return file


def _error(log: Path) -> str:
    """The first error that a program told."""
    lines = log.read_text(errors="replace").splitlines()
    errors = [match[2] for line in lines if (match := _ERROR.search(line))]
    return " ".join((errors or lines or [""])[0].split())


def _run(command: list[str], user: int | None) -> None:
    done = subprocess.run(  # noqa: S603
        command,
        env=postgres_programs.MINIMAL,
        cwd="/",
        capture_output=True,
        check=False,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise PermanentFailure(
            "program-failed", "{program} failed: {reason}", program=Path(command[0]).name, reason=reason
        )


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise TransientFailure(
                    "scratch-not-started", "the scratch cluster does not start: {reason}", reason=_error(log)
                ) from None
            time.sleep(0.05)
        else:
            return
