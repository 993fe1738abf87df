"""`batch-platform btc …` as users type it: arguments in; exit code and what was printed out."""

from __future__ import annotations

import csv
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import typer

from batch_platform import cli
from batch_platform.btc.opening import open_context
from batch_platform.btc.service import BtcContext
from batch_platform.btc.store import Tables
from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.settings import Settings
from batch_platform.web.access import service as access
from batch_platform.web.access.model import Role
from batch_platform_tests.forks import CONSOLE_SCRIPT, Fork

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# built once: the console script builds it for its one command
COMMAND = typer.main.get_command(cli.app)
ACCOUNTS = {"kei": Role.ADMINISTRATOR, "rin": Role.ADMINISTRATOR, "yui": Role.APPROVER}
AS_KEI = ("--as", "kei")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def csv(self) -> list[dict[str, str]]:
        assert self.code == 0, self.err
        return list(csv.DictReader(io.StringIO(self.out)))

    def failed(self, code: int) -> str:
        """The one line a failed command says, on stderr and nowhere else."""
        assert (self.code, self.out) == (code, ""), self.err
        [line] = self.err.strip().splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


class Shell:
    """The console script's own function, in this process, on tables of the test's own."""

    def __init__(
        self,
        tables: Tables,
        dynamodb: DynamoDBClient,
        pool: postgres.Pool,
        captured: pytest.CaptureFixture[bytes],
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.pool = pool
        self.patch = patch
        self.began = utc_now()
        self._tables = tables
        self._dynamodb = dynamodb
        self._captured = captured

    def __call__(self, *words: str) -> Result:
        self.patch.setattr(sys, "argv", ["batch-platform", "btc", *words])
        self.patch.setattr(cli, "app", COMMAND)
        self._captured.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        out, err = (part.decode() for part in self._captured.readouterr())
        assert "Traceback" not in out + err
        return Result(code, out, err)

    def json(self, *words: str) -> Any:
        return self(*words, "--json").json

    def started(self, *words: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """The console script as a process of its own."""
        return Fork(*CONSOLE_SCRIPT, "btc", *words, stdout=subprocess.PIPE, stderr=stderr)

    def context(self) -> BtcContext:
        return open_context()

    def seeded(self, users: int = 12) -> None:
        assert self.json("seed", "--users", str(users))["opened"] == users

    def stored(self) -> dict[str, list[Any]]:
        """Everything there is, to see that nothing was written."""
        return {
            name: sorted(str(sorted(item.items())) for item in self._dynamodb.scan(TableName=name)["Items"])
            for name in vars(self._tables).values()
        }

    def forget_keys(self) -> None:
        """As after days: DynamoDB has deleted the idempotency keys."""
        name = self._tables.batches
        for item in self._dynamodb.scan(TableName=name)["Items"]:
            if item["batch_id"]["S"].startswith("key#"):
                self._dynamodb.delete_item(TableName=name, Key={"batch_id": item["batch_id"]})

    def audited(self, target: str) -> list[tuple[Any, ...]]:
        with postgres.transaction(self.pool) as connection:
            return connection.execute(
                "SELECT who, what, before, after FROM web.audit_log WHERE target = %s AND at >= %s ORDER BY id",
                [target, self.began],
            ).fetchall()

    def intents(self, what: str) -> list[tuple[str, str | None]]:
        """Target and outcome of every row of an action, the oldest first."""
        with postgres.transaction(self.pool) as connection:
            rows = connection.execute(
                "SELECT target, outcome FROM web.audit_log WHERE what = %s AND at >= %s ORDER BY id",
                [what, self.began],
            )
            return [(target, outcome) for target, outcome in rows]


@pytest.fixture(scope="module")
def accounts(provisioned: Settings) -> Iterator[postgres.Pool]:
    """The platform's database with two administrators and an approver."""
    assert provisioned.database_url is not None
    pool = postgres.open_pool(provisioned.database_url.get_secret_value(), application_name="btc tests")
    for name, role in ACCOUNTS.items():
        change = access.Change(by="tests", now=utc_now())
        access.add_user(pool, name, [role], lambda: "a long password of the tests", change)
    yield pool
    with postgres.transaction(pool) as connection:
        connection.execute("DELETE FROM web.users WHERE name = ANY(%s)", [list(ACCOUNTS)])
    pool.close()


@pytest.fixture
def shell(
    accounts: postgres.Pool,
    tables: Tables,
    dynamodb: DynamoDBClient,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shell]:
    monkeypatch.setenv("BTC_PROJECT", tables.batches.removesuffix("-local-batch-operations"))
    monkeypatch.setenv("COLUMNS", "200")
    root, dagster = logging.getLogger(), logging.getLogger("dagster")
    handlers, level = root.handlers[:], dagster.level
    yield Shell(tables, dynamodb, accounts, capfdbinary, monkeypatch)
    # the commands set up the log of their process, which here is that of all tests
    structlog.reset_defaults()
    root.handlers[:] = handlers
    dagster.setLevel(level)
