"""Rules that the import contracts of `.importlinter` cannot express, read from the sources."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from batch_platform import domains

PACKAGE = Path(__file__).parents[1] / "batch_platform"
DOMAINS = [domain.name for domain in domains.DOMAINS]

# Who may look at the environment besides settings.py. Each hands it on to processes or services of this machine.
ENVIRONMENT = {
    "settings.py": "the one reader",
    "cli/__init__.py": "puts the addresses of the embedded services there before settings are read",
    "local/aws.py": "PATH and HOME for ministack",
    "local/cli/__init__.py": "the environment that provision completes",
    "local/dagster_processes.py": "what the Dagster processes inherit",
    "local/demo.py": "the embedded services' addresses, as cli",
    "local/doctor.py": "which services the user's environment names",
    "local/environment.py": "which services the user's environment names",
    "local/services.py": "which services the user's environment names",
    "local/tools.py": "what an installation inherits",
    "local/up.py": "which services the user's environment names",
    "proving/processes.py": "what the processes of a crash proof inherit",
    "staffing/proving/senders.py": "the addresses of the proof's own database and sink, for a command",
}
READERS = {"os.environ", "os.environb", "os.getenv", "os.putenv", "dg.EnvVar"}
# Where a float is no money. Seconds and jitter are `float` in annotations, which are not looked at.
FLOATS = {
    "finops/plots.py": "positions on a canvas",
    "finops/normalize.py": "recognises doubles of a Parquet file, to cast them at once",
    "finops/parquet_columns.py": "recognises doubles of a Parquet file, to make them text",
}
# Where a framework may be imported: what everything else computes can be read without knowing it.
ROOMS = {
    "dagster": ("*/dagster/*", "kit/*", "resources/*", "definitions.py"),
    "fastapi": ("*/web/*", "web/*", "kit/*", "server.py"),
    "starlette": ("*/web/*", "web/*", "kit/*", "server.py"),
    "dagster_webserver": ("operations/web/*",),
    "typer": ("*/cli.py", "cli/*", "*/cli/*", "kit/*"),
}
LONG_FILES: dict[str, str] = {}
# A name says the thing, not its part in the sentence. Fields of answers are as they are documented.
NAMELESS = {"one", "found", "told", "asked", "wanted", "said"}
STANDARD_ROOMS = {"README.md", "domain", "settings", "cli", "dagster", "web", "service", "model", "store", "sql"}
DAGSTER_ROOM = {"definitions", "assets", "checks", "sensors", "partitions", "run_metadata", "dry_runs", "resource"}
MONEY_LIBRARIES = {"polars", "duckdb", "decimal"}


@dataclass(frozen=True)
class Source:
    """One module of the package."""

    name: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text)

    def nodes(self) -> tuple[ast.AST, ...]:
        return _walked(self.text)

    def at(self, node: ast.AST) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 0)}"


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def _walked(text: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(_parsed(text)))


@cache
def sources() -> tuple[Source, ...]:
    return tuple(
        Source(path.relative_to(PACKAGE).as_posix(), path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))
    )


@cache
def called(node: ast.AST) -> str:
    """The dotted name of what a call calls; empty for anything else."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


@cache
def imports(source: Source) -> set[str]:
    """Top-level names of what a module imports, anywhere in it."""
    found = set()
    for node in source.nodes():
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def reads_environment(node: ast.AST) -> bool:
    """`os.environ`, `os.getenv`, `from os import environ`, a setting, a Dagster variable, an option's `envvar`."""
    if isinstance(node, ast.Attribute):
        return f"{getattr(node.value, 'id', '')}.{node.attr}" in READERS
    if isinstance(node, ast.ImportFrom):
        return node.module == "pydantic_settings" or (
            node.module == "os" and any(alias.name in ("environ", "getenv") for alias in node.names)
        )
    return isinstance(node, ast.keyword) and node.arg == "envvar"


def uses_float(node: ast.AST) -> bool:
    """`float(…)`, `pl.Float64`, `.cast(float)`; an annotation is none of them."""
    if called(node) in ("float", "math.fsum", "statistics.mean"):
        return True
    if isinstance(node, ast.Call):
        return any(isinstance(argument, ast.Name) and argument.id == "float" for argument in node.args)
    return isinstance(node, ast.Attribute) and node.attr in ("Float32", "Float64", "is_float")


