"""One POST adjusts every balance: exact numbers, plain refusals, one batch for one wish."""

from __future__ import annotations

import socket
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from batch_platform.btc import service
from batch_platform.btc.model import BatchStatus, UserStatus
from batch_platform.btc.store import Tables, open_store
from batch_platform.core import aws
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform_tests.btc.conftest import IMPATIENT
from batch_platform_tests.btc.service_tools import expected
from batch_platform_tests.btc_web.asking import HERE, data, history, send, together
from batch_platform_tests.btc_web.conftest import Client, Office
from batch_platform_tests.dynamo_proxy import DynamoProxy
from batch_platform_tests.waiting import eventually
from batch_platform_tests.web.rig import Call, token

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_one_call_books_a_share_of_every_balance(
    office: Office, administrator: httpx.Client, audit_rows: Call
) -> None:
    answer = send(administrator, '{"adjustment_rate": 5.0, "memo": "十月の運用結果"}')
    made = data(answer)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{HERE}/{made['batch_id']}"
    assert (made["status"], made["target_user_count"], made["pending_user_count"]) == ("processing", 11, 9)
    assert answer.json()["message"] == f"batch {made['batch_id']} is processing"
    [launch] = office.runner.launches.values()
    assert (launch.job, launch.partition) == ("btc_adjustment", made["batch_id"])

    office.apply()
    done = data(administrator.get(answer.headers["location"]))["operation"]
    assert (done["status"], done["processed_user_count"], done["failed_user_count"]) == ("completed", 9, 0)
    assert done["applied_sum"] == done["plan_sum"] == made["plan_sum"]
    assert office.booked(made["batch_id"]) == expected(office.before, "5")
    assert [row[:2] for row in audit_rows(made["batch_id"])] == [("token:ann", "btc-batch.create")]


def test_a_rate_is_taken_and_told_digit_by_digit(office: Office, administrator: httpx.Client) -> None:
    office.set(require_approval=True)
    rates = {"5": "5", "5.0": "5", "-3.25": "-3.25", "1e1": "10", "1e-8": "0.00000001", "5E-7": "0.0000005"}
    for rate, said in rates.items():
        answer = send(administrator, f'{{"adjustment_rate": {rate}}}')
        assert f'"adjustment_rate":{said},' in answer.text
        batch = office.batch(data(answer)["batch_id"])
        assert batch.adjustment_rate == Decimal(rate)
        send(administrator, path=f"/{batch.batch_id}/cancel")


def test_a_rate_that_no_float_holds_stays_what_it_is(office: Office, administrator: httpx.Client) -> None:
    rate = "999999999.12345677"
    assert f"{float(rate):.8f}" != rate
    body = f'{{"adjustment_rate": {rate}, "confirm": "{rate}"}}'
    refused = send(administrator, body, path="/preview")
    # the richest would get more satoshi than 64 bits hold: said, not wrapped around
    assert (refused.status_code, refused.json()["field"]) == (422, "adjustment_rate")
    assert "user-02" in refused.json()["detail"]
    office.context.store.accounts.set_status("user-02", UserStatus.SUSPENDED)
    assert f'"adjustment_rate":{rate},' in send(administrator, body).text


REFUSED_RATES = [
    ('{"adjustment_rate": -100}', "above -100"),
    ('{"adjustment_rate": -100.00000001}', "above -100"),
    ('{"adjustment_rate": 0}', "must not be 0"),
    ('{"adjustment_rate": -0.0}', "must not be 0"),
    ('{"adjustment_rate": "5"}', "must be a number"),
    ('{"adjustment_rate": 1e9}', '"confirm": "1000000000"'),
    ('{"adjustment_rate": 100.00000001}', "typed confirmation"),
    ('{"adjustment_rate": 150, "confirm": "15"}', "must be confirmed"),
    ('{"adjustment_rate": 1e10}', "at most 1,000,000,000"),
    ('{"adjustment_rate": 1e999999999}', "at most 1,000,000,000"),
    ('{"adjustment_rate": 1e99999999999999999999}', "finite"),
    ('{"adjustment_rate": NaN}', "finite"),
    ('{"adjustment_rate": -Infinity}', "finite"),
    (f'{{"adjustment_rate": {"9" * 5_000}}}', "finite"),
    ('{"adjustment_rate": 5.123456789}', "at most 8 decimals"),
    ('{"adjustment_rate": 1e-9}', "at most 8 decimals"),
    ('{"adjustment_rate": true}', "must be a number"),
    ('{"adjustment_rate": null}', "must be a number"),
    ('{"adjustment_rate": [5]}', "must be a number"),
    ("{}", "required"),
    ('{"memo": "x"}', "required"),
]


