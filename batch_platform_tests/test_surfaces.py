"""Every route and command, against a snapshot: what programs and people call stays as it is.

A wanted change is written into the snapshot by

    UPDATE_SNAPSHOTS=1 python -m pytest batch_platform_tests/test_surfaces.py
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from batch_platform.cli import app as commands
from batch_platform.server import create_app
from batch_platform.settings import load_settings
from batch_platform.web.access.dependencies import requirement_of

SNAPSHOT = Path(__file__).parent / "data" / "surfaces.json"

_WORDS = ("description", "summary", "title", "examples", "example")
"""What a document says to people: free to be worded better."""


@pytest.fixture
def app(clean_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FastAPI:
    """The whole app of a machine with no services: nothing is connected before the first request."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", "s" * 32)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return create_app(load_settings())


def test_routes_and_commands_are_as_the_snapshot_says(app: FastAPI) -> None:
    found = {"api": routes(app.openapi()), "pages": pages(app), "commands": dict(tree(commands))}
    found = json.loads(json.dumps(found, default=str))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(_lines(found))
    assert found == json.loads(SNAPSHOT.read_text())


def _lines(found: dict[str, dict[str, Any]]) -> str:
    """JSON with a line for each route and command, so that a diff names those that changed."""
    parts = []
    for part, entries in found.items():
        lines = [f" {json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}" for name, entry in entries.items()]
        parts.append(f"{json.dumps(part)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def routes(document: dict[str, Any]) -> dict[str, Any]:
    """By `METHOD path`: who may, what goes in and what comes out by status, with the schemas that they name."""
    schemas = document["components"]["schemas"]
    return {
        f"{method.upper()} {path}": {
            "operation": operation["operationId"],
            "permission": operation.get("x-permission"),
            "parameters": [
                [one["name"], one["in"], bool(one.get("required")), _bare(one["schema"], schemas)]
                for one in sorted(operation.get("parameters", ()), key=lambda one: (one["in"], one["name"]))
            ],
            "request": _content(operation.get("requestBody", {}), schemas),
            "required": operation.get("requestBody", {}).get("required", False),
            "responses": {
                status: _content(response, schemas) for status, response in sorted(operation["responses"].items())
            },
        }
        for path, item in sorted(document["paths"].items())
        for method, operation in sorted(item.items())
    }


def pages(app: FastAPI) -> dict[str, Any]:
    """The console's pages and forms by `METHOD path`: who may."""
    found = {}
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, Mount) or getattr(route, "include_in_schema", True):
            continue
        requirement = requirement_of(route)
        for method in sorted(route.methods or ()):
            found[f"{method} {route.path}"] = requirement and requirement.permission
    return dict(sorted(found.items()))


def tree(group: typer.Typer) -> Iterator[tuple[str, Any]]:
    """Every command by its path: its help and its parameters."""
    yield from _below(typer.main.get_command(group), "batch-platform")


def _below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    parameters = sorted(command.params, key=lambda one: "" if one.param_type_name == "argument" else one.opts[0])
    yield path, {"help": _text(command.help), "parameters": [_parameter(one) for one in parameters]}
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from _below(child, f"{path} {name}")


def _parameter(one: Any) -> dict[str, Any]:
    kept = {
        "kind": one.param_type_name,
        "names": [*one.opts, *one.secondary_opts] if one.param_type_name == "option" else [],
        "type": getattr(one.type_descriptor.annotation, "__name__", None),
        "required": one.required,
        "default": None if callable(one.default) else one.default,
        "many": one.nargs != 1 or bool(getattr(one, "multiple", False)),
        "flag": getattr(one, "is_flag", None),
        "metavar": one.metavar,
        "help": _text(getattr(one, "help", None)),
    }
    return {name: value for name, value in kept.items() if value not in (None, False, [])}


def _text(words: str | None) -> str | None:
    return None if words is None else " ".join(inspect.cleandoc(words).split())


def _content(place: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return {kind: _bare(body.get("schema", {}), schemas) for kind, body in place.get("content", {}).items()}


def _bare(schema: Any, schemas: dict[str, Any], inside: tuple[str, ...] = ()) -> Any:
    """The schema without words and with what it refers to written out."""
    if isinstance(schema, list):
        return [_bare(one, schemas, inside) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name == "Problem" or name in inside:
            return name
        return _bare(schemas[name], schemas, (*inside, name))
    if "properties" in schema:
        own = {name: _bare(value, schemas, inside) for name, value in schema["properties"].items()}
        rest = {name: value for name, value in schema.items() if name != "properties"}
        return {**_bare(rest, schemas, inside), "properties": own}
    return {name: _bare(value, schemas, inside) for name, value in schema.items() if name not in _WORDS}
