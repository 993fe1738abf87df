"""Requests to a real DynamoDB: what was refused and why, what is repeated, and what is given up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_platform.core import aws
from batch_platform.core.dynamodb import REFUSED, Item, Reason, Requests, changed, in_threads, update_of
from batch_platform.core.failures import NotFound, PermanentFailure, TransientFailure
from batch_platform.core.objects import Backoff
from batch_platform.settings import Settings
from batch_platform_tests.dynamo_proxy import DynamoProxy

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IMPATIENT = Backoff(attempts=4, base=0.0, jitter=lambda: 0.0, sleep=lambda seconds: None)
ABSENT = "attribute_not_exists(id)"


@pytest.fixture(scope="module")
def table(dynamodb: DynamoDBClient) -> Iterator[str]:
    name = f"core-{uuid4().hex[:12]}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def dynamo_proxy(settings: Settings) -> Iterator[DynamoProxy]:
    endpoint = settings.aws_endpoint_url_dynamodb or settings.aws_endpoint_url
    assert endpoint is not None
    with DynamoProxy(endpoint) as proxy:
        yield proxy


@pytest.fixture
def requests(settings: Settings, dynamo_proxy: DynamoProxy) -> Requests:
    there = settings.model_copy(update={"aws_endpoint_url_dynamodb": dynamo_proxy.url})
    return Requests(aws.client("dynamodb", there, attempts=4), IMPATIENT)


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": name}}


def put(table: str, item: Item) -> dict[str, Any]:
    return {"TableName": table, "Item": item, "ConditionExpression": ABSENT}


def fresh(count: int = 1) -> list[dict[str, Any]]:
    """Keys that no other test has."""
    return [key(uuid4().hex) for _ in range(count)]


def store(requests: Requests, table: str, items: list[Any]) -> None:
    for first in range(0, len(items), 100):
        assert requests.transact([{"Put": put(table, item)} for item in items[first : first + 100]], "rows") == []


# writes


def test_a_transaction_is_all_or_nothing_and_says_why(requests: Requests, table: str) -> None:
    first, second = fresh(2)
    store(requests, table, [first])
    told = {**put(table, first), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    reasons = requests.transact([{"Put": told}, {"Put": put(table, second)}], "rows")
    assert reasons == [Reason(REFUSED, first), Reason("None", None)]
    assert requests.get(table, second, "row") is None


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_passes_is_the_callers_to_repeat(
    requests: Requests, table: str, dynamo_proxy: DynamoProxy, reason: str
) -> None:
    dynamo_proxy.cancel("TransactWriteItems", reason)
    [item] = fresh()
    assert requests.transact([{"Put": put(table, item)}], "rows") == [Reason(reason, None)]
    assert requests.transact([{"Put": put(table, item)}], "rows") == []


def test_a_strange_refusal_is_a_permanent_failure(requests: Requests, table: str, dynamo_proxy: DynamoProxy) -> None:
    dynamo_proxy.cancel("TransactWriteItems", "ItemCollectionSizeLimitExceeded")
    with pytest.raises(PermanentFailure, match=r"^rows: DynamoDB refuses a write: ItemCollectionSizeLimitExceeded$"):
        requests.transact([{"Put": put(table, item)} for item in fresh(2)], "rows")


def test_a_cancellation_without_reasons_is_a_permanent_failure(
    requests: Requests, table: str, dynamo_proxy: DynamoProxy
) -> None:
    dynamo_proxy.refuse("TransactWriteItems", "TransactionCanceledException")
    with pytest.raises(PermanentFailure, match="without saying why"):
        requests.transact([{"Put": put(table, item)} for item in fresh()], "rows")


def test_patience_ends() -> None:
    waited: list[float] = []
    patience = Backoff(attempts=3, base=1.0, longest=1.5, jitter=lambda: 1.0, sleep=waited.append)
    requests = Requests(None, patience)  # type: ignore[arg-type]
    assert requests.again(requests.again(0, "busy"), "busy") == 2
    with pytest.raises(TransientFailure, match=r"^busy, also after 3 attempts$"):
        requests.again(2, "busy")
    assert waited == [1.0, 1.5]


def test_a_conditional_write_says_what_refused_it(requests: Requests, table: str) -> None:
    [item] = fresh()
    assert requests.put("row", **put(table, item))
    assert not requests.put("row", **put(table, item))
    assert requests.get(table, item, "row") == item
    one, two = {**item, "version": {"N": "1"}}, {**item, "version": {"N": "2"}}
    to_one = update_of(table, item, item, one, guarded=("version",))
    assert requests.update("row", **to_one) == (True, one)
    assert requests.update("row", **to_one) == (False, one)
    assert requests.update("row", **update_of(table, item, one, two, guarded=("version",))) == (True, two)


@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
def test_a_conditional_write_waits_for_a_transaction_on_its_item(
    requests: Requests, table: str, dynamo_proxy: DynamoProxy, operation: str
) -> None:
    [item] = fresh()
    written = {**item, "text": {"S": "a"}}

    def write() -> bool:
        if operation == "PutItem":
            return requests.put("row", **put(table, item))
        made, _ = requests.update("row", **update_of(table, item, item, written, guarded=("text",)))
        return made

    dynamo_proxy.refuse(operation, "TransactionConflictException", times=3)
    assert write()
    assert dynamo_proxy.count(operation) == 4
    dynamo_proxy.refuse(operation, "TransactionConflictException", times=4)
    with pytest.raises(TransientFailure, match=r"^row: writes collide or are throttled, also after 4 attempts$"):
        write()


NAMES = st.sampled_from(["name", "status", "size", "data"])
ITEMS = st.dictionaries(
    NAMES,
    st.sampled_from([{"S": "a"}, {"S": "b"}, {"N": "1"}, {"BOOL": True}, {"M": {"a": {"S": "x"}}}]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=ITEMS, after=ITEMS, found=ITEMS, guarded=st.sets(NAMES, min_size=1))
def test_an_update_makes_one_item_of_another(
    dynamodb: DynamoDBClient, table: str, before: Any, after: Any, found: Any, guarded: set[str]
) -> None:
    """`found` is what stands there by now: only what is guarded may refuse the update."""
    names = changed(before, after)
    if not names:
        return
    [row] = fresh()
    direct = Requests(dynamodb, IMPATIENT)
    assert direct.put("row", **put(table, {**row, **found}))
    made, there = direct.update("row", **update_of(table, row, before, after, guarded=guarded))
    assert made == all(found.get(name) == before.get(name) for name in guarded)
    kept = {name: value for name, value in found.items() if name not in names}
    written = {name: value for name, value in after.items() if name in names}
    assert there == ({**row, **kept, **written} if made else {**row, **found})


# reads


def test_throttled_requests_are_tried_again(requests: Requests, table: str, dynamo_proxy: DynamoProxy) -> None:
    for operation in ("TransactWriteItems", "BatchGetItem", "Query", "GetItem"):
        dynamo_proxy.refuse(operation, "ProvisionedThroughputExceededException")
    [item] = fresh()
    store(requests, table, [item])
    assert requests.get_many(table, [item]) == [item]
    assert requests.get(table, item, "row") == item
    query = {
        "TableName": table,
        "KeyConditionExpression": "id = :id",
        "ExpressionAttributeValues": {":id": item["id"]},
    }
    assert list(requests.items("query", query)) == [item]


def test_unprocessed_keys_are_asked_for_again(requests: Requests, table: str, dynamo_proxy: DynamoProxy) -> None:
    items = fresh(60)
    store(requests, table, items)
    dynamo_proxy.leave_unprocessed(times=3)
    dynamo_proxy.leave_unprocessed(all_keys=True)
    assert by_id(requests.get_many(table, [*items, *fresh()])) == by_id(items)
    assert dynamo_proxy.count("BatchGetItem") == 5


def test_keys_that_stay_unprocessed_are_a_failure_not_an_absence(
    requests: Requests, table: str, dynamo_proxy: DynamoProxy
) -> None:
    dynamo_proxy.leave_unprocessed(times=99, all_keys=True)
    with pytest.raises(TransientFailure, match="reads are throttled, also after 4 attempts"):
        requests.get_many(table, fresh(2))


def test_many_keys_are_read_in_parts(requests: Requests, table: str, dynamo_proxy: DynamoProxy) -> None:
    items = fresh(201)
    store(requests, table, items)
    assert by_id(requests.get_many(table, items)) == by_id(items)
    assert dynamo_proxy.count("BatchGetItem") == 3
    assert requests.get_many(table, []) == []


def test_a_table_is_read_to_its_end_page_by_page(requests: Requests, table: str) -> None:
    items = fresh(7)
    store(requests, table, items)
    whole = by_id(requests.items("scan", {"TableName": table}))
    assert whole.keys() >= by_id(items).keys()
    pages = [page["Items"] for page in requests.pages("scan", {"TableName": table, "Limit": 3})]
    assert max(map(len, pages)) == 3
    assert by_id(item for page in pages for item in page) == whole


def test_a_failure_names_the_table_and_the_index(requests: Requests) -> None:
    with pytest.raises(NotFound, match=r"^index ByName of table nowhere"):
        requests.page("query", {"TableName": "nowhere", "IndexName": "ByName", "KeyConditionExpression": "id = :id"})


@pytest.mark.parametrize("count", [0, 1, 9])
def test_parts_come_back_in_their_order(count: int) -> None:
    assert in_threads(lambda part: part * 2, range(count)) == [part * 2 for part in range(count)]


def by_id(items: Any) -> dict[str, Item]:
    return {item["id"]["S"]: item for item in items}
