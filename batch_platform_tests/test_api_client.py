"""A client that a generator makes of the API's document: whole, without a warning, and it works."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from batch_platform_tests.site import Site
from batch_platform_tests.waiting import PATIENCE

GENERATOR: Final = Path(sys.prefix) / "client-generator"
PACKAGE: Final = "generated_client"
CONFIG: Final = {
    "package_name_override": PACKAGE,
    "post_hooks": [],
    "content_type_overrides": {"application/pdf": "application/octet-stream"},
}


@pytest.fixture(scope="module")
def document(dagster_site: Site) -> dict[str, Any]:
    with dagster_site.client("viewer") as viewer:
        content: dict[str, Any] = viewer.get("/openapi.json").json()
    return content


@pytest.fixture(scope="module")
def client(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The package, generated with a warning as an error."""
    if not GENERATOR.is_dir():
        raise FileNotFoundError(f"{GENERATOR}: make test-packages")
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    command = [
        *(sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json", "--meta", "none"),
        *("--config", "config.json", "--output-path", PACKAGE, "--fail-on-warning"),
    ]
    variables = {**os.environ, "PYTHONPATH": str(GENERATOR)}
    outcome = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (outcome.returncode, "WARNING" in outcome.stdout) == (0, False), outcome.stdout + outcome.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module(PACKAGE)


def test_every_operation_has_a_function(client: ModuleType, document: dict[str, Any]) -> None:
    operations = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(client.__path__, f"{PACKAGE}.")]
    assert operations <= {
        module.__name__.rpartition(".")[2] for module in modules if hasattr(module, "sync_detailed")
    }


def test_it_reads_and_writes(client: ModuleType, dagster_site: Site) -> None:
    """A project is added and its budget set as it was seen; a viewer's problem is one of its types."""
    api, models = f"{PACKAGE}.api.finops.", importlib.import_module(f"{PACKAGE}.models")

    def call(operation: str, *path: str, role: str = "administrator", **given: Any) -> Any:
        caller = client.AuthenticatedClient(base_url=dagster_site.url, token=dagster_site.token(role))
        return importlib.import_module(api + operation).sync_detailed(*path, client=caller, **given)

    place = {"bucket": "acme-billing", "report_name": "cur", "region": "ap-northeast-1"}
    project = models.ProjectRequest(project_id="generated", name="Generated", enabled=False, **place)
    assert call("finops_create_project", body=project).parsed.data.project_id == "generated"
    listed = call("finops_list_projects", limit=1)
    assert (listed.status_code, len(listed.parsed.data.items)) == (200, 1)
    seen = call("finops_list_budgets", "generated").headers["etag"]
    budget = models.BudgetRequest(currency="USD", monthly_amount="10")
    answer = call("finops_set_budget", "generated", body=budget, if_match=seen)
    assert answer.parsed.data[0].monthly_amount == "10.000000000000"
    refused = call("finops_set_budget", "generated", role="viewer", body=budget, if_match=seen)
    assert isinstance(refused.parsed, models.Problem)
    assert (refused.status_code, refused.parsed.type_) == (403, "/problems/forbidden")
    assert call("finops_remove_project", "generated").status_code == 200
