"""The contracts of `.importlinter` forbid what they say."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from grimp import ImportGraph, build_graph
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.domain.contract import Contract

from batch_platform_tests.import_rules import DomainForbidden, DomainLayers

BROKEN = {
    "The platform": ("core.ids", "finops.model"),
    "A domain": ("btc.model", "btc.service.apply"),
    "No module": ("zengin.service.apply", "zengin.web.api"),
    "Dagster": ("zengin.content", "dagster"),
    "Use cases": ("finops.service.costs", "settings"),
    "Logic": ("finops.months", "core.postgres"),
    "Domains and adapters": ("kit.domain", "boto3"),
}


@pytest.mark.parametrize("contract", BROKEN)
def test_a_contract_notices_what_it_forbids(contract: str, graph: ImportGraph) -> None:
    """Its sources are found by rule, and a rule that finds nothing would forbid nothing."""
    importer, imported = (
        name if name in ("dagster", "boto3") else f"batch_platform.{name}" for name in BROKEN[contract]
    )
    tampered = deepcopy(graph)
    [checked] = [made for made in contracts() if made.name.startswith(contract)]
    assert checked.check(deepcopy(graph), verbose=False).kept
    tampered.add_import(importer=importer, imported=imported)
    assert not checked.check(tampered, verbose=False).kept


@pytest.fixture(scope="module")
def graph() -> ImportGraph:
    return build_graph("batch_platform", include_external_packages=True)


def contracts() -> Iterator[Contract]:
    """Those of `.importlinter`."""
    read = read_configuration(str(Path(__file__).parents[1] / ".importlinter"))
    kinds = {
        "domain_layers": DomainLayers,
        "domain_forbidden": DomainForbidden,
        "acyclic_siblings": AcyclicSiblingsContract,
    }
    for options in read["contracts_options"]:
        if options["type"] in kinds:
            yield kinds[options["type"]](options["name"], read["session_options"], options)
