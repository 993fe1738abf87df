"""The price server among the embedded services: how it is started, and the variables that point trading at it."""

from __future__ import annotations

import sys
from functools import partial

from batch_platform.local.aws import minimal, url
from batch_platform.local.home import REPOSITORY, Home
from batch_platform.local.processes import answers
from batch_platform.local.programs import Program

_SERVER = "batch_platform.local.price_server.server"


def program(home: Home, port: int) -> Program:
    """The server on this port; its home stands in the command line, for its orphans to be found."""
    return Program(
        name="prices",
        command=(sys.executable, "-m", _SERVER, "--port", str(port), "--home", str(home.prices)),
        environment=minimal(),
        directory=REPOSITORY,
        log=home.logs / "prices.log",
        port=port,
        ready=partial(answers, port, "/"),
    )


LEADER = "TRADING_JUPITER_URL"
FOLLOWERS = (
    "TRADING_COINGECKO_URL",
    "TRADING_BINANCE_URL",
    "TRADING_BINANCE_FUTURES_URL",
    "TRADING_PYTH_URL",
    "TRADING_JUPITER_RATE",
    "TRADING_COINGECKO_RATE",
)


def variables(port: int) -> dict[str, str]:
    """All sources at the one server, which may be asked as often as anybody likes."""
    here = url(port)
    urls = {name: here for name in (LEADER, *FOLLOWERS) if name.endswith("_URL")}
    return {**urls, **{name: "100" for name in FOLLOWERS if name.endswith("_RATE")}}
