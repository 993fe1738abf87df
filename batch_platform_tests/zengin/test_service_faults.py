"""DynamoDB throttles, lags and loses replies under every use case: it all ends as if nothing had happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from batch_platform.core.failures import Conflict, TransientFailure
from batch_platform.zengin import service
from batch_platform.zengin.model import Status
from batch_platform.zengin.service.context import SYSTEM
from batch_platform.zengin.store.records import INDEX, RecordStore
from batch_platform_tests.dynamo_proxy import DynamoProxy
from batch_platform_tests.zengin.clock import SteppingClock
from batch_platform_tests.zengin.conftest import BUCKET, empty, new_table
from batch_platform_tests.zengin.service_fixtures import context, workflow
from batch_platform_tests.zengin.workflow import ANN, BEN, SMALL, Workflow, release, written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from batch_platform.core import postgres

__all__ = ["context", "workflow"]

pytestmark = pytest.mark.faults

Result = TypeVar("Result")

ATTEMPTS = 4
"""Of the client, and of the store: what fails so often is told to the caller, who asks again."""

SECOND = {key: name for key, name in SMALL.items() if not key.startswith("0009")} | {
    "0001-001": "東京",
    "0005-002": "大手町",
    "0033": "新銀行",
    "0033-001": "本店",
}
THIRD = SECOND | {"0001-004": "丸の内", "0005-001": "本店営業部"}


def refused(code: str, times: int) -> Callable[[DynamoProxy], None]:
    def disturb(proxy: DynamoProxy) -> None:
        for operation in ("TransactWriteItems", "BatchGetItem", "Query"):
            proxy.refuse(operation, code, times)

    return disturb


def cancelled(reason: str, times: int) -> Callable[[DynamoProxy], None]:
    return lambda proxy: proxy.cancel("TransactWriteItems", reason, times)


def lost(times: int) -> Callable[[DynamoProxy], None]:
    return lambda proxy: proxy.lose_reply("TransactWriteItems", times)


def unprocessed(proxy: DynamoProxy) -> None:
    proxy.leave_unprocessed(times=2)
    proxy.leave_unprocessed(all_keys=True)


# before each call of the service: what strikes it; and whether the caller hears of it
FAULTS: dict[str, tuple[Callable[[DynamoProxy], None], bool]] = {
    "throttled": (refused("ProvisionedThroughputExceededException", 2), False),
    "throttled otherwise": (refused("ThrottlingException", 2), False),
    "throttled for long": (refused("ThrottlingException", ATTEMPTS), True),
    "transactions throttled": (cancelled("ProvisionedThroughputExceeded", 2), False),
    "transactions collide for long": (cancelled("TransactionConflict", ATTEMPTS), True),
    "a reply lost": (lost(1), False),
    "every reply lost": (lost(ATTEMPTS), True),
    "keys left unprocessed": (unprocessed, False),
    "an index that names what has moved": (lambda proxy: proxy.lag(INDEX, 50, statuses=Status), False),
    "an index that names nothing": (lambda proxy: proxy.lag(INDEX, 50, statuses=()), False),
}


@dataclass
class Caller:
    """Asks again when told that a failure may pass, as a job or a person does."""

    disturb: Callable[[], None]
    calm: Callable[[], None]
    failures: int = 0
    steps: list[str] = field(default_factory=list)

    def __call__(self, step: str, call: Callable[[], Result]) -> Result | None:
        self.steps.append(step)
        self.disturb()
        before = self.failures
        try:
            while True:
                try:
                    return call()
                except TransientFailure:
                    self.failures += 1
                    assert self.failures - before < 10, step
                except Conflict:
                    # the first time it was done, and nobody heard of it
                    if self.failures == before:
                        raise
                    return None
        finally:
            self.calm()


def flow(workflow: Workflow, ask: Caller, plain: RecordStore) -> None:
    """Propose, approve (one, all, by two), reject, apply, expire, give back; `plain` is what no fault reaches."""
    calm = replace(workflow.context, records=plain)

    def raised(number: int, rows: dict[str, str]) -> service.Proposal:
        workflow.clock.pass_by(timedelta(days=1))
        source = written(workflow.folder / f"faults-{number}", release(rows))
        service.take_snapshot(workflow.context, source, workflow.day, bootstrap=number == 0)
        ask("propose", lambda: service.propose(workflow.context, workflow.day))
        return service.propose(calm, workflow.day)

    def approved(proposal: service.Proposal) -> None:
        for account in (ANN, BEN)[: proposal.changeset.needs_approvals]:
            ask("approve all", partial(workflow.approve, proposal.changeset, account))

    def one(proposal: service.Proposal, key: str) -> list[str]:
        return [record.id for record in service.records_of(calm, proposal.changeset.id) if record.key == key]

    approved(raised(0, SMALL))
    ask("apply", workflow.apply)
    second = raised(1, SECOND)
    refused, first = one(second, "0005-002"), one(second, "0001-001")
    ask("reject", lambda: service.reject(workflow.context, refused, by=ANN, reason="not yet"))
    ask("approve", lambda: service.approve(workflow.context, first, by=ANN))
    approved(second)
    ask("apply", workflow.apply)
    third = raised(2, THIRD)
    left = one(third, "0005-001")
    ask("approve", lambda: service.approve(workflow.context, left, by=BEN))
    with workflow.context.store.transaction() as session:  # an apply that dies before it writes, its mirror behind
        taken = plain.get(left[0])
        session.note_records([taken], who=SYSTEM, now=workflow.clock())
        plain.move(taken, Status.EXECUTING, now=workflow.clock(), lease_until=workflow.clock.now)
    workflow.clock.pass_by(timedelta(days=91))
    ask("sweep", lambda: service.sweep(workflow.context))
    service.sweep(calm)  # an index that lagged has caught up, and so does the mirror
    ask("apply", workflow.apply)
    service.sweep(calm)


def state(workflow: Workflow) -> dict[str, Any]:
    """Everything that must not depend on the faults: times, and who wrote an audit row late, may."""
    found: dict[str, Any] = {"names": workflow.names(), "checks": service.check_master(workflow.context)}
    found["history"] = sorted(
        (row["changeset_id"], row["diff_id"], row["table_name"], row["record_id"], row["operation_type"])
        for row in workflow.history()
    )
    changesets, _ = service.changesets(workflow.context, limit=100)
    for one in changesets:
        accounts = [given.account for given in one.approvals]
        found[one.id] = (one.status, one.verdict, one.counts, one.payload_hash, one.needs_approvals, accounts)
        for record in service.records_of(workflow.context, one.id):
            with workflow.context.store.snapshot() as session:
                trail = [(row["version"], row["to_status"]) for row in session.transitions("record", record.id)]
            accounts = [given.account for given in record.approvals]
            found[record.id] = (record.key, record.status, record.version, accounts, record.new_hash, trail)
    return found


_undisturbed: dict[str, Any] = {}


@pytest.fixture
def undisturbed(workflow: Workflow, dynamodb: DynamoDBClient, shared_pool: postgres.Pool) -> dict[str, Any]:
    """The end without any fault, found once."""
    if not _undisturbed:
        with new_table(dynamodb) as table:
            plain = RecordStore(dynamodb, table, workflow.context.s3, BUCKET)
            clock = SteppingClock()
            alone = replace(workflow, clock=clock, context=replace(workflow.context, records=plain, clock=clock))
            flow(alone, Caller(lambda: None, lambda: None), plain)
            _undisturbed.update(state(alone))
        empty(shared_pool)
    return _undisturbed


@pytest.mark.parametrize("fault", FAULTS)
def test_the_end_is_that_of_an_undisturbed_run(
    undisturbed: dict[str, Any],
    workflow: Workflow,
    records: RecordStore,
    distant_records: RecordStore,
    dynamo_proxy: DynamoProxy,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    # the client waits between its attempts; the test need not
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    disturb, is_heard = FAULTS[fault]
    ask = Caller(lambda: disturb(dynamo_proxy), dynamo_proxy.calm)
    distant = replace(workflow, context=replace(workflow.context, records=distant_records))
    flow(distant, ask, records)
    assert state(workflow) == undisturbed
    assert dynamo_proxy.struck >= 2
    assert (ask.failures > 0) == is_heard
    assert set(ask.steps) == {"propose", "approve", "approve all", "reject", "apply", "sweep"}
    assert dynamo_proxy.count("BatchWriteItem") == 0  # it has no conditions: nothing is left unprocessed


def test_the_undisturbed_run_did_something(undisturbed: dict[str, Any]) -> None:
    ends = [found[1] for name, found in undisturbed.items() if name.startswith("diff-")]
    assert {Status.COMPLETED, Status.REJECTED, Status.EXPIRED} == set(ends)
    assert undisturbed["names"] == SECOND | {"0005-001": "本店営業部", "0005-002": SMALL["0005-002"]}
