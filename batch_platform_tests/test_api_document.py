"""The whole app's OpenAPI document, as those who generate clients of it meet it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import FastAPI

from batch_platform_tests.test_surfaces import app as app

Document = dict[str, Any]


@pytest.fixture
def document(app: FastAPI) -> Document:
    return app.openapi()


def test_schemas_have_names_of_their_own(document: Document) -> None:
    """Two models of one name would be written with their modules before it."""
    assert [name for name in document["components"]["schemas"] if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", name)] == []


def test_every_put_says_what_it_replaces(document: Document) -> None:
    puts = {path: item["put"] for path, item in document["paths"].items() if "put" in item}
    assert puts
    for path, operation in puts.items():
        assert {"If-Match"} <= {
            p["name"] for p in operation["parameters"] if p["in"] == "header" and p["required"]
        }, path
        assert {"412", "428"} <= set(operation["responses"]), path
        assert "get" in document["paths"][path], "what it replaces is told there, with its ETag"


def test_every_operation_says_what_it_is(document: Document) -> None:
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for method, path, operation in operations(document):
        [tag] = operation["tags"]
        assert tag in described, (method, path)
        assert re.fullmatch(rf"{tag}(_[a-z0-9]+)+", operation["operationId"]), operation["operationId"]
        assert len(operation["summary"].split()) >= 2, (method, path)
        assert len(operation["summary"]) <= 100, (method, path)


def test_every_answer_has_its_schema(document: Document) -> None:
    for method, path, operation in operations(document):
        answers = operation["responses"]
        assert any(status.startswith("2") for status in answers), (method, path)
        for status, answer in answers.items():
            assert answer["description"], (method, path, status)
            kinds = answer.get("content", {})
            assert kinds or status == "304", (method, path, status)
            assert all(content.get("schema") for content in kinds.values()), (method, path, status)
            if status[0] in "45" and path != "/health/ready":
                assert set(kinds) == {"application/problem+json"}, (method, path, status)
        if "304" in answers:
            assert "If-None-Match" in {part["name"] for part in operation["parameters"]}, (method, path)


def test_an_api_has_one_style_of_names(document: Document) -> None:
    """That which its tag states; a page of a list is everybody's."""
    styles = {"camelCase": r"[a-z][a-zA-Z0-9]*", "snake_case": r"[a-z][a-z0-9_]*"}
    stated = {tag["name"]: next((s for s in styles if s in tag["description"]), None) for tag in document["tags"]}
    wrong = set()
    for _, path, operation in operations(document):
        assert all(re.fullmatch(r"{\w+}|[a-z0-9.-]+", part) for part in re.split(r"[/:]", path)[1:]), path
        schemas: set[str] = set()
        _gather(operation, document, schemas)
        names = {
            (schema, name)
            for schema in schemas
            if schema != "Problem" and not schema.endswith("Page")
            for name in document["components"]["schemas"][schema].get("properties", {})
        }
        style = stated[operation["tags"][0]]
        assert style or operation["tags"][0] in ("health", "metrics"), path
        wrong |= {pair for pair in names if style and not re.fullmatch(styles[style], pair[1])}
    assert wrong == set()


def operations(document: Document) -> list[tuple[str, str, Document]]:
    return [
        (method, path, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]


def _gather(part: Any, document: Document, schemas: set[str]) -> None:
    """The names of all schemas that it refers to, in whatever depth."""
    if isinstance(part, list):
        for member in part:
            _gather(member, document, schemas)
    elif isinstance(part, dict):
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if name and name not in schemas:
            schemas.add(name)
            _gather(document["components"]["schemas"][name], document, schemas)
        _gather(list(part.values()), document, schemas)
