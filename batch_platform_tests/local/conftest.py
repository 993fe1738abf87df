"""Homes of a test's own, for what the session's home must not suffer."""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
from collections.abc import Iterator
from contextlib import closing
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
        self.number = 0

    def start(self) -> State:
        state = services.start(self.home, frozenset(ALL), lambda _: None, owner=os.getpid())
        self.variables = environment.environment(self.home, state)
        return state

    def close(self) -> None:
        if self.home.root.exists():
            services.stop(self.home)
            shutil.rmtree(self.home.root, ignore_errors=True)

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
        """One acknowledged write in each store, other than the last."""
        self.number += 1
        with self.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
            connection.execute("INSERT INTO kept VALUES (%s)", [self.number])
        s3, dynamodb = clients.s3(self.variables), clients.dynamodb(self.variables)
        s3.put_object(Bucket="local-batch-platform", Key="kept/鍵", Body=b"object %d" % self.number)
        if "kept" not in dynamodb.list_tables()["TableNames"]:
            dynamodb.create_table(
                TableName="kept",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        dynamodb.put_item(TableName="kept", Item={"id": {"S": "1"}, "amount": {"N": f"{self.number}.50"}})
        with self.smtp() as server:
            message = b"Message-ID: <%d@example.com>\r\n\r\nkept" % self.number
            server.sendmail("a@example.com", ["b@example.com"], message)

    @property
    def written(self) -> dict[str, Any]:
        """What `read` finds as long as the last write is in each store, and no mail that was never sent."""
        number = self.number
        return {"postgres": (number,), "s3": b"object %d" % number, "dynamodb": f"{number}.5", "mail": [250, 550]}

    def read(self) -> dict[str, Any]:
        with self.connect() as connection:
            row = connection.execute("SELECT max(number) FROM kept").fetchone()
        body = clients.s3(self.variables).get_object(Bucket="local-batch-platform", Key="kept/鍵")["Body"]
        item = clients.dynamodb(self.variables).get_item(TableName="kept", Key={"id": {"S": "1"}})["Item"]
        with self.smtp() as server:
            mails = [server.verify(f"<{number}@example.com>")[0] for number in (self.number, self.number + 1)]
        return {"postgres": row, "s3": body.read(), "dynamodb": item["amount"]["N"], "mail": mails}

    def smtp(self) -> smtplib.SMTP:
        url = urlsplit(self.variables["SMTP_URL"])
        return smtplib.SMTP(url.hostname or "", url.port or 0, timeout=PATIENCE)


@pytest.fixture
def local_home(clean_environment: None) -> Iterator[LocalHome]:
    """An empty home; what runs in it at the end is stopped."""
    with closing(LocalHome()) as local:
        yield local


@pytest.fixture(scope="module")
def _kept_home(clean_environment: None) -> Iterator[LocalHome]:
    with closing(LocalHome()) as local:
        yield local


@pytest.fixture
def kept_home(_kept_home: LocalHome) -> LocalHome:
    """A home with services that run, and data just written to each; tests kill what they like, one after another."""
    _kept_home.start()
    _kept_home.write()
    return _kept_home


def gone(home: Home) -> bool:
    return not supervisor_runs(home)