def test_a_rate_that_cannot_be_is_named(office: Office, administrator: httpx.Client) -> None:
    for body, why in REFUSED_RATES:
        for path in ("", "/preview"):
            answer = send(administrator, body, path=path)
            assert (answer.status_code, answer.json()["field"]) == (422, "adjustment_rate"), (body[:80], answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert why in answer.json()["detail"], body[:80]
    assert history(administrator) == []


REFUSED_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"memo": "x" * 201}, "memo"),
    ({"memo": "two\nlines"}, "memo"),
    ({"memo": "a\x00b"}, "memo"),
    ({"memo": 5}, "memo"),
    ({"rounding": "up"}, "rounding"),
    ({"target_total": 1.5}, "target_total"),
    ({"target_total": "1.123456789"}, "target_total"),
    ({"target_total": "1"}, "target_total"),
    ({"shards": 2}, "shards"),
    ({"shards": True}, "shards"),
    ({"adjustmentRate": 5}, "adjustmentRate"),
    ({"dry_run": True}, "dry_run"),
]


def test_everything_else_that_cannot_be_is_named(office: Office, administrator: httpx.Client) -> None:
    for body, field in REFUSED_OPTIONS:
        answer = send(administrator, {"adjustment_rate": 5, **body}, path="/preview")
        assert (answer.status_code, answer.json()["field"]) == (422, field), (body, answer.text)


UNREADABLE = [
    ("{", 422, "is not JSON"),
    ("[" * 100_000, 422, "cannot be read"),
    (b'{"memo": "\xff"}'.decode("latin-1"), 422, "required"),
    ('{"adjustment_rate": 5, "adjustment_rate": 50}', 422, "'adjustment_rate' twice"),
    (f'{{"memo": "{"x" * 1_100_000}"}}', 413, "bytes at most"),
]


def test_a_body_that_cannot_be_read_is_a_problem(office: Office, administrator: httpx.Client) -> None:
    for body, status, why in UNREADABLE:
        answer = send(administrator, body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), body[:80]
        assert why in answer.json()["detail"]
    assert history(administrator) == []


def test_options_of_one_batch_go_over_the_settings(office: Office, administrator: httpx.Client) -> None:
    asked = {"adjustment_rate": 5, "rounding": "toward_zero", "shards": 16}
    made = data(send(administrator, asked))
    assert (made["rounding"], made["shards"]) == ("toward_zero", 16)
    office.apply()
    rows = data(administrator.get(f"{HERE}/{made['batch_id']}/transactions"))["items"]
    assert {row["transaction_id"] for row in rows} == {made["batch_id"]}
    total = data(send(administrator, {"adjustment_rate": -1}, path="/preview"))["plan_sum"]
    pool = f"{total[:-1]}{(int(total[-1]) + 1) % 10}"
    assert data(send(administrator, {"adjustment_rate": -1, "target_total": pool}))["plan_sum"] == pool


def test_a_large_rate_is_typed_again(office: Office, administrator: httpx.Client) -> None:
    made = data(send(administrator, '{"adjustment_rate": 150.50, "confirm": "150.5"}'))
    assert (made["status"], made["adjustment_rate"]) == ("processing", 150.5)


# a preview


