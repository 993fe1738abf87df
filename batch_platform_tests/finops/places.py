"""Deliveries and months of a project whose connection changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from batch_platform.finops import service
from batch_platform.finops.model import MonthState
from batch_platform.finops.service import FetchStatus
from batch_platform_tests.finops.bucket import MONTH, CurBucket, csv_gz
from batch_platform_tests.finops.conftest import Project

Make = Callable[..., Project]


def deliver(
    project: Project, cost: str, month: date = MONTH, *, bucket: CurBucket | None = None, **more: Any
) -> None:
    line = project.line("Usage", cost, month=month, **more)
    (bucket or project.bucket).deliver(month, [csv_gz([line])])


def unblended(project: Project, month: date = MONTH) -> Decimal | None:
    """What readers see; None for a month that is not published."""
    with project.context.store.transaction() as session:
        published, costs = session.month(project.id, month), session.costs(project.id, month, month)
    assert published is not None or costs.is_empty()
    return None if published is None else sum(costs["unblended"].to_list(), Decimal(0))


def state(project: Project, month: date = MONTH) -> MonthState:
    with project.context.store.transaction() as session:
        published = session.month(project.id, month)
    assert published is not None
    return published.state


def restated(project: Project) -> list[tuple[Any, ...]]:
    with project.context.store.transaction() as session:
        rows = session.restatements(project.id)
    return rows.select("reason", "unblended_before", "unblended_after").rows()


def catch_up(project: Project) -> list[FetchStatus]:
    """Both batches as they are asked for without naming a month."""
    outcomes = service.fetch_project(project.context, project.connection)
    for month in project.context.months_to_aggregate(project.id):
        project.read(month.month)
        project.publish(month.month)
    return [outcome.status for outcome in outcomes]
