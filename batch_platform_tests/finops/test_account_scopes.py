"""An account belongs to one project a month; a connection says whose accounts it delivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import InvalidInput
from batch_platform.finops import service
from batch_platform.finops.model import Connection
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.service.publish import ChecksFailed
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.months import costs, deliver, stored


def test_an_account_of_another_project_blocks(project: Project, make_project: Callable[..., Project]) -> None:
    other = make_project()
    deliver(project, "1")
    project.run()
    rows = [other.line("Usage", "2"), other.line("Usage", "2", account=project.account, payer=project.payer)]
    other.bucket.deliver(MONTH, [csv_gz(rows)])
    with pytest.raises(
        ChecksFailed, match=f"account {project.account} of payer {project.payer} is in project {project.id}"
    ):
        other.run()
    assert costs(other).height == 0
    assert costs(project)["unblended"].to_list() == [1]


def test_the_same_account_of_another_payer_or_month_does_not_block(
    project: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    deliver(project, "1")
    project.run()
    other.bucket.deliver(MONTH, [csv_gz([other.line("Usage", "2", account=project.account)])])
    assert other.run().published is not None
    third = make_project()
    month = date(2024, 9, 1)
    third.bucket.deliver(
        month, [csv_gz([third.line("Usage", "2", account=project.account, payer=project.payer, month=month)])]
    )
    assert third.run(month).published is not None


def test_two_projects_share_a_payer_by_their_scopes(make_project: Callable[..., Project]) -> None:
    left = make_project()
    right = make_project()
    accounts = [left.account, right.account]
    for place in (left, right):
        rows = [
            place.line("Usage", cost, account=account, payer=left.payer)
            for account, cost in zip(accounts, "12", strict=True)
        ]
        place.bucket.deliver(MONTH, [csv_gz(rows)])
    left.reconnect(account_scope=(left.account,))
    right.reconnect(account_scope=(right.account,))
    assert left.run().costs.select("usage_account_id", "unblended").rows() == [(left.account, 1)]
    assert right.run().costs.select("usage_account_id", "unblended").rows() == [(right.account, 2)]


def test_a_vanished_column_is_a_warning(project: Project) -> None:
    deliver(project, "1", **{"resourceTags/user:team": "a"})
    project.run()
    deliver(project, "1", assembly="second")
    outcome = project.run()
    assert outcome.published is not None
    [check] = [check for check in outcome.published.checks if check.name == "columns_kept"]
    assert (check.passed, check.blocking, check.description) == (False, False, "vanished: resourceTags/user:team")


# connections


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project_id", "Has Capitals"),
        ("project_id", ""),
        ("bucket", "B!"),
        ("report_name", ""),
        ("report_name", "a/b"),
        ("role_arn", "arn:aws:iam::1:role/x"),
        ("external_id", "secret-without-a-role"),
    ],
)
def test_a_malformed_connection_names_its_field(context: FinopsContext, field: str, value: str) -> None:
    good = Connection("good-id", "n", "bucket", "p", "r", "ap-northeast-1")
    with pytest.raises(InvalidInput) as failure:
        service.add_project(context, replace(good, **{field: value}))
    assert failure.value.field == field
    assert "secret" not in failure.value.message


def test_adding_the_same_connection_again_changes_nothing(project: Project, pool: postgres.Pool) -> None:
    rows = stored(project, pool, "finops_project_connections")
    assert service.add_project(project.context, project.connection) is False
    assert stored(project, pool, "finops_project_connections") == rows
    assert service.add_project(project.context, replace(project.connection, name="Other"), dry_run=True) is True
    assert stored(project, pool, "finops_project_connections") == rows
    assert service.add_project(project.context, replace(project.connection, name="Other")) is True
    assert project.context.connection(project.id).name == "Other"
