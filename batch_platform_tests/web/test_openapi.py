"""The OpenAPI document is true: schemathesis finds no status, type or body that it does not tell of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch_platform.web.access.model import Role
from batch_platform.web.api.idempotency import HEADER
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.site import Site


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    content: dict[str, Any] = site.program(Role.VIEWER).get("/openapi.json").json()
    return content


def test_every_operation_says_who_may_and_what_may_go_wrong(document: dict[str, Any]) -> None:
    assert set(document["components"]["securitySchemes"]) == {"bearer", "session"}
    for method, path, operation in operations(document):
        if path.startswith("/health"):
            assert operation["security"] == []
            continue
        assert operation["x-permission"] in operation["description"]
        assert operation["security"] == [{"bearer": []}, {"session": []}]
        expected = {"401", "403", "406", "422", "429", "503"}
        if method != "get":
            expected |= {"409", "413", "415"}
            assert any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"])
        assert expected <= set(operation["responses"]), (method, path)
        for status in expected:
            assert "application/problem+json" in operation["responses"][status]["content"]


def test_the_document_holds_nothing_of_the_framework(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)
    assert "/console" not in document["paths"]
    assert len({operation["operationId"] for _, _, operation in operations(document)}) == len(operations(document))


def test_the_document_is_true(site: Site, document: dict[str, Any], tmp_path: Path) -> None:
    """All checks of schemathesis, with an administrator's token.

    Left out are the failures on purpose, and what cannot be made up: a cursor, a key that no other body has used, a
    new account's name and password.
    """
    for _, _, operation in operations(document):
        kept = [found for found in operation.get("parameters", ()) if found["name"] not in ("cursor", HEADER)]
        operation["parameters"] = kept
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", "openapi.json"),
        *("--url", site.url, "--header", f"Authorization:Bearer {site.token(Role.ADMINISTRATOR)}"),
        *("--checks", "all", "--exclude-path", "/api/shop/failures/{kind}", "--continue-on-failure"),
        *("--exclude-path", "/api/accounts", "--exclude-path", "/api/accounts/{name}/reset-password"),
        *("--max-examples", "12", "--seed", "1", "--phases", "examples,coverage,fuzzing", "--no-color"),
    ]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert outcome.returncode == 0, outcome.stdout[-8000:] + outcome.stderr[-2000:]
