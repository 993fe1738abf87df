"""`batch-platform trading …`: a file a group of commands."""

from __future__ import annotations

import typer

from batch_platform.trading.cli.administration import players_app
from batch_platform.trading.cli.boards import (
    leaderboard_command,
    pnl_command,
    portfolio_command,
    snapshots_command,
)
from batch_platform.trading.cli.calc import calc_app
from batch_platform.trading.cli.contests import export_command, load_command, replay_command, verify_command
from batch_platform.trading.cli.listings import campaigns_app, pools_app, prices_app, rates_app, tokens_app
from batch_platform.trading.cli.retention import prune_command
from batch_platform.trading.cli.sign_in import sign_in_command
from batch_platform.trading.proving.command import prove

app = typer.Typer()
app.command("leaderboard")(leaderboard_command)
app.command("snapshots")(snapshots_command)
app.command("portfolio")(portfolio_command)
app.command("pnl")(pnl_command)
app.add_typer(tokens_app, name="tokens")
app.add_typer(prices_app, name="prices")
app.add_typer(rates_app, name="rates")
app.add_typer(pools_app, name="pools")
app.add_typer(campaigns_app, name="campaigns")
app.add_typer(players_app, name="players")
app.command("load")(load_command)
app.command("replay")(replay_command)
app.command("export")(export_command)
app.command("verify")(verify_command)
app.command("prune")(prune_command)
app.command("prove")(prove)
app.add_typer(calc_app, name="calc")
app.command("sign-in")(sign_in_command)
