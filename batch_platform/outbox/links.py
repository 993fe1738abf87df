"""The link by which a recipient declines advertising: a notice's number, signed, short enough for a mail's header."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from batch_platform.core.failures import InvalidInput, NotFound

PATH: Final = "/u"
"""With the token as its whole query."""

LONGEST: Final = 77
"""`<link>` in a header: one character more and the email package writes it as an encoded word, which is no link."""

_NUMBER: Final = 6  # bytes
_SIGNATURE: Final = 9
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20}")


def link(url: str, key: bytes, number: int) -> str:
    """Where the recipient of this notice declines. Raises `InvalidInput` when the platform's address is too long."""
    raw = number.to_bytes(_NUMBER)
    token = urlsafe_b64encode(raw + _signature(key, raw)).decode()
    made = f"{url.rstrip('/')}{PATH}?{token}"
    if len(made) + 2 > LONGEST:
        raise InvalidInput(
            "address-too-long-for-links",
            "{field} is too long for the links of mails: {longest} characters at most",
            longest=LONGEST - 2 - len(f"{PATH}?{token}"),
            field="BATCH_PLATFORM_URL",
        )
    return made


def read(key: bytes, token: str) -> int:
    """The number of the notice. Raises `NotFound` for a link that was not made here."""
    raw = urlsafe_b64decode(token) if _TOKEN.fullmatch(token) else b""
    number = raw[:_NUMBER]
    if not hmac.compare_digest(raw[_NUMBER:], _signature(key, number)):
        raise NotFound("unknown-unsubscribe-link", "this link is not one of ours")
    return int.from_bytes(number)


def _signature(key: bytes, number: bytes) -> bytes:
    return hmac.digest(key, number, hashlib.sha256)[:_SIGNATURE]
