"""The web as users meet it: our app by uvicorn in a process of its own, beside a real code server; no daemon.

Runs that a test launches stay in the queue, because nobody takes them out.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from batch_platform import migrations
from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.local import dagster_processes
from batch_platform.local.home import Home
from batch_platform.local.processes import Process, accepts, free_port, listen
from batch_platform.local.programs import Program
from batch_platform.web.access.model import Role
from batch_platform.web.access.tokens import Tokens
from batch_platform_tests.accounts import add_account
from batch_platform_tests.waiting import PATIENCE, eventually


@dataclass
class Site:
    """Use it in a `with` block; `module` is what the code server loads, found below `directory`.

    `limits` is what a shell does before it becomes the web: `ulimit -Sn 256`.
    """

    home: Home
    variables: Mapping[str, str]
    module: str
    directory: Path
    limits: str = ":"
    processes: dict[str, Process] = field(default_factory=dict)
    listener: socket.socket = field(default_factory=lambda: listen(free_port()))
    code_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self) -> Site:
        migrations.upgrade(self.variables["DATABASE_URL"])
        dagster_processes.write_workspace(self.home, self.code_port)
        self.start_code_server()
        self.start_web()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.stop()
        self.listener.close()
        dagster_processes.workspace_file(self.home).unlink(missing_ok=True)

    def start_code_server(self) -> None:
        path = os.pathsep.join(filter(None, [str(self.directory), os.environ.get("PYTHONPATH")]))
        variables = {**self.variables, "PYTHONPATH": path}
        self._start(dagster_processes.code_server(self.home, self.code_port, variables, self.module))
        eventually(lambda: accepts(self.code_port))

    def code_server_answers(self) -> bool:
        return accepts(self.code_port)

    def start_web(self) -> None:
        variables = {**self.variables, "BATCH_PLATFORM_URL": self.url}
        program = dagster_processes.web(self.home, self.listener, variables)
        program = replace(program, command=("/bin/sh", "-c", f'{self.limits}; exec "$0" "$@"', *program.command))
        self._start(program)
        eventually(lambda: program.ready() or self._dead(program))

    def token(self, role: str) -> str:
        return token(self.home, role)

    def client(self, role: str | None = None, **more: Any) -> httpx.Client:
        """A client with a role's bearer token, or with none."""
        headers = {"Authorization": f"Bearer {self.token(role)}"} if role else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False, **more)

    def graphql(self, role: str | None, query: str, **variables: Any) -> dict[str, Any]:
        """Ask Dagster's GraphQL in a role; the answer's data."""
        with self.client(role) as client:
            answer = client.post("/dagster/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def add_user(self, name: str, role: str) -> None:
        """A local account that signs in with `accounts.PASSWORD`."""
        pool = postgres.open_pool(self.variables["DATABASE_URL"], application_name="tests")
        try:
            add_account(pool, name, Role(role))
        finally:
            pool.close()

    def _start(self, program: Program) -> None:
        self.processes[program.name] = program.start()

    def _dead(self, program: Program) -> bool:
        assert self.processes[program.name].alive(), program.log.read_text()[-5000:]
        return False


def token(home: Home, role: str, *, left: timedelta = timedelta(hours=1)) -> str:
    """A bearer token of this home, an hour old, that expires when this time has passed."""
    tokens, age = Tokens.of(home.secret("web").encode()), timedelta(hours=1)
    return tokens.issue(name=role, roles=[Role(role)], ttl=age + left, now=utc_now() - age, random=os.urandom)
