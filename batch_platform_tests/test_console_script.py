"""The installed `batch-platform` at a terminal: what no call of its functions in this process shows."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer

from batch_platform.kit.options import whole
from batch_platform_tests.surfaces import commands

SCRIPT = str(Path(sys.executable).parent / "batch-platform")
CTRL_D = b"\x04"


@pytest.mark.usefixtures("provisioned")
def test_a_question_that_is_not_answered_stops_the_command() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(SCRIPT, [SCRIPT, "users", "add", "nobody-yet", "--role", "viewer"])
    said = b""
    while (part := read(terminal)) and not (said := said + part).endswith(b"Password: "):
        pass
    os.write(terminal, CTRL_D)
    while part := read(terminal):
        said += part
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert said.decode().split("Password: ")[-1].strip() == "error: stopped"
    assert os.waitstatus_to_exitcode(status) == 1


@pytest.mark.usefixtures("provisioned")
@pytest.mark.parametrize("words", [[], ["users"]])
def test_a_group_by_its_name_alone_shows_its_help(words: list[str]) -> None:
    process = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (2, "")
    assert "Usage: batch-platform" in process.stdout


HEAVY = {"boto3", "dagster", "duckdb", "fastapi", "jinja2", "matplotlib", "polars", "sqlalchemy", "starlette"}
LOADED = """
import sys
from batch_platform import cli
try:
    cli.main()
finally:
    print(*sys.modules)
"""


@pytest.mark.usefixtures("provisioned")
@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        ("--help", {*HEAVY, "psycopg", "pydantic_settings", "structlog"}),
        ("jobs --help", {*HEAVY, "pydantic_settings"}),
        ("workers list", HEAVY),
        ("users list", HEAVY - {"starlette"}),
        ("outbox list", HEAVY - {"jinja2", "starlette"}),
        ("cur projects list", HEAVY - {"polars"}),
        ("zengin list", HEAVY - {"polars"}),
    ],
)
def test_a_command_loads_only_what_it_needs(words: str, unneeded: set[str]) -> None:
    """Who asks for help, or for a list, waits for no engine and no framework."""
    line = [sys.executable, "-c", LOADED, *words.split()]
    process = subprocess.run(line, capture_output=True, text=True, check=True)
    assert unneeded & set(process.stdout.split()) == set()


def test_no_option_takes_a_number_otherwise_than_in_plain_digits() -> None:
    """Typer alone reads 1_0 and １０ as 10; `kit.options.whole` does not."""
    numbers = dict(numbers_of())
    assert {"limit", "count", "users", "port"} <= {name.rpartition(" ")[2] for name in numbers}
    assert [name for name, parser in numbers.items() if parser is None] == []
    for text in ("1_0", "１０", "1e1", "٣", ""):
        with pytest.raises(typer.BadParameter):
            whole(1)(text)
    assert (whole(1, 10)("10"), whole()("-3")) == (10, -3)
    with pytest.raises(typer.BadParameter, match="11 is more than 10"):
        whole(1, 10)("11")


def numbers_of() -> Iterator[tuple[str, Any]]:
    """Every argument and option that is a whole number, with its parser."""
    for path, command in commands().items():
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            kind, *more = get_args(hint) or (hint,)
            if int in (kind, *get_args(kind)):
                yield f"{path} {name}", getattr(more[0] if more else None, "parser", None)


def read(terminal: int) -> bytes:
    """What the terminal shows next; nothing when its process has ended."""
    try:
        return os.read(terminal, 1000)
    except OSError:
        return b""
