"""The OpenAPI document of btc is true: schemathesis finds no status, type or body that it does not tell of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from batch_platform.web.access.model import Role
from batch_platform.web.api.idempotency import HEADER
from batch_platform_tests.btc_web.asking import HERE
from batch_platform_tests.btc_web.conftest import Client, Office
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.rig import token


@pytest.fixture
def paths(viewer: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = viewer.get("/openapi.json").json()
    return {path: item for path, item in document["paths"].items() if path.startswith(HERE)}


def test_the_document_has_the_paths_of_the_spec(paths: dict[str, Any]) -> None:
    found = {(method, path.removeprefix(HERE)) for path, item in paths.items() for method in item}
    assert found == {
        *(("post", ""), ("get", ""), ("post", "/preview"), ("get", "/{batchId}")),
        *(("get", f"/{{batchId}}/{name}") for name in ("transactions", "plan", "proof")),
        *(("post", f"/{{batchId}}/{name}") for name in ("approve", "cancel", "resume", "reverse", "reverse/preview")),
    }
    permissions = {(method, item[method]["x-permission"]) for item in paths.values() for method in item}
    assert permissions == {("get", "batch:read"), ("post", "batch:execute")}


def test_the_document_says_what_a_rate_is(viewer: httpx.Client) -> None:
    schemas = viewer.get("/openapi.json").json()["components"]["schemas"]
    asked = schemas["AdjustRequest"]
    assert asked["required"] == ["adjustment_rate"]
    assert asked["additionalProperties"] is False
    rate = asked["properties"]["adjustment_rate"]
    assert (rate["type"], rate["exclusiveMinimum"], rate["not"]) == ("number", -100, {"const": 0})
    assert schemas["BatchAnswer"]["properties"]["adjustment_rate"]["type"] == "number"


def test_the_document_is_true(office: Office, client: Client, origin: str, tmp_path: Path) -> None:
    """All checks but one, with an administrator's token, over batches in several states.

    The phase of coverage belongs to the test of the whole document, which knows no id. What the document allows may
    be refused: a rate with nine decimals, a total that no rate meets. Left out are a cursor, which cannot be made up,
    and a key, which no other body may have used.
    """
    known = [office.make(), office.make("-3", apply=False)]
    document = client(Role.VIEWER).get("/openapi.json").json()
    document["paths"] = {path: item for path, item in document["paths"].items() if path.startswith(HERE)}
    for operation in (operation for item in document["paths"].values() for operation in item.values()):
        given = operation.get("parameters", [])
        operation["parameters"] = [one for one in given if one["name"] not in ("cursor", HEADER)]
        for one in operation["parameters"]:
            if one["name"] == "batchId":
                one["examples"] = {batch.status.value: {"value": batch.batch_id} for batch in known}
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", "openapi.json"),
        *("--url", origin, "--header", f"Authorization:{token(Role.ADMINISTRATOR, 'ann')}"),
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
        *("--continue-on-failure", "--generation-database", "none"),
        *("--max-examples", "4", "--seed", "1", "--phases", "examples,fuzzing", "--no-color", "--no-shrink"),
    ]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert outcome.returncode == 0, outcome.stdout[-8000:] + outcome.stderr[-2000:]