def test_a_preview_has_the_hash_of_the_batch_that_follows(office: Office, administrator: httpx.Client) -> None:
    asked = {"adjustment_rate": -3, "memo": "x"}
    seen = data(send(administrator, asked, path="/preview"))
    assert history(administrator) == []
    amounts = expected(office.before, "-3")
    assert seen["target_user_count"] == len(amounts) + seen["summary"]["skipped_zero_count"]
    assert round(float(seen["plan_sum"]) * 10**8) == sum(amounts.values())
    assert seen["summary"]["excluded"] == {"inactive": 2, "clock_ahead": 0, "zero_balance": 1, "below_zero": 0}
    assert seen["summary"]["top_changes"][0]["user_id"] == "user-02"
    assert sum(one["users"] for one in seen["summary"]["distribution"]) == len(amounts)
    first = seen["rows"][0]
    assert (first["user_id"], first["state"], first["reason"]) == ("user-00", "excluded", "zero_balance")
    made = data(send(administrator, asked))
    assert made["plan_sha256"] == seen["plan_sha256"]
    office.apply()
    proof = data(administrator.get(f"{HERE}/{made['batch_id']}/proof"))
    assert proof["ok"] is True
    assert seen["plan_sha256"] in proof["checks"][0]["found"]


# one wish, one batch


def test_a_key_makes_one_batch_and_one_answer(office: Office, administrator: httpx.Client, audit_rows: Call) -> None:
    asked = {"adjustment_rate": 5, "memo": "once"}
    first, second = (send(administrator, asked, key="wish") for _ in range(2))
    assert (first.status_code, second.text) == (202, first.text)
    office.apply()
    assert send(administrator, asked, key="wish").text == first.text
    other = send(administrator, {**asked, "memo": "other"}, key="wish")
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
    [batch_id] = history(administrator)
    assert len(audit_rows(batch_id)) == 1
    assert len(office.runner.launches) == 1


def test_a_key_holds_longer_than_its_answer_is_kept(
    office: Office, administrator: httpx.Client, audit_rows: Call
) -> None:
    """Also a web that was killed before it could answer leaves the key with the batch."""
    asked = {"adjustment_rate": 5}
    made = data(send(administrator, asked, key="wish"))
    for again in (1, 2):
        office.forget_answers()
        answer = data(send(administrator, asked, key="wish"))
        assert answer["batch_id"] == made["batch_id"]
        assert answer["status"] == ("processing" if again == 1 else "completed")
        office.apply()
    office.forget_answers()
    other = send(administrator, {"adjustment_rate": 6}, key="wish")
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
    assert len(audit_rows(made["batch_id"])) == 1
    assert len(office.runner.launches) == 1


def test_a_failed_batch_is_not_started_by_its_key(office: Office, administrator: httpx.Client) -> None:
    made = data(send(administrator, {"adjustment_rate": 5}, key="wish"))
    batches = office.context.store.batches
    batches.move(office.batch(made["batch_id"]), BatchStatus.FAILED, error_message="somebody has to look")
    office.forget_answers()
    assert data(send(administrator, {"adjustment_rate": 5}, key="wish"))["status"] == "failed"
    assert len(office.runner.launches) == 1


@pytest.mark.parametrize("key", ["same", None, "own"])
def test_the_same_call_many_times_at_once_makes_one_batch(office: Office, client: Client, key: str | None) -> None:
    ann = client(Role.ADMINISTRATOR, "ann")
    keys = [f"wish-{number}" if key == "own" else key for number in range(6)]
    answers = together(*(partial(send, ann, {"adjustment_rate": 5}, key=one) for one in keys))
    [batch_id] = history(ann)
    assert sorted({answer.status_code for answer in answers}) in ([202], [202, 409])
    assert {data(answer)["batch_id"] for answer in answers if answer.is_success} == {batch_id}
    if key != "same":
        refused = [answer.json()["detail"] for answer in answers if answer.status_code == 409]
        assert refused == [f"batch {batch_id} is open: finish or cancel it first"] * 5
    assert len(office.runner.launches) == 1
    office.apply()
    assert office.booked(batch_id) == expected(office.before, "5")


