"""Passwords: argon2id hashes, and checks that take as long for an account that does not exist."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from batch_platform.core.failures import InvalidInput, TransientFailure

MINIMUM: Final = 12
MAXIMUM: Final = 256

_HASHER: Final = PasswordHasher()  # RFC 9106's profile for 64 MiB
_AT_ONCE: Final = BoundedSemaphore(2)  # a flood of logins takes neither the memory nor all processors
_PATIENCE: Final = 5.0


def check_password(password: str, *, name: str) -> str:
    """The password in its normal form. Raises `InvalidInput` when it is too short, too long or the name."""
    normal = _normal(password)
    if not MINIMUM <= len(normal) <= MAXIMUM:
        raise InvalidInput(
            "password-length",
            "a password has {minimum} to {maximum} characters",
            minimum=MINIMUM,
            maximum=MAXIMUM,
            field="password",
        )
    if name.casefold() in normal.casefold() and len(normal) < MINIMUM + len(name):
        raise InvalidInput("password-is-name", "the password consists of the account's name", field="password")
    return normal


def generate(random: Callable[[int], bytes]) -> str:
    """A password of 120 random bits that can be typed."""
    letters = base64.b32encode(random(15)).decode().lower()
    return "-".join(letters[first : first + 6] for first in range(0, 24, 6))


def hash_password(password: str) -> str:
    with _turn():
        return _HASHER.hash(_normal(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password is right. Without a hash (no such account) it takes as long and is False."""
    known = password_hash is not None
    candidate = _normal(password)
    if len(candidate) > MAXIMUM:
        known, candidate = False, ""
    with _turn():
        nobodys = _nobodys()
        try:
            return _HASHER.verify(password_hash if known and password_hash else nobodys, candidate) and known
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _nobodys() -> str:
    return _HASHER.hash("the password of nobody")


@contextmanager
def _turn() -> Iterator[None]:
    if not _AT_ONCE.acquire(timeout=_PATIENCE):
        raise TransientFailure("too-many-logins", "too many logins at once: try again in some seconds")
    try:
        yield
    finally:
        _AT_ONCE.release()


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
