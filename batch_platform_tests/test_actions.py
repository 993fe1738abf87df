"""Nothing is written by a person without saying which action it is, and each action is one that is declared.

That an action leaves exactly one row in the audit log, on each of its surfaces, is walked where its domain is tested.
"""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from batch_platform import domains
from batch_platform.cli import app as command_line
from batch_platform.registry import action_names
from batch_platform.server import create_app
from batch_platform_tests.surfaces import SAFE, commands, marks

# Sent by POST, because they carry a form or a body, but nothing is written by them.
READS = {
    **dict.fromkeys(
        (
            "/api/admin/batch-operations/preview",
            "/api/admin/batch-operations/{batchId:uuid7}/reverse/preview",
            "/console/admin/batch-operations/preview",
            "/console/admin/batch-operations/{batch_id}/preview-reversal",
        ),
        "what a batch would do, and the question before it",
    ),
    "/api/projects/{projectId:name}:test": "a trial of what the batches would read",
    "/console/projects/{project_id}/test": "a trial of what the batches would read",
    "/console/zengin/ask": "the question before a decision",
    "/login/language": "a cookie of the browser",
}
# Commands with a dry run whose writes are of the machine or of made-up data: no person's decision about ours.
OF_THE_MACHINE = {"provision": "tables and buckets of an environment"}


@pytest.fixture(scope="module")
def app(clean_environment: None, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        patch.setenv("BATCH_PLATFORM_SECRET", "s" * 32)
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        return create_app(domains.load_settings())


def routes(app: FastAPI) -> list[Any]:
    return [route for route in iter_route_contexts(app.routes) if not isinstance(route.original_route, Mount)]


def callbacks() -> list[tuple[str, Any, bool]]:
    """Path, function and whether it has a dry run, of every command."""
    return [
        (path, command.callback, any("--dry-run" in option.opts for option in command.params))
        for path, command in commands(command_line)
    ]


def test_every_route_that_writes_says_what_it_does(app: FastAPI) -> None:
    silent = {
        route.path
        for route in routes(app)
        if set(route.methods or ()) - SAFE and not marks(route.endpoint) and route.path not in READS
    }
    assert silent == set()


def test_every_command_that_writes_says_what_it_does() -> None:
    silent = {
        path
        for path, callback, dry_run in callbacks()
        if dry_run and not marks(callback) and path.split()[0] not in OF_THE_MACHINE
    }
    assert silent == set()


def test_whatever_is_done_is_declared_and_can_be_done(app: FastAPI) -> None:
    done = {name for route in routes(app) for name in marks(route.endpoint)}
    done |= {name for _, callback, _ in callbacks() for name in marks(callback)}
    assert done == set(action_names())
