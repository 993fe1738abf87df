"""Homes of a test's own, for what the session's home must not suffer."""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from batch_platform.local import clients, environment, services
from batch_platform.local.home import Home
from batch_platform.local.state import ALL, State, supervisor_runs
from batch_platform_tests.conftest import make_home
from batch_platform_tests.waiting import PATIENCE


class LocalHome:
    """A home with services, and the data that must survive what a test does to them."""

    def __init__(self) -> None:
        self.home = Home(make_home("test"))
        self.variables: dict[str, str] = {}

    def start(self) -> State:
        state = services.start(self.home, frozenset(ALL), lambda _: None, owner=os.getpid())
        self.variables = environment.environment(self.home, state)
        return state

    def kill(self, name: str) -> int:
        """kill -9, as the kernel does it when memory runs out."""
        state = State.load(self.home)
        process = state.supervisor if name == "supervisor" else state.services[name].process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(PATIENCE)
        return process.pid

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.variables["DATABASE_URL"])

    def write(self) -> None:
        """One acknowledged write in each store."""
        with self.connect() as connection:
            connection.execute("CREATE TABLE kept (value text)")
            connection.execute("INSERT INTO kept VALUES ('row')")
        clients.s3(self.variables).put_object(Bucket="local-batch-platform", Key="kept/鍵", Body=b"object")
        dynamodb = clients.dynamodb(self.variables)
        dynamodb.create_table(
            TableName="kept",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        dynamodb.put_item(TableName="kept", Item={"id": {"S": "1"}, "amount": {"N": "12.50"}})
        with self.smtp() as server:
            server.sendmail("a@example.com", ["b@example.com"], b"Message-ID: <1@example.com>\r\n\r\nkept")

    def read(self) -> dict[str, Any]:
        with self.connect() as connection:
            row = connection.execute("SELECT value FROM kept").fetchone()
        body = clients.s3(self.variables).get_object(Bucket="local-batch-platform", Key="kept/鍵")["Body"]
        item = clients.dynamodb(self.variables).get_item(TableName="kept", Key={"id": {"S": "1"}})["Item"]
        with self.smtp() as server:
            mails = [server.verify(f"<{number}@example.com>")[0] for number in (1, 2)]
        return {"postgres": row, "s3": body.read(), "dynamodb": item["amount"]["N"], "mail": mails}

    KEPT = {"postgres": ("row",), "s3": b"object", "dynamodb": "12.5", "mail": [250, 550]}  # noqa: RUF012

    def smtp(self) -> smtplib.SMTP:
        url = urlsplit(self.variables["SMTP_URL"])
        return smtplib.SMTP(url.hostname or "", url.port or 0, timeout=PATIENCE)


@pytest.fixture
def local_home(clean_environment: None) -> Iterator[LocalHome]:
    """An empty home; what runs in it at the end is stopped."""
    local = LocalHome()
    try:
        yield local
    finally:
        if local.home.root.exists():
            services.stop(local.home)
            shutil.rmtree(local.home.root, ignore_errors=True)


def gone(home: Home) -> bool:
    return not supervisor_runs(home)
