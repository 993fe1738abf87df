"""Players at the door: a wallet proves itself by a signature, and gets a token or a session; no account, no role."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from batch_platform.core.audit import Log
from batch_platform.core.clock import Clock
from batch_platform.core.postgres import Pool
from batch_platform.trading import wallets
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.sign_in import LIFETIME, SHARED_FOR, Challenge
from batch_platform.trading.store.players import PlayersSession, PlayersStore

KIND: Final = "player"
"""What the subjects and the tokens of players begin with."""
TOKEN_LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True)
class PlayerToken:
    """A bearer token bound to a wallet; its text is kept nowhere."""

    text: str
    wallet: str
    expires_at: datetime


def challenge(context: TradingContext, wallet: str, random: Callable[[int], bytes]) -> Challenge:
    """What the wallet shall sign, whether anybody plays by it or not. Raises `InvalidInput` for a bad address."""
    wallets.check_address(wallet)
    now = context.clock().replace(microsecond=0)
    with PlayersStore(context.pool).transaction() as session:
        session.delete_ended(now=now)
        known = session.nonces(wallet, now=now, issued_after=now - SHARED_FOR)
        if known:
            return known[0]
        made = Challenge(wallet, random(16).hex(), issued_at=now, expires_at=now + LIFETIME)
        session.insert_nonce(made)
        return made


def prove(context: TradingContext, wallet: str, signature: str, *, site: str) -> bool:
    """Use up the nonce that this is the wallet's signature of; False when there is none. Raises as `challenge`."""
    wallets.check_address(wallet)
    with PlayersStore(context.pool).transaction() as session:
        return _proves(session, wallet, signature, site=site, now=context.clock())


def sign_in(
    context: TradingContext,
    wallet: str,
    signature: str,
    log: Log,
    *,
    site: str,
    random: Callable[[int], bytes],
) -> PlayerToken | None:
    """A token for whoever signed the wallet's nonce; None as `prove` is False. Raises as `challenge`."""
    wallets.check_address(wallet)
    now = context.clock()
    with PlayersStore(context.pool).transaction() as session:
        if not _proves(session, wallet, signature, site=site, now=now):
            return None
        return _issue(session, wallet, log, now=now, random=random)


def issue(context: TradingContext, wallet: str, log: Log, random: Callable[[int], bytes]) -> PlayerToken:
    """A token without a signature: for who owns the machine. Raises as `challenge`."""
    wallets.check_address(wallet)
    with PlayersStore(context.pool).transaction() as session:
        return _issue(session, wallet, log, now=context.clock(), random=random)


def holder(pool: Pool, clock: Clock, token: str) -> str | None:
    """The wallet whose token it is; None for one that is nobody's, has ended or was taken back."""
    with PlayersStore(pool).transaction() as session:
        return session.holder(_hash(token), now=clock())


def sign_out(context: TradingContext, token: str, wallet: str, log: Log) -> None:
    """Take the token back; once more is the same."""
    with PlayersStore(context.pool).transaction() as session:
        if session.delete_token(_hash(token), now=context.clock()):
            log.record(session.connection, "session.end", wallet)


def _proves(session: PlayersSession, wallet: str, signature: str, *, site: str, now: datetime) -> bool:
    # a wrong signature uses up nothing: nobody can spoil the nonce of another
    for known in session.nonces(wallet, now=now, issued_after=now - LIFETIME):
        if wallets.is_signed(wallet, known.message(site), signature):
            return session.use_nonce(known.nonce, now=now)
    return False


def _issue(
    session: PlayersSession, wallet: str, log: Log, *, now: datetime, random: Callable[[int], bytes]
) -> PlayerToken:
    text = f"{KIND}.{base64.urlsafe_b64encode(random(32)).decode().rstrip('=')}"
    expires_at = (now + TOKEN_LIFETIME).replace(microsecond=0)
    session.insert_token(_hash(text), wallet, now=now, expires_at=expires_at)
    log.record(session.connection, "session.start", wallet, after={"expires_at": expires_at.isoformat()})
    return PlayerToken(text, wallet, expires_at)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
