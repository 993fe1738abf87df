"""Which surfaces carry out which actions, as they are marked by `core.audit.writes`, and a walk over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import typer
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount, compile_path

from batch_platform.cli import app as command_line
from batch_platform.core import postgres
from batch_platform.core.audit import DONE, AuditEntry, AuditStore
from batch_platform.kit.domain import Domain
from batch_platform.web.access.token_service import USE

SAFE = {"GET", "HEAD", "OPTIONS"}

Surfaces = set[tuple[str, str]]
"""A route as `POST /api/projects` or a command as `cur projects add`, and the name of an action it carries out."""


def routes(of: Iterable[BaseRoute]) -> list[Any]:
    return [route for route in iter_route_contexts(list(of)) if not isinstance(route.original_route, Mount)]


def of_routes(of: Iterable[BaseRoute]) -> Surfaces:
    return {
        (f"{method} {route.path}", name)
        for route in routes(of)
        for name in marks(route.endpoint)
        for method in route.methods
    }


def of_routers(*routers: APIRouter) -> Surfaces:
    return {surface for router in routers for surface in of_routes(router.routes)}


def of_commands(*groups: str) -> Surfaces:
    """Of the commands of these groups; of all when none is named."""
    return {
        (path, name)
        for path, command in commands().items()
        if not groups or path.split()[0] in groups
        for name in marks(command.callback)
    }


def of_web(domain: Domain) -> Surfaces:
    part = domain.web().part
    return of_routers(*part.routers, *part.pages)


@cache
def commands() -> dict[str, Any]:
    """Every command of `batch-platform` by its path."""
    return dict(_below(typer.main.get_command(command_line), ""))


def has_dry_run(command: Any) -> bool:
    return any("--dry-run" in option.opts for option in command.params)


def marks(surface: Any) -> Iterable[str]:
    named: tuple[str, ...] = getattr(surface, "audited", ())
    return named


@dataclass
class Walk:
    """Does what the `surfaces` are marked with, each of which leaves exactly one row; `walked` were used.

    Rows of the `intents` say what became of it, which the others need not: theirs is the change's own transaction.
    """

    pool: postgres.Pool
    surfaces: Surfaces
    intents: Iterable[str] = ()
    walked: Surfaces = field(default_factory=set)

    def send(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        *names: str,
        by: str,
        target: str | None = None,
        stranger: httpx.Client | None = None,
        **given: Any,
    ) -> list[AuditEntry]:
        """A request that is carried out; a `stranger`, who may not, is refused first. The rows, oldest first.

        `target` is left out where it is not known before.
        """
        if stranger is not None:
            self.leaves_none(stranger, method, path, 403, **given)
        with self.rows(self._route(method, path), *names, by=by, target=target) as rows:
            answer = _answer(client, method, path, given)
            expected = (303,) if path.startswith("/console") else (200, 201, 202)
            assert answer.status_code in expected, answer.text
        return rows

    def leaves_none(self, client: httpx.Client, method: str, path: str, status: int, **given: Any) -> None:
        """A request that does nothing, or nothing any more."""
        with self.nothing():
            answer = _answer(client, method, path, given)
        assert answer.status_code == status, answer.text

    def command(
        self,
        call: Callable[..., object],
        *words: str,
        does: tuple[str, ...],
        by: str,
        target: str | None = None,
        dry_run: bool = True,
    ) -> list[AuditEntry]:
        """A command that is carried out by `call`, which fails where it fails; before it its dry run, if it has one.

        `words` begin with its group; `dry_run` is False where a dry run is a run that stands in the history itself.
        """
        path = " ".join(words)
        path = max((known for known in commands() if f"{path} ".startswith(f"{known} ")), key=len)
        if dry_run and has_dry_run(commands()[path]):
            with self.nothing():
                call(*words, "--dry-run")
        with self.rows(path, *does, by=by, target=target) as rows:
            call(*words)
        return rows

    @contextmanager
    def rows(self, surface: str, *names: str, by: str, target: str | None = None) -> Iterator[list[AuditEntry]]:
        """What is done inside leaves exactly one row of each action, carried out; they are there afterwards."""
        for name in names:
            assert (surface, name) in self.surfaces
        newest = self._newest()
        rows: list[AuditEntry] = []
        yield rows
        rows += self._since(newest)
        assert [row.what for row in rows] == list(names)
        for row in rows:
            assert row.who == by
            assert target in (None, row.target)
            assert row.target
            assert row.settled_at is not None
            assert row.outcome == (DONE if row.what in self.intents else None)
        self.walked |= {(surface, name) for name in names}

    @contextmanager
    def nothing(self) -> Iterator[None]:
        """What is tried inside leaves no row, or one that says that it was refused."""
        newest = self._newest()
        yield
        assert [row for row in self._since(newest) if not (row.outcome or "").startswith("refused: ")] == []

    def _route(self, method: str, path: str) -> str:
        """The marked route that this path is for: the one with the fewest places, where several fit."""
        path = path.partition("?")[0]
        fitting = [f"{method} {place}" for place in self._places(method) if compile_path(place)[0].match(path)]
        assert fitting, f"no surface is {method} {path}"
        return min(fitting, key=lambda surface: surface.count("{"))

    def _places(self, method: str) -> set[str]:
        split = (surface.split(" ", 1) for surface, _ in self.surfaces)
        return {place for verb, place in split if verb == method}

    def _newest(self) -> int:
        return next((row.id for row in AuditStore(self.pool).rows(limit=1)), 0)

    def _since(self, newest: int) -> list[AuditEntry]:
        """Without first uses of tokens, which are written whatever is asked first."""
        rows = reversed(AuditStore(self.pool).rows(limit=20))
        return [row for row in rows if row.id > newest and row.what != USE]


def _answer(client: httpx.Client, method: str, path: str, given: dict[str, Any]) -> httpx.Response:
    """What a page's form, or a program, is answered."""
    headers = {"headers": {"Accept": "text/html"}} if path.startswith("/console") else {}
    return client.request(method, path, **{**headers, **given})


def _below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path.strip(), command
    for name, child in sorted(children.items()):
        yield from _below(child, f"{path} {name}")
