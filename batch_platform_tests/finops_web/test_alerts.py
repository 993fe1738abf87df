"""The domain's alert rules, judged by operations on real rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.finops import service
from batch_platform.finops.alerts import RULES
from batch_platform.finops.model import Budget
from batch_platform.finops.service import Discovery
from batch_platform.operations.alerts import judge
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project

NOW = datetime(2024, 11, 11, tzinfo=UTC)  # the tests' clock stands on the day before
Told = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def told(pool: postgres.Pool, project: Project) -> Told:
    """The open incidents of a rule about the project, after judging it at a moment."""
    rules = {rule.name: rule for rule in RULES}

    def judged(name: str, now: datetime = NOW) -> list[tuple[str, str]]:
        judge(pool, rules[name], now=now)
        with postgres.transaction(pool) as connection:
            return connection.execute(
                "SELECT subject, summary FROM operations.incidents"
                " WHERE rule = %s AND resolved_at IS NULL AND subject LIKE %s ORDER BY subject",
                [name, f"{project.id}%"],
            ).fetchall()

    return judged


def test_a_restated_month_is_told_for_a_week(project: Project, told: Told) -> None:
    invoiced = {"bill/InvoiceId": "1"}
    for assembly, cost in (("first", "1.5"), ("second", "2")):
        project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", cost, invoiced)])], assembly=assembly)
        project.run()
    [(subject, summary)] = told("finops-month-restated")
    assert subject.startswith(f"{project.id} {MONTH:%Y-%m} ")
    assert "by 0.5 USD" in summary
    assert told("finops-month-restated", NOW + timedelta(days=8)) == []


def test_an_unknown_type_is_told_until_it_is_gone(project: Project, told: Told) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line("Novelty", "1")])])
    project.run()
    [(subject, summary)] = told("finops-unknown-types")
    assert (subject, "Novelty" in summary) == (f"{project.id} {MONTH:%Y-%m}", True)
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "1")])], assembly="second")
    project.run()
    assert told("finops-unknown-types") == []


def test_a_late_delivery_is_told(project: Project, told: Told) -> None:
    assert told("finops-late-delivery", NOW) == []
    later = NOW + timedelta(days=4)
    [(_, nothing)] = told("finops-late-delivery", later)
    assert nothing == f"project {project.id}: nothing is published yet"
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.run()  # what the emulator dates with the real clock
    assert told("finops-late-delivery", later) == []


def test_a_budget_is_told_when_it_is_exceeded(project: Project, told: Told) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "10.5")])])
    project.run()
    service.set_budget(project.context, Budget(project.id, "list", "USD", Decimal(10)))
    service.set_budget(project.context, Budget(project.id, "unblended", "USD", Decimal(10)))
    [(_, summary)] = told("finops-budget-exceeded")
    assert summary == f"project {project.id} {MONTH:%Y-%m}: 10.5 USD is spent of a budget of 10 (unblended)"
    service.set_budget(project.context, Budget(project.id, "unblended", "USD", Decimal("10.5")))
    assert told("finops-budget-exceeded") == []


def test_a_role_that_cannot_be_assumed_is_one_incident_of_its_project(project: Project, told: Told) -> None:
    role = "role arn:aws:iam::111122223333:role/reports"
    refused = PermanentFailure("role-not-assumable", "{context} cannot be assumed", context=role)
    busy = TransientFailure("aws-busy", "{context}: AWS is busy", context="s3://b")
    for failure, now, summaries in (
        (refused, NOW, [f"project {project.id} cannot be read: {role} cannot be assumed"]),
        (refused, NOW, [f"project {project.id} cannot be read: {role} cannot be assumed"]),
        (None, NOW, []),
        (busy, NOW, []),
        (busy, NOW + timedelta(minutes=20), [f"project {project.id} cannot be read: s3://b: AWS is busy"]),
    ):
        seen = Discovery((), (), (), {project.id: failure} if failure else {})
        service.remember_unreadable(replace(project.context, clock=lambda: NOW), seen)
        assert [summary for _, summary in told("finops-project-unreadable", now)] == summaries


def test_a_poll_says_which_projects_could_not_be_read(project: Project) -> None:
    gone = replace(project.connection, bucket="no-such-bucket-anywhere")
    found = service.discover(project.context, [gone], requested={}, at_most=9)
    assert [failure.message.id for failure in found.failures.values()] == ["bucket-missing"]
