"""`batch-platform cur` as tests run it, and what it answers."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from batch_platform import cli

SECRET = "external-id-4f1c"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(pool: object, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The console script's own function in this process: arguments in; exit code and what was printed out."""

    def call(*arguments: str, group: str = "cur") -> Result:
        monkeypatch.setattr(sys, "argv", ["batch-platform", group, *arguments])
        monkeypatch.setenv("COLUMNS", "200")
        capfdbinary.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        out, err = (part.decode(errors="replace") for part in capfdbinary.readouterr())
        assert SECRET not in out + err
        assert "Traceback" not in out + err
        return Result(code, out, err)

    root, dagster = logging.getLogger(), logging.getLogger("dagster")
    handlers, level = root.handlers[:], dagster.level
    yield call
    # the commands set up the log of their process, which here is that of all tests
    structlog.reset_defaults()
    root.handlers[:] = handlers
    dagster.setLevel(level)


def failure(result: Result, code: int) -> str:
    """The one line a failed command says, on stderr and nowhere else."""
    assert (result.code, result.out) == (code, "")
    [line] = result.err.strip().splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")
