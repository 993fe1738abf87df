"""What a domain says of its notices by a function of its own schema, asked when they are about to be sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import TransientFailure
from batch_platform.outbox import service
from batch_platform.outbox.model import Channel, Notice
from batch_platform_tests.outbox.rig import Outbox

A, B, C = "a@example.com", "b@example.com", "c@example.com"
EXCLUDED = """
    SELECT n.key, 'excluded: ' || e.why
      FROM jsonb_to_recordset(notices) AS n(key text, template text, category text, recipient text, parameters jsonb)
      JOIN shop.exclusions e ON e.name = n.parameters ->> 'name'
     WHERE at >= e.since AND n.template = 'receipt' AND n.recipient <> ''
"""


class Shop:
    """A domain of these tests that has a schema."""

    def __init__(self, pool: postgres.Pool) -> None:
        self._pool = pool

    def run(self, statement: str) -> None:
        with postgres.transaction(self._pool) as connection:
            connection.execute(statement.encode())

    def says(self, query: str) -> None:
        """What its function answers with."""
        self.run(
            f"CREATE OR REPLACE FUNCTION shop.vetoes(notices jsonb, at timestamptz)"
            f" RETURNS TABLE (key text, reason text) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY {query}; END $$"
        )


@pytest.fixture
def shop(pool: postgres.Pool) -> Iterator[Shop]:
    shop = Shop(pool)
    shop.run("DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop")
    shop.run("CREATE TABLE shop.exclusions (name text, why text, since timestamptz)")
    yield shop
    shop.run("DROP SCHEMA shop CASCADE")


def test_a_domain_vetoes_what_it_no_longer_wants_sent(outbox: Outbox, shop: Shop) -> None:
    shop.says(EXCLUDED)
    outbox.server.rcpt = {A: "450 4.2.1 later"}
    outbox.add(A, parameters={"name": "山田"})
    outbox.add(B, parameters={"name": "佐藤"})
    with postgres.transaction(outbox.pool) as connection:  # of a domain that has nothing to say
        service.enqueue(connection, "o'ther", [Notice("c", Channel.MAIL, "receipt", C)], at=outbox.clock())
    outbox.deliver()
    assert outbox.states() == {A: "pending not-taken", B: "accepted", C: "failed not-rendered"}
    # excluded after it was handed over and tried once
    shop.run("INSERT INTO shop.exclusions VALUES ('山田', 'a former employer', '-infinity')")
    outbox.server.rcpt = {}
    outbox.clock.pass_by(minutes=1)
    outbox.deliver()
    [row, *_] = outbox.rows()
    assert (row["state"], row["reason"], row["detail"], row["attempts"]) == (
        "skipped",
        "vetoed",
        "excluded: a former employer",
        1,
    )
    assert outbox.server.recipients() == [B]


def test_a_domain_that_cannot_say_holds_back_its_own_notices_alone(outbox: Outbox, shop: Shop) -> None:
    shop.says("SELECT 'a', (1 / 0)::text")
    outbox.add(A, B)
    with postgres.transaction(outbox.pool) as connection:
        service.enqueue(connection, "other", [Notice("c", Channel.MAIL, "receipt", C)], at=outbox.clock())
    outbox.deliver()
    states = outbox.states()
    assert states == {A: "failed not-judged", B: "failed not-judged", C: "failed not-rendered"}
    assert outbox.rows()[0]["detail"] == "division by zero"
    shop.says("SELECT null::text, null::text WHERE false")
    service.retry(outbox.worker(), str(outbox.rows()[0]["id"]), record=lambda *_: None)
    outbox.deliver()
    assert outbox.states()[A] == "accepted"


def test_what_may_pass_is_waited_for(outbox: Outbox, shop: Shop) -> None:
    shop.run(
        "CREATE FUNCTION shop.vetoes(notices jsonb, at timestamptz) RETURNS TABLE (key text, reason text)"
        " LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = 'lock_not_available'; END $$"
    )
    outbox.add(A)
    with pytest.raises(TransientFailure):
        outbox.deliver()
    assert outbox.states() == {A: "pending"}
