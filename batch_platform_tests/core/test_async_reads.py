"""Reads of coroutines: shared with others, never older than their question, and on a connection that may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL

from batch_platform.core import postgres
from batch_platform.core.async_reads import AsyncReads
from batch_platform.core.batched import Batched
from batch_platform.core.failures import TransientFailure
from batch_platform_tests.waiting import PATIENCE

WHO = SQL("SELECT pg_backend_pid() AS pid, %(word)s AS word")


def run(reading: Coroutine[Any, Any, Any]) -> None:
    """In a thread of its own: the tests' browser keeps a loop in the first one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, reading).result()


@pytest.fixture
def reads(database_url: str) -> Iterator[AsyncReads]:
    with postgres.open_pool(database_url, application_name="core-tests") as pool:
        reads = AsyncReads(pool)
        yield reads
        reads.close()


class Shelf:
    """What is asked, one query at a time; each waits until it may go on."""

    def __init__(self) -> None:
        self.queries: list[set[str]] = []
        self.gate = asyncio.Semaphore(0)
        self.failure: Exception | None = None
        self.batched = Batched(self.ask)

    async def ask(self, keys: Collection[str]) -> dict[str, int]:
        self.queries.append(set(keys))
        number = len(self.queries)
        await asyncio.wait_for(self.gate.acquire(), PATIENCE)
        if self.failure is not None:
            raise self.failure
        return dict.fromkeys(keys, number)


def test_who_asks_while_a_query_runs_shares_the_next_one() -> None:
    async def read() -> None:
        shelf = Shelf()
        first = asyncio.create_task(shelf.batched.get(["a"]))
        await asyncio.sleep(0.01)
        others = [asyncio.create_task(shelf.batched.get([key])) for key in ("a", "b", "a", "c")]
        await asyncio.sleep(0.01)
        others.pop().cancel()  # one that leaves takes nobody's answer along
        shelf.gate.release()
        shelf.gate.release()
        assert (await first)["a"] == 1
        assert [(await other).get("a") for other in others] == [2, 2, 2]
        assert shelf.queries == [{"a"}, {"a", "b", "c"}]

    run(read())


def test_a_failure_is_that_of_its_batch_alone() -> None:
    async def read() -> None:
        shelf = Shelf()
        shelf.failure = TransientFailure("database-failed", "away")
        both = [asyncio.create_task(shelf.batched.get([key])) for key in ("a", "b")]
        shelf.gate.release()
        assert [type(outcome) for outcome in await asyncio.gather(*both, return_exceptions=True)] == [
            TransientFailure
        ] * 2
        shelf.failure = None
        shelf.gate.release()
        assert await shelf.batched.get(["a"]) == {"a": 2}

    run(read())


def test_one_connection_serves_all_and_is_made_again_when_it_was_lost(reads: AsyncReads, database_url: str) -> None:
    async def read() -> None:
        rows = [(await reads.rows(WHO, {"word": word}))[0] for word in ("one", "two")]
        assert [row["word"] for row in rows] == ["one", "two"]
        [pid] = {row["pid"] for row in rows}
        with psycopg.connect(database_url, autocommit=True) as other:
            assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)
        [row] = await reads.rows(WHO, {"word": "three"})
        assert row["word"] == "three"
        assert row["pid"] != pid

    run(read())


def test_each_read_sees_what_is_committed_by_then(reads: AsyncReads, database_url: str) -> None:
    async def read() -> None:
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("CREATE TABLE numbers (number integer)")
            for number in range(3):
                other.execute("INSERT INTO numbers VALUES (%s)", [number])
                [row] = await reads.rows(SQL("SELECT count(*) AS count FROM numbers"), {})
                assert row["count"] == number + 1

    run(read())


def test_a_dead_server_is_transient_and_keeps_the_password(unused_port: int) -> None:
    url = f"postgresql://someone:hunter2-geheim@127.0.0.1:{unused_port}/db"
    with (
        postgres.open_pool(url, application_name="core-tests") as pool,
        pytest.raises(TransientFailure, match="PostgreSQL at") as caught,
    ):
        run(AsyncReads(pool).rows(WHO, {"word": "x"}))
    assert "geheim" not in str(caught.value)
