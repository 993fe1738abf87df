"""The web app with btc's API and pages, on the session's services, with users, and callers of every role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
import httpx
import pytest
from fastapi import FastAPI

from batch_platform import migrations
from batch_platform.btc import service
from batch_platform.btc.domain import DOMAIN
from batch_platform.btc.model import HOUSE, Batch, Options, UserStatus
from batch_platform.btc.service import BtcContext, build_context
from batch_platform.btc.store import Opening
from batch_platform.btc.web import pages
from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.dagster.launch import open_instance
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.model import Registry
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform_tests.accounts import add_account
from batch_platform_tests.btc.clock import SteppingClock
from batch_platform_tests.btc.conftest import clock, dynamo_proxy, own_tables, tables
from batch_platform_tests.btc.service_tools import balances, booked, open_users
from batch_platform_tests.btc_web.runner import HeldRunner
from batch_platform_tests.databases import empty_database
from batch_platform_tests.web.rig import Call, app_of, audited, caller
from batch_platform_tests.web.served import served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from batch_platform.btc.store import Tables

__all__ = ["clock", "dynamo_proxy", "own_tables", "tables"]

Client = Callable[..., httpx.Client]


@dataclass
class Office:
    """What happens behind the web of one test: users, settings, and the worker, who waits until he is told to work.

    `before` has the balance of everybody in satoshi, as it was opened.
    """

    app: FastAPI
    context: BtcContext
    operations: OperationsContext
    runner: HeldRunner
    clock: SteppingClock
    before: dict[str, int] = field(default_factory=dict)

    def set(self, **options: Any) -> None:
        """Change settings, such as `require_approval=True`."""
        self.context = replace(self.context, options=replace(self.context.options, **options))
        self.open()

    def open(self) -> None:
        """The web works with this office from now on."""
        self.runner.context = self.context
        self.app.state.btc, self.app.state.operations = self.context, self.operations

    def forget_answers(self) -> None:
        """As after a day: the web has no answer to a known idempotency key any more."""
        with postgres.transaction(self.operations.pool) as connection:
            connection.execute("DELETE FROM web.idempotency_keys")

    def apply(self) -> None:
        """Do every run that was asked for, one after the other, to its end."""
        self.runner.work()

    def later(self, minutes: int = 5) -> None:
        """Leases of other workers run out."""
        self.clock.now += timedelta(minutes=minutes)

    def batch(self, batch_id: str) -> Batch:
        return service.batch(self.context, batch_id)

    def make(self, rate: str = "5", *, apply: bool = True, approve: bool = True, memo: str | None = None) -> Batch:
        """A batch made without the web; applied unless told otherwise."""
        made = service.create(self.context, Decimal(rate), by="local:setup", memo=memo, approve=approve)
        return service.run(self.context, made.batch_id) if apply else made

    def take(self, batch: Batch, *, owner: str = "elsewhere/1/1") -> Batch:
        """Another machine's worker holds the lease of an approved batch."""
        return self.context.store.batches.acquire(batch, owner, now=self.clock())

    def open_user(self, user: str, satoshi: int, status: UserStatus = UserStatus.ACTIVE) -> None:
        self.context.store.accounts.open_many([Opening(user, satoshi, status)], created_by="seed")

    def balances(self) -> dict[str, int]:
        """Everybody's balance in satoshi, the house's left out."""
        return balances(self.context)

    def house(self) -> int:
        return self.context.store.accounts.balances([HOUSE])[HOUSE].balance

    def booked(self, batch_id: str) -> dict[str, int]:
        """What a batch has applied, by user."""
        return booked(self.context, self.batch(batch_id))


@pytest.fixture(scope="session")
def pool(settings: Settings) -> Iterator[postgres.Pool]:
    """A database of these tests' own."""
    with empty_database(settings, "btc_web") as database:
        migrations.upgrade(database)
        pool = postgres.open_pool(database, application_name="btc web tests")
        yield pool
        pool.close()


@pytest.fixture(scope="session")
def app(pool: postgres.Pool) -> FastAPI:
    return app_of(pool, pages.PART, pages.CARD)


@pytest.fixture(scope="session")
def origin(app: FastAPI) -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture(scope="session")
def dagster(services: dict[str, str]) -> Iterator[dg.DagsterInstance]:
    with open_instance() as instance:
        yield instance


@pytest.fixture
def runner(dagster: dg.DagsterInstance) -> Iterator[HeldRunner]:
    """Runs are kept until `work`; `launches` has them, `away` makes Dagster unreachable."""
    runner = HeldRunner(dagster)
    yield runner
    runner.forget()


@pytest.fixture
def office(
    app: FastAPI,
    pool: postgres.Pool,
    dynamodb: DynamoDBClient,
    tables: Tables,
    s3: S3Client,
    provisioned: Settings,
    clock: SteppingClock,
    runner: HeldRunner,
) -> Office:
    """Twelve active users, a suspended and a closed one; the web works with them."""
    table_prefix = tables.batches.removesuffix("-local-batch-operations")
    context = build_context(
        dynamodb=dynamodb,
        s3=s3,
        lake_bucket=provisioned.lake_bucket,
        env="local",
        table_prefix=table_prefix,
        options=Options(chunk_users=5),
        clock=clock,
    )
    registry = Registry(DOMAIN.jobs(provisioned))
    storage = DagsterInstanceStorage(runner.instance, registry)
    operations = OperationsContext(pool, utc_now, registry, storage, runner)
    office = Office(app, context, operations, runner, clock, open_users(context))
    office.open()
    office.forget_answers()
    return office


@pytest.fixture
def client(office: Office, origin: str) -> Iterator[Client]:
    """`client(Role.VIEWER, "vera")`: a program with a token of that role; `client()` has none."""
    with ExitStack() as opened:

        def made(role: Role | None = None, name: str | None = None) -> httpx.Client:
            return opened.enter_context(caller(origin, role, name))

        yield made


@pytest.fixture
def administrator(client: Client) -> httpx.Client:
    """An administrator named ann."""
    return client(Role.ADMINISTRATOR, "ann")


@pytest.fixture
def colleague(client: Client) -> httpx.Client:
    """An administrator named bob."""
    return client(Role.ADMINISTRATOR, "bob")


@pytest.fixture
def viewer(client: Client) -> httpx.Client:
    return client(Role.VIEWER)


@pytest.fixture
def account(pool: postgres.Pool) -> Call:
    """`account(Role.ADMINISTRATOR)`: the name of a new local account, whose password is `PASSWORD`."""

    def made(role: Role) -> str:
        name = f"{role.value}-{uuid4().hex[:8]}"
        add_account(pool, name, role)
        return name

    return made


@pytest.fixture
def audit_rows(pool: postgres.Pool) -> Call:
    """Who did what, before and after, of a target, oldest first."""

    return lambda target: audited(pool, target)
