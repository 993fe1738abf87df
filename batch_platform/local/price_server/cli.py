"""`batch-platform services prices`: look at the price server and steer it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from batch_platform.core.failures import InvalidInput, TransientFailure
from batch_platform.core.terminal import Figure, print_json, print_rows, say
from batch_platform.kit.options import Json, whole
from batch_platform.local.home import Home
from batch_platform.local.state import State, supervisor_runs
from batch_platform.settings import load_settings

_INSTANT = "2026-11-09T00:00:00Z"


def prices_command(
    as_json: Json = False,
    at: Annotated[str | None, typer.Option(metavar=_INSTANT, help="Set the clock; it goes on from there.")] = None,
    stand: Annotated[bool, typer.Option("--stand", help="Let the clock stand, at --at or now.")] = False,
    advance: Annotated[int | None, typer.Option(parser=whole(), metavar="SECONDS", help="Advance the clock.")] = None,
    real: Annotated[bool, typer.Option("--real", help="Go back to the real time.")] = False,
    source_of_prices: Annotated[
        str | None, typer.Option("--from", metavar="walk|series", help="A random walk, or the bundled two days.")
    ] = None,
    seed: Annotated[int | None, typer.Option(parser=whole(), metavar="N", help="The walk's seed.")] = None,
    pin: Annotated[
        list[str] | None, typer.Option(metavar="TOKEN=PRICE", help="Hold a price; without a price, let it go.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="No faults any more.")] = False,
    fault: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="status, delay, omit, null, nan, infinity, zero, text, decimals, jump, v2, html or truncated.",
        ),
    ] = None,
    source: Annotated[
        str, typer.Option(help="Whose answers: jupiter, coingecko, binance, pyth or funding.")
    ] = "jupiter",
    token: Annotated[list[str] | None, typer.Option(help="Which tokens the fault is of; all by default.")] = None,
    value: Annotated[str | None, typer.Option(help="The status, the seconds of delay, the factor of a jump.")] = None,
    times: Annotated[
        int | None, typer.Option(parser=whole(1), metavar="N", help="For so many answers; until --clear by default.")
    ] = None,
) -> None:
    """Show the price server's clock, prices and faults, once changed by the options. Tokens by symbol or mint."""
    steering = _Steering(_address())
    if real or at or stand:
        steering.send("PUT", "/clock", {"at": None if real else at or steering.market["at"], "running": not stand})
    if advance is not None:
        steering.send("POST", "/clock/advance", {"seconds": advance})
    if source_of_prices is not None or seed is not None:
        steering.send("PUT", "/prices", {"from": source_of_prices, "seed": seed})
    if pin:
        steering.send("PUT", "/pinned", dict(map(steering.pinned, pin)))
    if clear:
        steering.send("DELETE", "/faults")
    if fault is not None:
        mints = [steering.mint(name) for name in token or ()]
        steering.send(
            "POST", "/faults", {"kind": fault, "source": source, "mints": mints, "value": value, "times": times}
        )
    if as_json:
        print_json({"url": steering.url, **steering.market})
    else:
        _print(steering.url, steering.market)


class _Steering:
    """The server's /control, and everything as it was at the last answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.market: dict[str, Any] = {}
        self.send("GET", "")

    def send(self, method: str, path: str, body: Any = None) -> None:
        import httpx

        try:
            answer = httpx.request(method, f"{self.url}/control{path}", json=body, timeout=10, trust_env=False)
            market = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise TransientFailure(
                "price-server-silent",
                "the price server at {url} does not answer: {reason}",
                url=self.url,
                reason=str(error),
            ) from error
        if answer.status_code != 200:
            raise InvalidInput("price-server-refuses", "{reason}", reason=market["error"])
        self.market = market

    def mint(self, name: str) -> str:
        """A token by its symbol, or by its mint, which need not be traded yet."""
        symbols = {token["symbol"]: mint for mint, token in self.market["tokens"].items()}
        return str(symbols.get(name, name))

    def pinned(self, text: str) -> tuple[str, str | None]:
        name, _, price = text.partition("=")
        return self.mint(name), price or None


def _address() -> str:
    home = Home(load_settings().home)
    service = State.load(home).services.get("prices") if supervisor_runs(home) else None
    if service is None:
        raise TransientFailure(
            "price-server-stopped", "no price server runs in {home}: batch-platform services start", home=home.root
        )
    return service.url


def _print(url: str, market: dict[str, Any]) -> None:
    say(f"{url}: {market['at']} by a {market['clock']} clock, from the {market['prices_from']}")
    rows = [
        {
            "token": token["symbol"],
            "USD": Figure(token["price"] or ""),
            "pinned": mint in market["pinned"],
            "mint": mint,
        }
        for mint, token in market["tokens"].items()
    ]
    print_rows(rows, empty="no tokens are traded")
    for fault in market["faults"]:
        say(f"fault: {json.dumps(fault)}")
