"""What a wallet signs to sign in: a text that names this site, the wallet and a nonce, good once and for minutes.

The text has the form of Sign-In With Solana, which wallets know: one that is asked to sign it by a page of another
site warns its owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

LIFETIME: Final = timedelta(minutes=5)
SHARED_FOR: Final = LIFETIME / 2
"""How long whoever asks for a wallet gets the same nonce: asking often makes no more of them, and ends none."""


@dataclass(frozen=True)
class Challenge:
    """A nonce for one wallet, in whole seconds of UTC. It is no secret: what counts is who signs it."""

    wallet: str
    nonce: str
    issued_at: datetime
    expires_at: datetime

    def message(self, site: str) -> str:
        """The text to sign, at the site with this address."""
        return "\n".join(
            (
                f"{urlsplit(site).netloc} wants you to sign in with your Solana account:",
                self.wallet,
                "",
                "Play the paper-trading competition. Nothing is sent to a blockchain, and nothing is paid.",
                "",
                f"URI: {site}",
                "Version: 1",
                f"Nonce: {self.nonce}",
                f"Issued At: {_written(self.issued_at)}",
                f"Expiration Time: {_written(self.expires_at)}",
            )
        )


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
