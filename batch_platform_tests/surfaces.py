"""Which surfaces carry out which actions, as they are marked by `core.audit.writes`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from fastapi import APIRouter

from batch_platform.core import postgres
from batch_platform.core.audit import AuditEntry, AuditStore

SAFE = {"GET", "HEAD", "OPTIONS"}

Surfaces = set[tuple[str, str]]
"""Name of an action and `api`, `form` or `command`."""


def of_routers(*routers: APIRouter) -> Surfaces:
    found = {(route.path, route.endpoint) for router in routers for route in router.routes}  # type: ignore[attr-defined]
    return {
        (name, "api" if path.startswith("/api/") else "form") for path, endpoint in found for name in marks(endpoint)
    }


def of_commands(app: typer.Typer) -> Surfaces:
    return {(name, "command") for _, command in commands(app) for name in marks(command.callback)}


def commands(app: typer.Typer) -> Iterator[tuple[str, Any]]:
    """Every command by its path."""
    yield from _below(typer.main.get_command(app), "")


def marks(surface: Any) -> Iterable[str]:
    named: tuple[str, ...] = getattr(surface, "audited", ())
    return named


@contextmanager
def one_row(pool: postgres.Pool, name: str) -> Iterator[list[AuditEntry]]:
    """What is done inside leaves exactly one row, of this action, carried out; it is there afterwards."""
    store = AuditStore(pool)
    newest = next((row.id for row in store.rows(limit=1)), 0)
    found: list[AuditEntry] = []
    yield found
    found += [row for row in store.rows(limit=10) if row.id > newest]
    assert [row.what for row in found] == [name]
    assert found[0].settled_at is not None
    assert found[0].outcome in (None, "done")


def _below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path.strip(), command
    for name, child in sorted(children.items()):
        yield from _below(child, f"{path} {name}")
