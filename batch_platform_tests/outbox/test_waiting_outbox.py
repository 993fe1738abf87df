"""Notices that were given up wait for an operator, as operations lists them."""

from __future__ import annotations

from batch_platform.core import postgres
from batch_platform.outbox.waiting import WAITING
from batch_platform.web.access.model import Role
from batch_platform_tests.outbox.rig import Outbox
from batch_platform_tests.waiting_rows import reader, waits

A = "a@example.com"


def test_a_notice_that_was_given_up_waits_for_an_operator(outbox: Outbox, pool: postgres.Pool) -> None:
    ono = reader("local:ono", Role.OPERATOR)
    outbox.consent(A)
    outbox.advertise(A)
    assert waits(pool, WAITING, outbox.clock(), ono) == {}
    outbox.deliver(sender=outbox.options.sender.__class__("x@example.com", "x"))
    [row] = waits(pool, WAITING, outbox.clock(), ono, mine=True)["outbox-failed"]
    assert (row.what, row.path) == ("of shop: 1", "/console/outbox?state=failed&domain=shop")
    assert not row.may_decide(reader("local:apu", Role.APPROVER))
