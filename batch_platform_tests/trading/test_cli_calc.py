"""`batch-platform trading calc …` as users type it: lines in; exit code and what was printed out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from batch_platform import cli
from batch_platform.trading.cli import app

COMMAND = typer.Typer()
COMMAND.add_typer(app, name="trading")
COMMAND.callback()(lambda: None)

Run = Callable[..., tuple[int, str, str]]

SWAP = {
    "token_from": {"decimals": 9, "price": "161.391354464"},
    "token_to": {"decimals": 6, "price": "1"},
    "amount": "3.123456789",
    "fee_bps": "25",
}
FILLED = {"status": "filled", "amount_out": "502.838674", "fee": "0.0078086419725"}
ROW = {"at": "2026-11-09T00:00:00Z", "total_value_usd": "2850.0420", "net_flows_usd": "0"}
SERIES = {
    "rows": [{"at": "2026-11-09T01:00:00Z", "total_value_usd": "3040.1", "net_flows_usd": "200"}, ROW],
    "period": "1d",
    "at": "2026-11-10T00:00:00Z",
}
PRUNE = {
    "date": "2026-11-15",
    "rows": [["ann", "2026-01-01T05:00:00Z"], ["ann", "2026-01-01T06:00:00Z"], ["あん", "2026-11-15T00:00:00Z"]],
}
PRICES = {
    "source": "jupiter",
    "tokens": {"A": 9, "B": 6},
    "status": 200,
    "body": {"A": {"usdPrice": 1.5, "decimals": 9}},
}


@pytest.fixture
def calc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The console script's own function, on a file of these lines or, with `piped`, on standard input."""

    def run(rule: str, *lines: Any, piped: bool = False, as_json: bool = True) -> tuple[int, str, str]:
        content = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        file = tmp_path / "lines.jsonl"
        file.write_bytes(content)
        words = ["trading", "calc", rule, "-" if piped else str(file), *(["--json"] if as_json else [])]
        monkeypatch.setattr(sys, "argv", ["batch-platform", *words])
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        monkeypatch.setattr(cli, "app", COMMAND)
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code or 0, out, err

    return run


@pytest.mark.parametrize(
    ("rule", "line", "answer"),
    [
        ("swap", SWAP, FILLED),
        ("swap", {**SWAP, "kind": "swap"}, FILLED),
        ("swap", {**SWAP, "amount": "0"}, {"status": "rejected", "reason": "amount_too_small"}),
        (
            "series",
            SERIES,
            {
                "pnl_data": [
                    {
                        "timestamp": "2026-11-09T00:00:00Z",
                        "value": "2850.042",
                        "pnl_absolute": "0",
                        "pnl_percentage": "0",
                    },
                    {
                        "timestamp": "2026-11-09T01:00:00Z",
                        "value": "3040.1",
                        "pnl_absolute": "-9.942",
                        "pnl_percentage": "-0.34883696",
                    },
                ]
            },
        ),
        ("series", {**SERIES, "rows": []}, {"pnl_data": []}),
        ("prune", PRUNE, {"kept": [["ann", "2026-01-01T06:00:00Z"], ["あん", "2026-11-15T00:00:00Z"]]}),
        ("prices", PRICES, {"rows": {"A": "1.5"}, "refused": {"B": "omitted"}}),
        ("prices", {**PRICES, "status": 500}, {"failed": "http_500"}),
    ],
    ids=["swap", "swap-kind", "swap-nothing", "series", "series-empty", "prune", "prices", "prices-failed"],
)
def test_an_answer_a_line(calc: Run, rule, line, answer):
    code, out, err = calc(rule, line, b"", line)
    assert (code, err) == (0, "")
    assert [json.loads(text) for text in out.splitlines()] == [answer, answer]
    assert calc(rule, line, piped=True)[1].splitlines() == out.splitlines()[:1]
    assert json.loads(calc(rule, line, as_json=False)[1]) == answer


def test_literals_of_a_body_are_read(calc: Run):
    line = json.dumps(PRICES).replace("1.5", "NaN").encode()
    assert json.loads(calc("prices", line)[1])["refused"] == {"A": "not_a_number", "B": "omitted"}
    assert calc("swap", line)[0] == 2


BAD = {
    "number": ("swap", {**SWAP, "amount": 3}, "amount: must be a number written as text"),
    "finer": ("swap", {**SWAP, "amount": "0.0000000001"}, "amount: must have at most 9 decimals"),
    "negative": ("swap", {**SWAP, "amount": "-1"}, "amount: must not be below 0"),
    "fee": ("swap", {**SWAP, "fee_bps": "10001"}, "fee_bps: must be from 0 to 10000 basis points"),
    "unknown": ("swap", {**SWAP, "fee": "25"}, "fee: Extra inputs are not permitted"),
    "price": ("swap", {**SWAP, "token_to": {"decimals": 6, "price": "0"}}, "token_to.price: must be above 0"),
    "json": ("swap", b"{", "no JSON in UTF-8"),
    "period": ("series", {**SERIES, "period": "2d"}, "period: Input should be '1d', '7d', '30d', '90d' or '1y'"),
    "twice": (
        "series",
        {**SERIES, "rows": [ROW, {**ROW, "net_flows_usd": "1"}]},
        "rows.1.at: another row has this moment",
    ),
    "day": ("prune", {**PRUNE, "date": "2026-11-32"}, "date: a day is written YYYY-MM-DD"),
    "row": ("prune", {**PRUNE, "rows": [["ann"]]}, "rows.0.1: Field required"),
    "deep": (
        "prices",
        {**PRICES, "body": reduce(lambda inner, _: [inner], range(900), 0)},
        "body: is nested too deeply",
    ),
    "prices": ("prices", {**PRICES, "tokens": {"A": "9"}}, "tokens.A must be a whole number"),
}


@pytest.mark.parametrize(("rule", "line", "reason"), BAD.values(), ids=BAD)
def test_a_bad_line_ends_with_its_number_and_nothing_is_printed(calc: Run, rule, line, reason):
    good = {"swap": SWAP, "series": SERIES, "prune": PRUNE, "prices": PRICES}[rule]
    assert calc(rule, good, line) == (2, "", f"error: line 2: {reason}\n")


def test_a_file_that_is_not_there_is_one_line(calc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "write_bytes", lambda *_: 0)
    assert calc("swap") == (2, "", "error: the file cannot be read: No such file or directory\n")
