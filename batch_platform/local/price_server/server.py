"""The price server over HTTP: the sources' protocols, and /control for those who try things out.

    GET    /control                    everything as it is
    PUT    /control/clock              {"at": "2026-11-09T00:00:00Z" or null for the real time, "running": true}
    POST   /control/clock/advance      {"seconds": 600}
    PUT    /control/prices             {"from": "walk" or "series", "seed": 1}
    PUT    /control/series             {"start", "step", "prices": {mint: [price or null, …]}}: prices come from it
    PUT    /control/pinned             {mint: "123.45" or null}; others keep theirs
    PUT    /control/tokens             {mint: {"decimals", "price", "volatility", "symbol", "coin", "pair", …}}
    POST   /control/faults             {"kind", "source", "mints", "value", "times"}
    DELETE /control/faults             none any more

Each of these answers with everything as it is then. A body must be `application/json`: no foreign page can send that.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel, ValidationError

from batch_platform.local.price_server import protocols
from batch_platform.local.price_server.faults import Fault
from batch_platform.local.price_server.market import Market, Mode
from batch_platform.local.price_server.series import Price, Series

LOOPBACK: Final = "127.0.0.1"
_LARGEST_BODY: Final = 16_000_000
_HTML: Final = "<html><body>502 Bad Gateway</body></html>"

log = logging.getLogger(__name__)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClockBody(_Body):
    """Where the clock is set; None is the real time."""

    at: AwareDatetime | None
    running: bool = True


class AdvanceBody(_Body):
    """By how many seconds, forward or back."""

    seconds: Annotated[int, Field(ge=-(10**9), le=10**9)]


class PricesBody(_Body):
    """Where prices come from."""

    mode: Mode | None = Field(None, alias="from")
    seed: int | None = None


class TokenBody(_Body):
    """What may be said of a token; the rest stays, or is usual."""

    symbol: str | None = None
    decimals: Annotated[int, Field(ge=0, le=18)] | None = None
    price: Price | None = None
    volatility: Annotated[Decimal, Field(ge=0, le=1)] | None = None
    coin: str | None = None
    pair: str | None = None
    contract: str | None = None
    feed: str | None = None


Pinned = RootModel[dict[str, Price | None]]
Tokens = RootModel[dict[str, TokenBody]]


def _set_clock(market: Market, body: bytes) -> None:
    clock = ClockBody.model_validate_json(body)
    market.clock.set(clock.at and clock.at.astimezone(UTC), running=clock.running)


def _advance(market: Market, body: bytes) -> None:
    market.clock.advance(AdvanceBody.model_validate_json(body).seconds)


def _set_prices(market: Market, body: bytes) -> None:
    prices = PricesBody.model_validate_json(body)
    market.mode = prices.mode or market.mode
    market.seed = market.seed if prices.seed is None else prices.seed


def _set_series(market: Market, body: bytes) -> None:
    market.series = Series.model_validate_json(body)
    market.mode = "series"


def _pin(market: Market, body: bytes) -> None:
    prices = {**market.pinned, **Pinned.model_validate_json(body).root}
    market.pinned = {mint: price for mint, price in prices.items() if price is not None}


def _list_tokens(market: Market, body: bytes) -> None:
    for mint, token in Tokens.model_validate_json(body).root.items():
        market.list_token(mint, **token.model_dump(exclude_none=True))


def _add_fault(market: Market, body: bytes) -> None:
    market.faults.append(Fault.model_validate_json(body))


def _clear_faults(market: Market, _body: bytes) -> None:
    market.faults.clear()


CONTROLS: Final[dict[tuple[str, str], Callable[[Market, bytes], None]]] = {
    ("GET", "/control"): lambda _market, _body: None,
    ("PUT", "/control/clock"): _set_clock,
    ("POST", "/control/clock/advance"): _advance,
    ("PUT", "/control/prices"): _set_prices,
    ("PUT", "/control/series"): _set_series,
    ("PUT", "/control/pinned"): _pin,
    ("PUT", "/control/tokens"): _list_tokens,
    ("POST", "/control/faults"): _add_fault,
    ("DELETE", "/control/faults"): _clear_faults,
}


class PriceServer(ThreadingHTTPServer):
    """Serves one market until it is shut down; `port` 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, market: Market | None = None) -> None:
        self.market = market or Market()
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: PriceServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 (the base class's name)
        log.debug(format, *arguments)

    def _serve(self) -> None:
        address = urlsplit(self.path)
        protocol = protocols.PATHS.get(address.path) if self.command == "GET" else None
        if protocol:
            self._quote(protocol, parse_qs(address.query))
        elif (self.command, address.path) in CONTROLS:
            self._control(CONTROLS[self.command, address.path])
        elif address.path == "/":
            self._answer(200, json.dumps({"ready": True}))
        else:
            self._answer(404, json.dumps({"error": "no such path"}))

    def _quote(self, protocol: protocols.Protocol, query: dict[str, list[str]]) -> None:
        market = self.server.market
        faults = market.take_faults(protocol.source)
        by_kind = {fault.kind: fault for fault in faults if fault.whole}
        if delay := by_kind.get("delay"):
            time.sleep(min(int(delay.given(30) * 1000), 600_000) / 1000)
        if fault := by_kind.get("status"):
            status = int(fault.given(503))
            self._answer(status, json.dumps({"code": status, "message": _phrase(status)}))
            return
        try:
            with market.lock:
                text = protocols.encoded(protocol.body(market, query, market.clock(), faults))
        except (protocols.BadRequest, ValueError) as error:
            self._answer(400, str(error))
            return
        if "html" in by_kind:
            text = _HTML
        self._answer(200, text[: len(text) * 2 // 3] if "truncated" in by_kind else text)

    def _control(self, change: Callable[[Market, bytes], None]) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BODY:
            self.close_connection = True
            self._answer(413, json.dumps({"error": "the body is too large"}))
            return
        body = self.rfile.read(length)
        if self.command in ("PUT", "POST") and self.headers.get_content_type() != "application/json":
            self._answer(415, json.dumps({"error": "the body must be application/json"}))
            return
        try:
            with self.server.market.lock:
                change(self.server.market, body)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, at['loc']))}: {at['msg']}" for at in error.errors())
            self._answer(422, json.dumps({"error": faults}))
            return
        self._answer(200, json.dumps(self.server.market.state()))

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status == 429:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # the client has lost its patience
            self.close_connection = True


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown"


def main() -> None:
    """`python -m batch_platform.local.price_server.server --port N --home DIR`; SIGTERM ends it."""
    parser = argparse.ArgumentParser(description="serve prices on loopback")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", help="names the home it belongs to, for its orphans to be found")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    server = PriceServer(arguments.port, Market(seed=arguments.seed))
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    log.info("prices at %s, seed %d, %s", server.url, arguments.seed, datetime.now(UTC).isoformat(timespec="seconds"))
    server.serve_forever(poll_interval=0.2)


def _stop(_signum: int, _frame: Any) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
