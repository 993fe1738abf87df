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