def reads_clock(node: ast.AST) -> bool:
    name = called(node)
    return name.rpartition(".")[2] in ("now", "utcnow", "today", "utc_now") or name in ("time.time", "time.time_ns")


def test_the_environment_is_read_in_one_place() -> None:
    readers = {source.name for source in sources() if any(map(reads_environment, source.nodes()))}
    assert readers == set(ENVIRONMENT)


def test_money_never_becomes_a_float() -> None:
    floating = {
        source.name
        for source in sources()
        if source.name.startswith((*(f"{domain}/" for domain in DOMAINS), "core/"))
        and any(map(uses_float, source.nodes()))
    }
    assert floating == set(FLOATS)


@pytest.mark.parametrize(
    "path", [p for d in DOMAINS for p in (PACKAGE / d).rglob("*.sql")], ids=lambda path: path.name
)
def test_statements_know_no_floating_point(path: Path) -> None:
    code = re.sub(r"--.*|'[^']*'", "", path.read_text())
    assert not re.search(r"\b(double|float[48]?|real|avg)\b", code, re.IGNORECASE)


def test_nothing_prints() -> None:
    printing = [source.at(node) for source in sources() for node in source.nodes() if called(node) == "print"]
    assert printing == []


def test_time_is_passed_in() -> None:
    """Domains take the clock they are given, so that a re-run computes what the first run computed."""
    asking = [
        source.at(node)
        for source in sources()
        if source.name.split("/")[0] in DOMAINS
        for node in source.nodes()
        if reads_clock(node)
    ]
    assert asking == []


def test_long_files_are_named() -> None:
    long = {source.name for source in sources() if source.text.count("\n") > 400}
    assert long == set(LONG_FILES)


@pytest.mark.parametrize("domain", [domain.name for domain in domains.DOMAINS if domain.dagster])
def test_a_domain_has_the_standard_rooms(domain: str) -> None:
    folder = PACKAGE / domain
    there = {path.stem if path.suffix == ".py" else path.name for path in folder.iterdir()}
    parts = {path.stem for path in (folder / "dagster").glob("*.py")}
    assert there >= STANDARD_ROOMS
    assert parts >= DAGSTER_ROOM
    assert [path.name for path in (folder / "sql").glob("*") if path.suffix != ".sql"] == []


def test_a_framework_is_met_in_its_rooms_alone() -> None:
    strays = [
        f"{source.name}: {framework}"
        for source in sources()
        for framework, rooms in ROOMS.items()
        if framework in imports(source) and not any(fnmatch(source.name, room) for room in rooms)
    ]
    assert strays == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_service_layer_hides_no_money_arithmetic_in_dagster_files(domain: str) -> None:
    """What Dagster sees computes nothing: frames are shown by `run_metadata`, amounts come from the service."""
    computing = {
        source.name
        for source in sources()
        if source.name.startswith(f"{domain}/dagster/")
        and not source.name.endswith("/run_metadata.py")
        and imports(source) & MONEY_LIBRARIES
    }
    assert computing == set()


def test_domains_stand_on_the_service_and_the_model_of_the_outbox_alone() -> None:
    within = [
        source.at(node)
        for source in sources()
        if source.name.split("/")[0] in set(DOMAINS) - {"outbox"}
        for node in source.nodes()
        if isinstance(node, ast.ImportFrom | ast.Import)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name and re.match(r"batch_platform\.outbox(?!\.(service|model)$)", name)
    ]
    assert within == []


def bound(node: ast.AST) -> str:
    """The name that a node gives to a variable, a parameter, a function, a class or an import; empty for none."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Store) else ""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    return node.asname or node.name if isinstance(node, ast.alias) else ""


def test_names_say_the_thing() -> None:
    naming = []
    for source in sources():
        nodes = list(source.nodes())
        classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
        fields = {id(part.target) for each in classes for part in each.body if isinstance(part, ast.AnnAssign)}
        nameless = [node for node in nodes if bound(node).strip("_") in NAMELESS and id(node) not in fields]
        naming += [f"{source.at(node)} {bound(node)}" for node in nameless]
    assert naming == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [source.name for source in sources() if source.text.strip() and not ast.get_docstring(source.tree)]
    assert silent == []
