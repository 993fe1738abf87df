"""Calls of the btc API, and what it answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from batch_platform_tests.waiting import PATIENCE

HERE = "/api/admin/batch-operations"


Body = str | dict[str, Any]


def send(client: httpx.Client, body: Body | None = None, *, key: str | None = None, path: str = "") -> httpx.Response:
    """Post a body; a text is sent as it stands, so that its numbers are not Python's."""
    headers = {} if key is None else {"Idempotency-Key": key}
    if body is None:
        return client.post(f"{HERE}{path}", headers=headers)
    content = body if isinstance(body, str) else json.dumps(body)
    headers["Content-Type"] = "application/json"
    return client.post(f"{HERE}{path}", content=content.encode(), headers=headers)


def data(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    envelope = answer.json()
    assert envelope["success"] is True
    value: dict[str, Any] = envelope["data"]
    return value


def history(client: httpx.Client) -> list[str]:
    return [batch["batch_id"] for batch in data(client.get(f"{HERE}?limit=100"))["items"]]


def together(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Their answers, all asked at the same moment."""
    gate = threading.Barrier(len(calls))

    def call(send: Callable[[], httpx.Response]) -> httpx.Response:
        gate.wait(PATIENCE)
        return send()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))
