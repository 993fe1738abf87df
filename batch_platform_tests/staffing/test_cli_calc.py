"""`batch-platform staffing calc …` as users type it: lines in; exit code and what was printed out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from batch_platform import cli
from batch_platform.staffing.cli import app
from batch_platform.staffing.cli.calc import Kind

COMMAND = typer.Typer()
COMMAND.add_typer(app, name="staffing")
COMMAND.callback()(lambda: None)
DATA = Path(__file__).parent / "data"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def calc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The console script's own function."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["batch-platform", "staffing", "calc", *words])
        monkeypatch.setattr(cli, "app", COMMAND)
        code: object = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return int(str(code or 0)), out, err

    return run


def test_the_handed_example(calc: Run):
    expected = (DATA / "invoice.expected.jsonl").read_text()
    assert calc("invoice", str(DATA / "invoice.jsonl"), "--json") == (0, expected, "")


RULE = {"every": "day", "time": "09:00", "start_on": "2026-11-01"}
LINES = {
    Kind.DUE_DATE: (
        {"period": "2026-11", "payment": {"kind": "net_days", "days": 30, "holiday": "previous"}},
        {"due_date": "2026-12-30"},
    ),
    Kind.CREDIT_NOTE: (
        {"invoice": {"per_rate": [{"rate": "10", "net": 9, "tax": 0, "gross": 9}]}, "parts": "all"},
        {
            "document": "credit_note",
            "per_rate": [{"rate": "10", "net": -9, "tax": 0, "gross": -9}],
            "subtotal": -9,
            "tax": 0,
            "total": -9,
            "issue_required": False,
        },
    ),
    Kind.TAX_NUMBER: ({"number": "Ｔ123"}, {"valid": False, "normalized": None, "warning": None}),
    Kind.NEXT: ({"rule": RULE, "after": "2026-11-01T09:00:00+09:00"}, {"next": "2026-11-02T00:00:00Z"}),
    Kind.CATCH_UP: (
        {"rule": RULE, "done": [], "now": "2026-11-01T00:00:00Z", "policy": "all"},
        {"occurrences": [{"scheduled_for": "2026-11-01T00:00:00Z", "action": "deliver"}]},
    ),
    Kind.USAGE: ({"date": "2026-11-01", "facts": {"companies": []}}, {"rows": []}),
}


@pytest.mark.parametrize("kind", LINES)
def test_an_answer_a_line(calc: Run, tmp_path: Path, kind: Kind):
    value, answer = LINES[kind]
    file = tmp_path / "lines.jsonl"
    file.write_text(f"{json.dumps(value)}\n\n{json.dumps(value)}\n")
    code, out, err = calc(kind, str(file), "--json")
    assert (code, err) == (0, "")
    assert [json.loads(text) for text in out.splitlines()] == [answer, answer]


def test_a_bad_line_prints_nothing_but_its_error(calc: Run, tmp_path: Path):
    value, _ = LINES[Kind.DUE_DATE]
    file = tmp_path / "lines.jsonl"
    file.write_text(f"{json.dumps(value)}\n{json.dumps({**value, 'period': '2026-9'})}\n")
    code, out, err = calc("due-date", str(file), "--json")
    assert (code, out) == (2, "")
    assert "line 2: period: a month is written YYYY-MM" in err
    assert len(err.splitlines()) == 1
