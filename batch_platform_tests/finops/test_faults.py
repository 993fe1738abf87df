"""What nobody foresaw: one sentence that names project, file and column where known, and nobody else is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest

from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.finops import service
from batch_platform.finops.service import aggregate, publish
from batch_platform.finops.service.faults import one_sentence
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project


def delivered(make_project: Callable[..., Project], count: int) -> list[Project]:
    projects = [make_project() for _ in range(count)]
    for project in projects:
        project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "2")])])
        project.fetch()
    return projects


def aggregate_all(projects: list[Project]) -> dict[str, Any]:
    steps = service.aggregate_all(projects[0].context, MONTH, limit=100)
    return {step.project_id: step for step in steps}


def test_an_exception_while_a_month_is_published_stops_no_other(make_project: Callable[..., Project]) -> None:
    projects = delivered(make_project, 3)
    broken = projects[1]
    original = publish._summarise

    def summarise(context: Any, connection: Any, *rest: Any) -> Any:
        if connection.project_id == broken.id:
            raise KeyError("resource_tags")
        return original(context, connection, *rest)

    with patch.object(publish, "_summarise", summarise):
        steps = aggregate_all(projects)
    assert {project.id: type(steps[project.id]).__name__ for project in projects} == {
        projects[0].id: "AggregateStep",
        broken.id: "Failed",
        projects[2].id: "AggregateStep",
    }
    assert steps[broken.id].message == f"{broken.id} 2024-10: KeyError: 'resource_tags'"


@pytest.mark.parametrize("error", [AttributeError("no such thing\nat all"), pl.exceptions.PanicException("overflow")])
def test_an_exception_while_a_file_is_read_is_its_error(
    make_project: Callable[..., Project], error: BaseException
) -> None:
    projects = delivered(make_project, 2)
    [file] = projects[0].files()
    where = projects[0].bucket.uri(file["object_key"])
    original = aggregate.check_file

    def check(*rows: Any, where: str, **more: Any) -> Any:
        if where == told:
            raise error
        return original(*rows, where=where, **more)

    told = where
    with patch.object(aggregate, "check_file", check):
        steps = aggregate_all(projects)
    sentence = f"{where}: {type(error).__name__}: {str(error).splitlines()[0]}"
    assert steps[projects[0].id].read.errors == [f"{projects[0].id}: {sentence}"]
    assert projects[0].files()[0]["error_message"] == sentence
    assert steps[projects[1].id].publication.published is not None


def test_a_polars_expression_tells_its_column() -> None:
    frame = pl.DataFrame({"a": ["x"], "resource_tags": ["y"]})
    with pytest.raises(PermanentFailure, match=r"^s3://b/k: .* \(column resource_tags\)$"), one_sentence("s3://b/k"):
        frame.select("a", pl.col("resource_tags").cast(pl.Int64))


def test_a_full_disk_may_pass() -> None:
    with pytest.raises(TransientFailure, match=r"^s3://b/k: the disk is full"), one_sentence("s3://b/k"):
        raise OSError(28, "No space left on device")
