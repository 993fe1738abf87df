"""Signing in as a player: `/api/auth/…` for programs, a page for browsers with or without a wallet in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response

from batch_platform.core.audit import Log
from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.trading.service import players
from batch_platform.trading.service.quotas import Quota
from batch_platform.trading.wallets import check_address
from batch_platform.trading.web.context import Context
from batch_platform.trading.web.players import HOME, SIGN_IN, PlayerOr, player, wallet_of
from batch_platform.trading.web.quotas import count
from batch_platform.trading.web.wire import Wallet
from batch_platform.web.access.dependencies import current, public, requires
from batch_platform.web.access.pages import enter
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.refusals import Refusal, forbidden
from batch_platform.web.api.strict import SnakeModel, Text
from batch_platform.web.console import field_errors, local_path, redirect, render
from batch_platform.web.context import web_of
from batch_platform.web.i18n import translated
from batch_platform.web.package_files import PackageFiles
from batch_platform.web.security import address_of

# One address alone cannot use up what a wallet has.
OF_ADDRESS: Final = Quota("sign-in by address", 30, timedelta(minutes=1))
OF_WALLET: Final = Quota("sign-in by wallet", 60, timedelta(minutes=1))
ADMINISTER: Final = "trading:administer"

NONCE: Final = "/api/auth/nonce"
VERIFY: Final = "/api/auth/verify"
FILES: Final = PackageFiles("batch_platform.trading.web", f"{SIGN_IN}/files", "sign_in.js", permission=None)
OPENED: Final = frozenset({NONCE, VERIFY, SIGN_IN}) | FILES.paths
"""What nobody needs to be signed in for."""

router = APIRouter(tags=["trading"])
pages = APIRouter(include_in_schema=False)


Typed = Annotated[str, Form(max_length=200)]


class NonceRequest(SnakeModel):
    """Whose signature is to come."""

    wallet_address: Wallet


class NonceAnswer(SnakeModel):
    """What the wallet shall sign: `message` as UTF-8, good for one sign-in until `expires_at`."""

    wallet_address: str
    nonce: str
    message: str
    expires_at: datetime


class VerifyRequest(SnakeModel):
    """The wallet's Ed25519 signature of its message, in base58."""

    wallet_address: Wallet
    signature: Text


class AccessTokenAnswer(SnakeModel):
    """A bearer token of the wallet's player; it is told only once."""

    token: str
    wallet_address: str
    expires_at: datetime


@router.post(NONCE, dependencies=[public()])
def nonce(request: Request, context: Context, body: NonceRequest) -> Envelope[NonceAnswer]:
    """A text for a wallet to sign. The answer does not tell whether anybody plays by that wallet."""
    _count(request, body.wallet_address)
    made = players.challenge(context, body.wallet_address, web_of(request).random)
    message = made.message(web_of(request).url)
    return Envelope(
        data=NonceAnswer(wallet_address=made.wallet, nonce=made.nonce, message=message, expires_at=made.expires_at)
    )


@router.post(VERIFY, dependencies=[public()], responses=documented(401))
@writes("session.start")
def verify(request: Request, context: Context, body: VerifyRequest) -> Envelope[AccessTokenAnswer]:
    """Sign in by a signature: a token that is good for this wallet's player, and for nothing else."""
    _count(request, body.wallet_address)
    web, wallet = web_of(request), body.wallet_address
    token = players.sign_in(context, wallet, body.signature, _log(request, wallet), site=web.url, random=web.random)
    if token is None:
        raise _refused()
    return Envelope(data=AccessTokenAnswer(token=token.text, wallet_address=wallet, expires_at=token.expires_at))


@router.post("/api/auth/sign-out", dependencies=[requires(PlayerOr(ADMINISTER))])
@writes("session.end")
def sign_out(request: Request, context: Context) -> Envelope[None]:
    """Take the player's token back that this request came with. Browsers sign out by their own page."""
    wallet, via = wallet_of(request), current(request).via
    if wallet is None or via != "token":
        raise forbidden(ADMINISTER)
    token = request.headers["authorization"].partition(" ")[2]
    players.sign_out(context, token, wallet, _log(request, wallet))
    return Envelope(data=None)


@pages.get(SIGN_IN, dependencies=[public()])
def sign_in_page(request: Request, target: Annotated[str, Query(alias="next")] = HOME) -> Response:
    if request.scope["principal"] is not None and wallet_of(request) is not None:
        return redirect(request, target)
    return _page(request, target)


@pages.post(SIGN_IN, dependencies=[public()])
@writes("session.start")
def sign_in(
    request: Request,
    context: Context,
    wallet_address: Typed = "",
    signature: Typed = "",
    target: Annotated[str, Form(alias="next")] = HOME,
) -> Response:
    """Show the text to sign to whoever brings no signature yet; start a session for whoever brings the right one."""
    wallet, signature = wallet_address.strip(), signature.strip()
    web = web_of(request)
    try:
        _count(request, wallet)
        if signature and players.prove(context, wallet, signature, site=web.url):
            return enter(request, player(wallet), target)
        message = players.challenge(context, wallet, web.random).message(web.url)
    except InvalidInput as error:
        return _page(request, target, status=422, wallet=wallet, errors=field_errors(error))
    if not signature:
        return _page(request, target, wallet=wallet, message=message)
    return _page(request, target, status=401, wallet=wallet, message=message, error=translated(_refused().detail))


def _page(request: Request, target: str, *, status: int = 200, **values: Any) -> Response:
    given: dict[str, Any] = {"wallet": "", "message": "", "errors": {}, "error": ""} | values
    return render(
        request,
        "trading/sign_in.html",
        status=status,
        next=local_path(target, HOME),
        script=FILES.url("sign_in.js"),
        **given,
    )


def _count(request: Request, wallet: str) -> None:
    """Raises 429 for who asks too often, `InvalidInput` for a bad address."""
    count(request, OF_ADDRESS, address_of(request.scope))
    check_address(wallet)
    count(request, OF_WALLET, wallet)


def _log(request: Request, wallet: str) -> Log:
    """The audit log in the hands of the player, who is only just signing in."""
    web = web_of(request)
    return Log(web.pool, web.clock, player(wallet).subject, correlation_id=request.scope["correlation_id"])


def _refused() -> Refusal:
    return Refusal(
        401,
        "signature-refused",
        "the signature is not the wallet's of a text that was asked for here, or that text was used or has ended",
        headers={"WWW-Authenticate": "Bearer"},
    )
