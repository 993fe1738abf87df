"""`batch-platform trading load, replay, export, verify, leaderboard …` as users type them, on a database."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import typer

from batch_platform import cli
from batch_platform.settings import Settings
from batch_platform.trading.cli import app
from batch_platform.trading.service import TradingContext

DATA = Path(__file__).parent / "data"
EXAMPLE, EXPECTED = DATA / "example.jsonl", json.loads((DATA / "example.expected.json").read_text())

COMMAND = typer.Typer()
COMMAND.add_typer(app, name="trading")
COMMAND.callback()(lambda: None)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    trading: TradingContext,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """The console script's own function on the tests' database: exit code, and what was printed."""
    monkeypatch.setenv("DATABASE_URL", settings.database())

    def call(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["batch-platform", "trading", *words])
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin)))
        monkeypatch.setattr(cli, "app", COMMAND)
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        return (code or 0, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def name(loaded: Callable[[str], str]) -> str:
    return loaded(EXAMPLE.read_text())


def told(answer: tuple[int, str, str], *, code: int = 0) -> Any:
    assert (answer[0], answer[2]) == (code, "")
    return json.loads(answer[1])


def test_a_contest_is_loaded_and_read_as_it_is_replayed(run: Run) -> None:
    of = ("--campaign", f"cli-{uuid4().hex}")
    assert told(run("replay", str(EXAMPLE), "--json")) == EXPECTED
    tried = told(run("load", str(EXAMPLE), *of, "--dry-run", "--json"))
    assert (tried["snapshots"], tried["dry_run"], tried["loaded"]) == (81, True, False)
    assert run("verify", *of)[0] == 2
    assert told(run("load", "-", *of, "--json", stdin=EXAMPLE.read_bytes()))["loaded"]
    assert not told(run("load", "-", *of, "--json", stdin=EXAMPLE.read_bytes()))["loaded"]
    for at in EXPECTED["leaderboard"]:
        assert told(run("leaderboard", *of, "--at", at, "--json")) == EXPECTED["leaderboard"][at]
    last = list(EXPECTED["leaderboard"])[-1]
    assert told(run("leaderboard", *of, "--json")) == EXPECTED["leaderboard"][last]
    assert told(run("snapshots", *of, "--json")) == EXPECTED["snapshots"]
    assert told(run("snapshots", *of, "--at", last, "--json")) == EXPECTED["snapshots"][-3:]
    assert told(run("verify", *of, "--json")) == {"equal": True, "differences": []}
    code, out, err = run("export", *of)
    assert (code, err) == (0, "")
    assert told(run("replay", "-", "--json", stdin=out.encode())) == EXPECTED


def test_players_are_read(run: Run, name: str) -> None:
    of = ("--campaign", name, "--json")
    seen = told(run("portfolio", "bob", *of))
    assert (seen["wallet_address"], seen["total_value_usd"], seen["prices_age"]) == ("bob", "2829.15831203", 0)
    assert [row["token"] for row in seen["tokens"]] == ["USDC", "SOL"]
    assert seen["perp_positions"][0]["liquidation_price"] == "168.358993041325251825"
    before = told(run("portfolio", "bob", *of, "--at", "2026-11-09T05:00:00Z"))
    row = next(row for row in EXPECTED["snapshots"] if (row["user"], row["at"]) == ("bob", "2026-11-09T05:00:00Z"))
    assert before["total_value_usd"] == row["total_value_usd"]
    series = told(run("pnl", "ann", "--period", "1y", *of))
    assert (series["data_points"], series["period"]) == (2, "1y")
    assert [point["timestamp"] for point in series["pnl_data"]] == ["2026-11-09T01:00:00Z", "2026-11-10T03:00:00Z"]
    assert series["summary"]["current_value"] == series["pnl_data"][-1]["value"] == "3078.85348023"
    early = told(run("pnl", "cho", "--period", "1d", *of, "--at", "2026-11-09T00:30:00Z"))
    assert (early["data_points"], early["pnl_data"][0]["pnl_absolute"]) == (1, "0")
    never = told(run("pnl", "cho", "--period", "1d", *of, "--at", "2026-11-09T00:00:00Z"))
    assert (never["data_points"], never["pnl_data"]) == (
        1,
        [{**early["pnl_data"][0], "value": "0"} | {"timestamp": "2026-11-09T00:00:00Z"}],
    )


def test_what_is_traded_is_listed(run: Run, name: str) -> None:
    of = ("--campaign", name, "--json")
    assert [row["symbol"] for row in told(run("tokens", *of))] == ["USDC", "SOL", "jSOL"]
    assert [row["price_usd"] for row in told(run("prices", *of))] == [
        "0.9999",
        "162.316585332",
        "178.581507647618722181",
    ]
    assert told(run("rates", *of))["funding"][1] == {
        "token": "SOL",
        "rate": "-0.00004",
        "since": "2026-11-09T05:00:30Z",
        "source": "given",
    }
    assert told(run("pools", *of))[0]["lst"] == "jSOL"
    assert name in [row["name"] for row in told(run("campaigns", "--json"))]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("leaderboard",), "1  ann"),
        (("snapshots", "--at", "2026-11-10T03:00:00Z"), "3,078.85348023"),
        (("portfolio", "bob"), "168.358993041325251825"),
        (("portfolio", "cho"), "liquid_staking"),
        (("pnl", "ann"), "3,078.85348023"),
        (("tokens",), "liquid_staking"),
        (("prices",), "162.316585332"),
        (("rates",), "-0.00004"),
        (("pools",), "6.8"),
        (("verify",), "equal: everything"),
    ],
    ids=["leaderboard", "snapshots", "portfolio", "stakes", "pnl", "tokens", "prices", "rates", "pools", "verify"],
)
def test_people_see_tables(run: Run, name: str, words: tuple[str, ...], shown: str) -> None:
    code, out, err = run(*words, "--campaign", name)
    assert (code, err) == (0, "")
    assert shown in out


def test_people_see_what_a_replay_comes_to(run: Run) -> None:
    code, out, _ = run("replay", str(EXAMPLE), "--until", "2026-11-09T06:00:00Z")
    assert code == 0
    assert "orders: 5 filled, 1 rejected" in out
    assert "leaderboard as of 2026-11-09T06:00:00Z" in out


def test_a_thinned_contest_stays_equal(run: Run, loaded: Callable[[str], str]) -> None:
    name = loaded(EXAMPLE.read_text())
    thin = ("prune", "--date", "2027-03-07", "--campaign", name, "--json")
    tried, done, again = told(run(*thin, "--dry-run")), told(run(*thin)), told(run(*thin))
    assert (tried["removed"], done["removed"], again["removed"]) == (75, 75, 0)
    assert len(told(run("snapshots", "--campaign", name, "--json"))) == 6
    assert told(run("verify", "--campaign", name, "--json"))["equal"]
    at = "2026-11-09T05:00:00Z"
    assert told(run("leaderboard", "--campaign", name, "--at", at, "--json")) == EXPECTED["leaderboard"][at]


def test_what_differs_ends_with_1(run: Run, loaded: Callable[[str], str], trading: TradingContext) -> None:
    name = loaded(EXAMPLE.read_text())
    with trading.store.transaction() as session:
        change = "UPDATE orders SET fee = fee + 1 WHERE id = 'c1' AND campaign_no = %s"
        session.connection.execute(change.encode(), [(session.campaign(name) or {})["campaign_no"]])
    found = told(run("verify", "--campaign", name, "--json"), code=1)
    assert found == {
        "equal": False,
        "differences": [{"what": "orders c1: fee", "expected": "0.0078086419725", "found": "1.0078086419725"}],
    }
    code, out, _ = run("verify", "--campaign", name)
    assert (code, "orders c1: fee: 1.0078086419725, not 0.0078086419725" in out) == (1, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("leaderboard", "--at", "yesterday"), "must be a moment written YYYY-MM-DDTHH:MM:SSZ"),
        (("leaderboard", "--campaign", "nowhere"), "no campaign nowhere"),
        (("pnl", "ann", "--period", "2d"), "--period is 1d, 7d, 30d, 90d, 1y, not 2d"),
        (("prune", "--date", "Sunday"), "'Sunday' is not a date YYYY-MM-DD"),
        (("prune", "--date", "2026-11-15", "--campaign", "nowhere"), "no campaign nowhere"),
        (("replay", "-"), "line 1: no JSON in UTF-8"),
        (("load", "-", "--campaign", "bad"), "line 1: no JSON in UTF-8"),
        (("load", "/nowhere/file"), "the file cannot be read"),
    ],
    ids=["at", "campaign", "period", "date", "prune", "replay", "load", "file"],
)
def test_bad_input_is_one_line_and_2(run: Run, words: tuple[str, ...], says: str) -> None:
    code, out, err = run(*words, stdin=b"{")
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
