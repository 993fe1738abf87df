"""Files that wait for an operator and deliveries that wait for AWS, as operations lists them."""

from __future__ import annotations

from batch_platform.core import postgres
from batch_platform.finops import service
from batch_platform.finops.service.poll import LATE_AFTER
from batch_platform.finops.waiting import WAITING
from batch_platform.operations.waiting import Waiting
from batch_platform.web.access.model import Role
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.waiting_rows import reader, waits

ONO = reader("local:ono", Role.OPERATOR)


def rows(pool: postgres.Pool, project: Project, name: str) -> list[Waiting]:
    found = waits(pool, WAITING, project.context.clock(), ONO).get(name, [])
    return [row for row in found if row.subject == f"{project.id} {MONTH:%Y-%m}"]


def test_files_in_error_wait_to_be_requeued(pool: postgres.Pool, project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "x")]), csv_gz([project.line()])])
    project.fetch()
    assert rows(pool, project, "finops-files") == []
    project.read()
    [row] = rows(pool, project, "finops-files")
    assert (row.what, row.until) == (f"project {project.id} {MONTH:%Y-%m}: files in error: 1", None)
    assert (row.path, row.may_decide(ONO)) == (f"/console/projects/{project.id}/files", True)
    service.requeue(project.context, project.id, None)
    assert rows(pool, project, "finops-files") == []


def test_a_delivery_waits_for_its_files_until_the_project_is_late(pool: postgres.Pool, project: Project) -> None:
    keys = project.bucket.deliver(MONTH, [csv_gz([project.line()]), csv_gz([project.line()])])
    project.bucket.delete(keys[1])
    project.fetch()
    [row] = rows(pool, project, "finops-delivery")
    assert row.what == f"project {project.id} {MONTH:%Y-%m}: files that are missing: 1"
    [[created]] = _values(
        pool, "SELECT created_at FROM finops.finops_project_connections WHERE project_id = %s", project
    )
    assert row.until == created + LATE_AFTER


def _values(pool: postgres.Pool, query: str, project: Project) -> list[tuple[object, ...]]:
    with postgres.transaction(pool) as connection:
        return connection.execute(query.encode(), [project.id]).fetchall()
