"""Contracts of `.importlinter` that hold for every domain of `domains.py`, so that a new one needs no line there.

Names in angle brackets stand for modules: `<domains>` for the folders of all domains (as a layer: of those that no
other line names), `<edges>` for the lines of the option `edges`, which name what stands above a domain's service,
`<logic>` for a domain's modules that no contract names, `<inner>` for all of its modules below the edges.
"""

from __future__ import annotations

from collections.abc import Iterator

import grimp
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain import fields
from importlinter.domain.contract import ContractCheck

PACKAGE = "batch_platform"
ROOMS = ("service", "sources", "store", "model")


def domains(graph: grimp.ImportGraph) -> list[str]:
    """The domains whose declaration the list imports."""
    listed = graph.find_modules_directly_imported_by(f"{PACKAGE}.domains")
    return sorted(name.removesuffix(".domain") for name in listed if name.endswith(".domain") and ".kit." not in name)


def parts(layer: str) -> list[str]:
    return [name.strip() for name in layer.replace("|", ":").split(":")]


def children(graph: grimp.ImportGraph, domain: str) -> list[str]:
    return sorted(child.rpartition(".")[2] for child in graph.find_children(domain))


class DomainLayers(LayersContract):
    """`layers` of the container `<domains>`, each domain by itself, or of another one with `<domains>` as a layer."""

    type_name = "domain_layers"

    layers = fields.ListField(subfield=fields.StringField())
    containers = fields.ListField(subfield=fields.StringField())

    def validate(self) -> None:
        """Each contract made of this one does."""

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        checks = [made.check(graph, verbose) for made in self._contracts(graph)]
        return ContractCheck(
            kept=all(check.kept for check in checks),
            metadata={
                "invalid_dependencies": [
                    dependency for check in checks for dependency in check.metadata["invalid_dependencies"]
                ],
                "undeclared_modules": {module for check in checks for module in check.metadata["undeclared_modules"]},
            },
        )

    def _contracts(self, graph: grimp.ImportGraph) -> Iterator[LayersContract]:
        for container in self.containers:
            for package in domains(graph) if container == "<domains>" else [container]:
                layers = list(self._layers(graph, package))
                options = {"layers": layers, "containers": [package], "exhaustive": "True"}
                yield LayersContract(f"{self.name} ({package})", self.session_options, options)

    def _layers(self, graph: grimp.ImportGraph, package: str) -> Iterator[str]:
        """The layers that there are in this package."""
        there, edges = children(graph, package), self.session_options["edges"]
        lines = [line for given in self.layers for line in (edges if given == "<edges>" else [given])]
        named = {name for line in lines for name in parts(line)}
        for line in lines:
            if line == "<domains>":
                neighbours = [domain.rpartition(".")[2] for domain in domains(graph)]
                yield " | ".join(name for name in neighbours if name not in named)
            elif line == "<logic>":
                if logic := [name for name in there if name not in named]:
                    yield " : ".join(logic)
            elif misplaced := [name for name in parts(line) if name in there]:
                yield (" | " if "|" in line else " : ").join(misplaced)


class DomainForbidden(ForbiddenContract):
    """`forbidden` whose source modules may be `<domains>`, `<logic>` or `<inner>` of all domains."""

    type_name = "domain_forbidden"

    source_modules = fields.SetField(subfield=fields.StringField())

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        options = {**self.contract_options, "source_modules": sorted(set(self._sources(graph)))}
        return ForbiddenContract(self.name, self.session_options, options).check(graph, verbose)

    def _sources(self, graph: grimp.ImportGraph) -> Iterator[str]:
        edges = {name for line in self.session_options["edges"] for name in parts(line)}
        skipped = {"<inner>": edges, "<logic>": {*edges, *ROOMS}}
        for source in self.source_modules:
            if source == "<domains>":
                yield from domains(graph)
            elif source in skipped:
                for domain in domains(graph):
                    yield from (f"{domain}.{name}" for name in children(graph, domain) if name not in skipped[source])
            else:
                yield source
