"""One file delivered as AWS does, and what reading it came to."""

from __future__ import annotations

import gzip

import polars as pl

from batch_platform_tests.finops.bucket import MONTH, File
from batch_platform_tests.finops.conftest import Project

COSTS = ["1.5", "-0.25", "1e-7", "0.000000000001"]


def rows(project: Project) -> list[dict[str, str]]:
    return [project.line("Usage", cost) for cost in COSTS]


def read_one(project: Project, file: File) -> pl.DataFrame:
    """Deliver one file, read it, and return its line items; it must be DONE."""
    project.bucket.deliver(MONTH, [file])
    project.fetch()
    outcome = project.read()
    assert (outcome.errors, outcome.done) == ([], 1)
    return project.rows()


def refusal(project: Project, file: File) -> str:
    """Deliver one file, and return why it is ERROR: one line that begins with its name."""
    [key] = project.bucket.deliver(MONTH, [file])
    project.fetch()
    outcome = project.read()
    [stored] = project.files()
    assert (outcome.done, stored["status"], stored["line_items_key"]) == (0, "ERROR", None)
    message = stored["error_message"]
    assert message.startswith(f"{project.bucket.uri(key)}: ")
    assert "\n" not in message
    assert outcome.errors == [f"{project.id}: {message}"]
    assert project.publish().in_error
    return message.removeprefix(f"{project.bucket.uri(key)}: ")


def gz_member(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)
