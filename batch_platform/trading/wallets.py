"""Wallets: an address is the base58 text of an Ed25519 public key, and whoever holds the key signs with it."""

from __future__ import annotations

import re
from typing import Final

from batch_platform.core.failures import InvalidInput

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""Base58 as Bitcoin and Solana write it: no 0, O, I and l."""

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

# The curve of RFC 8032, 5.1: -x² + y² = 1 + d·x²·y² over the integers modulo p.
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_DIGITS: Final = {letter: value for value, letter in enumerate(ALPHABET)}


def decode(text: str, size: int) -> bytes | None:
    """The bytes that base58 writes as this text, of exactly this size; None for every other text.

    A leading `1` stands for a byte of zeros, so that each value has one text.
    """
    if not re.fullmatch(f"[{ALPHABET}]{{{size},{size * 2}}}", text):
        return None
    value = 0
    for letter in text:
        value = value * 58 + _DIGITS[letter]
    zeros = len(text) - len(text.lstrip("1"))
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes(zeros) + body if zeros + len(body) == size else None


def encode(value: bytes) -> str:
    """The base58 text of the bytes."""
    number, text = int.from_bytes(value, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(value) - len(value.lstrip(b"\0"))) + text


def check_address(text: str, *, field: str = "wallet_address") -> bytes:
    """The public key of a wallet's address. Raises `InvalidInput` for a text that nobody can sign for."""
    key = decode(text, KEY_BYTES)
    if key is None or not _is_public_key(key):
        raise InvalidInput(
            "bad-wallet-address",
            "a wallet's address is the base58 text of its public key of 32 bytes",
            field=field,
        )
    return key


def is_signed(address: str, message: str, signature: str) -> bool:
    """Whether the base58 `signature` is the wallet's of this text as UTF-8. Raises as `check_address`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key, signed = check_address(address), decode(signature, SIGNATURE_BYTES)
    if signed is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signed, message.encode())
    except InvalidSignature:
        return False
    return True


def _is_public_key(key: bytes) -> bool:
    """Whether it is a point of the curve, written in its one way, and not of the eight for which anyone can sign."""
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    if y >= _P or pow(_x_squared(y), (_P - 1) // 2, _P) != 1:
        return False
    for _ in range(3):
        y = _doubled(y)
    return y != 1


def _x_squared(y: int) -> int:
    return (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P


def _doubled(y: int) -> int:
    """The y of twice the point, which its x enters by its square alone."""
    xx = _x_squared(y)
    return (y * y + xx) * pow(1 - _D * xx * y * y, -1, _P) % _P
