"""Every read and write of nonces, players' tokens and request rates; the statements stand in `sql/players.sql`."""

from __future__ import annotations

from datetime import datetime, timedelta

from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore
from batch_platform.trading.sign_in import Challenge


class PlayersSession(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.trading.sql")

    # signing in

    def insert_nonce(self, challenge: Challenge) -> None:
        self._run("insert_nonce", **vars(challenge))

    def nonces(self, wallet: str, *, now: datetime, issued_after: datetime) -> list[Challenge]:
        """The ones that can still be used, newest first."""
        rows = self._rows("nonces", wallet=wallet, now=now, issued_after=issued_after)
        return [Challenge(**row) for row in rows]

    def use_nonce(self, nonce: str, *, now: datetime) -> bool:
        """False when somebody has used it, or it has ended."""
        return self._run("use_nonce", nonce=nonce, now=now) == 1

    def delete_ended(self, *, now: datetime) -> None:
        self._run("delete_ended", now=now)

    # tokens

    def insert_token(self, token_hash: bytes, wallet: str, *, now: datetime, expires_at: datetime) -> None:
        self._run("insert_player_token", token_hash=token_hash, wallet=wallet, now=now, expires_at=expires_at)

    def holder(self, token_hash: bytes, *, now: datetime) -> str | None:
        """The wallet whose token it is."""
        rows = self._rows("player_token", token_hash=token_hash, now=now)
        return rows[0]["wallet"] if rows else None

    def delete_token(self, token_hash: bytes, *, now: datetime) -> bool:
        return self._run("delete_player_token", token_hash=token_hash, now=now) == 1

    # request rates

    def count_request(self, key: str, *, now: datetime, interval: timedelta, room: timedelta) -> datetime | None:
        """None when there was room; else the instant at which the caller's bucket will be full again."""
        if self._rows("count_request", key=key, now=now, interval=interval, room=room):
            return None
        rows = self._rows("full_at", key=key)
        return rows[0]["full_at"] if rows else None


class PlayersStore(BaseStore[PlayersSession]):
    """Opens transactions on the players' tables."""

    _session = PlayersSession
