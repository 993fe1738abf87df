"""Addresses that somebody can sign for, and signatures that are theirs."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.trading.wallets import KEY_BYTES, check_address, decode, encode, is_signed

P = 2**255 - 19
# RFC 8032, 7.1, test 2: a key, and its signature of the one byte 0x72.
KNOWN_KEY = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
KNOWN_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
# Two of the points of order eight; the other two are their negatives.
ORDER_EIGHT = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)


def point(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(KEY_BYTES, "little")


def key_pair(number: int) -> tuple[Ed25519PrivateKey, str]:
    private = Ed25519PrivateKey.from_private_bytes(number.to_bytes(KEY_BYTES, "big"))
    return private, encode(private.public_key().public_bytes_raw())


@given(st.binary(max_size=70))
@example(bytes(32))
@example(b"\0\0\x01")
def test_each_value_has_one_text(value: bytes) -> None:
    text = encode(value)
    assert decode(text, len(value)) == value
    assert decode(text, len(value) + 1) is None
    assert decode(f"1{text}", len(value)) is None


def test_known_texts() -> None:
    assert encode(b"Hello World!") == "2NEpo7TZRRrLZSi2U"
    assert encode(bytes.fromhex("0000287fb4cd")) == "11233QC4"
    assert decode("11111111111111111111111111111111", 32) == bytes(32)


@given(st.integers(0, 2**256 - 1))
def test_every_key_pair_has_a_wallet_that_signs(number: int) -> None:
    private, address = key_pair(number)
    assert 42 <= len(address) <= 44
    assert check_address(address) == private.public_key().public_bytes_raw()
    message = "ログイン: 署名\n"
    signature = private.sign(message.encode())
    assert is_signed(address, message, encode(signature))
    assert not is_signed(address, f"{message} ", encode(signature))
    assert not is_signed(key_pair((number + 1) % 2**256)[1], message, encode(signature))
    for altered in (signature[:-1], signature + b"\0", bytes(64), signature[::-1]):
        assert not is_signed(address, message, encode(altered))
    assert not is_signed(address, message, encode(signature) + "\n")


def test_the_signature_of_the_standard_is_good() -> None:
    assert is_signed(encode(KNOWN_KEY), "r", encode(KNOWN_SIGNATURE))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        encode(KNOWN_KEY) + "\n",
        " " + encode(KNOWN_KEY),
        encode(KNOWN_KEY)[:-1],
        encode(KNOWN_KEY) + "1",
        "1" + encode(KNOWN_KEY),
        encode(KNOWN_KEY)[:-1] + "0",
        encode(KNOWN_KEY)[:-1] + "１",
        encode(KNOWN_KEY + b"\x01"),
        "z" * 44,
        "1" * 100_000,
    ],
    ids=lambda text: repr(text[:46]),
)
def test_what_is_no_base58_of_a_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_address(text)
    assert (refused.value.message.id, refused.value.field) == ("bad-wallet-address", "wallet_address")


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(point(2), id="off the curve"),
        pytest.param(point(1), id="neutral"),
        pytest.param(point(1, 1), id="neutral with a sign"),
        pytest.param(point(P - 1), id="of order two"),
        pytest.param(point(0), id="of order four"),
        pytest.param(point(0, 1), id="its negative"),
        *(pytest.param(bytes.fromhex(text), id=f"of order eight: {text[:4]}") for text in ORDER_EIGHT),
        pytest.param(point(P + 3), id="written in a second way"),
        pytest.param(point(2**255 - 1), id="greatest"),
    ],
)
def test_keys_that_nobody_or_everybody_has_are_refused(key: bytes) -> None:
    with pytest.raises(InvalidInput):
        check_address(encode(key))


def test_a_point_off_the_subgroup_order_is_no_small_one() -> None:
    """y = 3 is on the curve: it is refused only when it is written as p + 3."""
    assert check_address(encode(point(3))) == point(3)