def test_a_second_batch_waits_for_the_first(office: Office, administrator: httpx.Client) -> None:
    first = data(send(administrator, {"adjustment_rate": 5}))["batch_id"]
    refused = send(administrator, {"adjustment_rate": -3})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/batch-is-open")
    assert first in refused.json()["detail"]
    office.apply()
    assert data(send(administrator, {"adjustment_rate": -3}))["status"] == "processing"


# what goes wrong around it


def test_a_start_that_dagster_does_not_hear_of_is_not_lost(office: Office, administrator: httpx.Client) -> None:
    office.runner.away = True
    made = data(send(administrator, {"adjustment_rate": 5}))
    assert made["status"] == "processing"
    assert office.runner.launches == {}
    assert [batch.batch_id for batch in service.waiting_for_worker(office.context)] == [made["batch_id"]]


def test_a_client_that_hangs_up_harms_nothing(office: Office, origin: str) -> None:
    place = urlsplit(origin)
    body = b'{"adjustment_rate": 5}'
    head = (
        f"POST {HERE} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: {token(Role.ADMINISTRATOR, 'ann')}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((place.hostname or "", place.port or 0)) as line:
        line.sendall(head.encode() + body)
        eventually(lambda: office.context.store.batches.page(limit=5).batches)  # it is under way
    eventually(lambda: office.runner.launches)
    office.apply()
    [batch] = office.context.store.batches.page(limit=5).batches
    assert (batch.status, office.booked(batch.batch_id)) == ("completed", expected(office.before, "5"))


def test_a_table_that_fails_answers_503_and_the_same_key_goes_on(
    office: Office,
    administrator: httpx.Client,
    settings: Settings,
    tables: Tables,
    s3: S3Client,
    dynamo_proxy: DynamoProxy,
    audit_rows: Call,
) -> None:
    there = settings.model_copy(update={"aws_endpoint_url_dynamodb": dynamo_proxy.url})
    far = aws.client("dynamodb", there, attempts=1)
    store = open_store(far, tables, s3, settings.lake_bucket, clock=office.clock, patience=IMPATIENT)
    office.context = replace(office.context, store=store)
    office.open()
    for operation in ("GetItem", "Query"):
        dynamo_proxy.refuse(operation, "ThrottlingException", times=50)
    failed = administrator.get(HERE)
    assert (failed.status_code, failed.json()["type"]) == (503, "/problems/aws-busy")
    assert int(failed.headers["retry-after"]) > 0
    dynamo_proxy.calm()
    dynamo_proxy.refuse("UpdateItem", "ThrottlingException", times=50)
    failed = send(administrator, {"adjustment_rate": 5}, key="wish")
    assert failed.status_code == 503, failed.text
    dynamo_proxy.calm()
    [left] = data(administrator.get(HERE))["items"]
    assert left["status"] == "pending"
    made = data(send(administrator, {"adjustment_rate": 5}, key="wish"))
    assert (made["batch_id"], made["status"]) == (left["batch_id"], "processing")
    office.apply()
    assert office.booked(made["batch_id"]) == expected(office.before, "5")
    assert len(audit_rows(made["batch_id"])) == 1


# who may


def test_only_administrators_execute(office: Office, client: Client, viewer: httpx.Client) -> None:
    made = office.make()
    writes = [
        *("", "/preview"),
        *(f"/{made.batch_id}/{verb}" for verb in ("approve", "cancel", "resume", "reverse", "reverse/preview")),
    ]
    reads = ["", f"/{made.batch_id}", *(f"/{made.batch_id}/{name}" for name in ("transactions", "plan", "proof"))]
    for role in (Role.VIEWER, Role.OPERATOR, Role.APPROVER):
        for path in writes:
            answer = send(client(role), {"adjustment_rate": 5}, path=path)
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), (role, path)
            assert "batch:execute" in answer.json()["detail"]
    for path in reads:
        assert viewer.get(f"{HERE}{path}").status_code == 200, path
        assert client().get(f"{HERE}{path}").status_code == 401
    for path in writes:
        assert send(client(), {"adjustment_rate": 5}, path=path).status_code == 401
    assert client().get(HERE).headers["www-authenticate"] == "Bearer"
    assert history(viewer) == [made.batch_id]
