"""Idempotency-Key: one key, one effect, one answer; also when processes are killed and clients race."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from batch_platform.core import postgres
from batch_platform.web.access.model import Role
from batch_platform.web.api.idempotency import KEPT, LEASE
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.site import Site

PATH = "/api/shop/orders"
BODY = {"parameters": {"dryRun": True, "targetDate": "2026-10-01"}}


@pytest.fixture
def client(site: Site) -> httpx.Client:
    return site.program(Role.OPERATOR, Role.ADMINISTRATOR, name="ci")


def order(client: httpx.Client, key: str, body: object = BODY, path: str = PATH) -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


def keys(site: Site) -> list[tuple[object, ...]]:
    with postgres.transaction(site.context.pool) as connection:
        return connection.execute("SELECT status, owner FROM web.idempotency_keys").fetchall()


def test_the_same_key_and_body_give_the_same_answer(site: Site, client: httpx.Client) -> None:
    first, second = order(client, "k"), order(client, "k")
    assert (first.status_code, first.json()["data"]["number"]) == (201, 1)
    assert (second.status_code, second.content) == (201, first.content)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(site.till.orders) == 1


def test_without_a_key_everything_happens_again(site: Site, client: httpx.Client) -> None:
    assert [client.post(PATH, json=BODY).json()["data"]["number"] for _ in range(2)] == [1, 2]
    assert keys(site) == []


def test_another_body_is_refused(site: Site, client: httpx.Client) -> None:
    order(client, "k")
    refused = order(client, "k", {"note": "other"})
    assert (refused.status_code, refused.json()["field"]) == (422, "Idempotency-Key")
    assert order(client, "k", path=f"{PATH}?x=1").status_code == 422
    assert len(site.till.orders) == 1


def test_a_key_belongs_to_principal_method_and_path(site: Site, client: httpx.Client) -> None:
    tokens = {order(client, "k").json()["data"]["token"]}
    other = site.program(Role.OPERATOR, name="other")
    tokens.add(order(other, "k").json()["data"]["token"])
    assert client.put(PATH, headers={"Idempotency-Key": "k"}).json()["data"] == "replaced"
    assert len(site.till.orders) == 2
    assert len(tokens) == 2


def test_what_failed_can_be_tried_again(site: Site, client: httpx.Client) -> None:
    assert order(client, "k", {"parameters": {"dryRun": "off"}}).status_code == 422
    assert order(site.program(Role.VIEWER, name="ci"), "k").status_code == 403
    assert keys(site) == []
    assert order(client, "k").status_code == 201


@pytest.mark.parametrize("key", [b"", b"a b", b"x" * 201, b"\xe9"])
def test_malformed_keys(site: Site, client: httpx.Client, key: bytes) -> None:
    answer = client.post(PATH, json=BODY, headers=[(b"Idempotency-Key", key)])
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert client.post(PATH, json=BODY, headers=two).status_code == 422
    assert site.till.orders == []


def test_a_request_under_way_is_a_conflict(site: Site, client: httpx.Client) -> None:
    site.till.hold = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(order, client, "k")
        assert site.till.held.wait(PATIENCE)
        second = order(client, "k")
        assert (second.status_code, second.headers["retry-after"]) == (409, "2")
        site.till.hold.set()
        answer = first.result(PATIENCE)
    assert answer.status_code == 201
    assert order(client, "k").content == answer.content


def test_a_race_has_one_effect(site: Site, client: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as executor:
        answers = list(executor.map(lambda _: order(client, "k"), range(32)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert len(site.till.orders) == 1


def test_stored_answers_expire(site: Site) -> None:
    order(site.program(Role.OPERATOR, name="ci"), "k")
    site.clock.pass_by(KEPT + timedelta(seconds=1))
    assert order(site.program(Role.OPERATOR, name="ci"), "other").status_code == 201
    assert len(keys(site)) == 1
    assert order(site.program(Role.OPERATOR, name="ci"), "k").json()["data"]["number"] == 3


def test_a_lease_of_another_machine_is_waited_for(site: Site, client: httpx.Client) -> None:
    order(client, "k")
    with postgres.transaction(site.context.pool) as connection:
        connection.execute(
            "UPDATE web.idempotency_keys SET owner = 'elsewhere/1/2/x', status = NULL, headers = NULL, body = NULL"
        )
    assert order(client, "k").status_code == 409
    site.clock.pass_by(LEASE)
    assert order(site.program(Role.OPERATOR, name="ci"), "k", {"note": "other"}).status_code == 422
    assert order(site.program(Role.OPERATOR, name="ci"), "k").status_code == 201


@contextmanager
def another_process(database_url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "batch_platform_tests.web.site", database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.faults
def test_a_killed_process_frees_its_key(site: Site, client: httpx.Client, web_database: str) -> None:
    key = uuid4().hex
    with another_process(web_database) as (process, url), ThreadPoolExecutor(1) as executor:
        held = executor.submit(httpx.post, url + PATH, json=BODY, headers={**client.headers, "Idempotency-Key": key})
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert order(client, key).status_code == 409
        process.kill()
        process.wait()
        assert isinstance(held.exception(10), httpx.HTTPError)
    assert order(client, key, {"note": "other"}).status_code == 422
    assert order(client, key).status_code == 201
    assert order(client, key).headers["idempotency-replayed"] == "true"
    assert len(site.till.orders) == 1
