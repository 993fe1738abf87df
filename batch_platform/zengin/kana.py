"""The writings of a name: full width and half width, hiragana and letters, and the one form search compares."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import polars as pl

TRANSFER_BYTES: Final = 15
"""The width of the name of a bank or branch in a transfer file."""

_KANA: Final = [chr(code) for code in range(0xFF66, 0xFF9E) if chr(code) != "ｰ"]
_MARKS: Final = "ﾞﾟ"
_FULL: Final = {
    half: full
    for half in (*_KANA, *(kana + mark for kana in _KANA for mark in _MARKS))
    if len(full := unicodedata.normalize("NFKC", half)) == 1
}
"""Half-width kana, with its mark, -> the one full-width letter."""

_SMALL: Final = dict(zip("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ", strict=True))
_DASHES: Final = "-ー－ｰ‐‑‒–—―−─━"
_DOTS: Final = "・･．."
_HIRAGANA: Final = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_KATAKANA: Final = {code: code - 0x60 for code in range(ord("ァ"), ord("ン") + 1)}
_WIDE: Final = {0x20: 0x3000, **{code: code + 0xFEE0 for code in range(0x21, 0x7F)}}

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ ()/,"
"""What a name in a transfer file may hold besides kana, hyphens and points."""


def _half_widths() -> dict[str, str]:
    """Each letter that has a place in a transfer file -> how it is written there, small kana large."""
    halves = {full: half for half, full in _FULL.items()}
    table = {**halves, **{small: halves[large] for small, large in _SMALL.items()}}
    table |= {half: table[full] for half, full in _FULL.items() if len(half) == 1}
    table |= dict(zip("ﾞﾟ゛゜､、", "ﾞﾟﾞﾟ,,", strict=True))
    table |= {**dict.fromkeys(_DASHES, "-"), **dict.fromkeys(_DOTS, ".")}
    for letter in _LETTERS:
        table |= dict.fromkeys((letter, letter.lower()), letter)
        table |= dict.fromkeys((letter.translate(_WIDE), letter.lower().translate(_WIDE)), letter)
    return table


def _sounds() -> dict[int, str]:
    """Each katakana -> its letters, as the `zengin-code` releases have them."""
    rows = (
        "アイウエオ カキクケコ ガギグゲゴ サシスセソ ザジズゼゾ タチツテト ダヂヅデド"
        " ナニヌネノ ハヒフヘホ バビブベボ パピプペポ マミムメモ ラリルレロ"
    )
    table = {
        letter: sound + vowel
        for row, sound in zip(rows.split(), ["", *"kgsztdnhbpmr"], strict=True)
        for letter, vowel in zip(row, "aiueo", strict=True)
    }
    table |= {"シ": "shi", "ジ": "ji", "チ": "chi", "ツ": "tsu", "フ": "fu"}
    table |= {"ヤ": "ya", "ユ": "yu", "ヨ": "yo", "ワ": "wa", "ヲ": "wo", "ン": "n", "ヴ": "vu"}
    table |= {small: table[large] for small, large in _SMALL.items()}
    return {ord(letter): sound for letter, sound in table.items()}


_HALF: Final = _half_widths()
_ROMAJI: Final[dict[int, str | int]] = {**_sounds(), **{code + 0xFEE0: code for code in range(0x21, 0x7F)}}
_N_BEFORE_LIPS: Final = re.compile("ン(?=[バビブベボパピプペポマミムメモ])")


def to_full_width(half: str) -> str:
    """Half-width kana as the `zengin-code` releases write it: full width throughout, hyphens U+FF0D."""
    return unicodedata.normalize("NFC", _joined(half)).translate(_WIDE)


def to_half_width(kana: str) -> str:
    """Kana of any writing in the letters of a transfer file; what has no place there becomes a space."""
    whole = unicodedata.normalize("NFC", kana).translate(_HIRAGANA)
    return "".join(_HALF.get(letter, " ") for letter in whole)


def export_kana(kana: str) -> str:
    """A name as a transfer file carries it: half width, at most `TRANSFER_BYTES` of cp932, no letter cut in two."""
    half = to_half_width(kana).strip()
    if len(half) > TRANSFER_BYTES:
        # A mark belongs to the letter before it: without it the name is another one.
        end = TRANSFER_BYTES - 1 if half[TRANSFER_BYTES] in _MARKS else TRANSFER_BYTES
        half = half[:end]
    return half.rstrip()


def unexportable(kana: str) -> str:
    """The letters of a name that have no place in a transfer file, each once."""
    whole = unicodedata.normalize("NFC", kana).translate(_HIRAGANA)
    return "".join(dict.fromkeys(letter for letter in whole if letter not in _HALF))


def hiragana(kana: str) -> str:
    """Katakana as hiragana, as the `zengin-code` releases write it (ヴ stays)."""
    return kana.translate(_KATAKANA)


def romaji(kana: str) -> str:
    """Katakana in lower-case letters, as the `zengin-code` releases write it."""
    return _N_BEFORE_LIPS.sub("m", kana).translate(_ROMAJI).lower()


def fold(text: str) -> str:
    """The form in which search compares names; folding twice changes nothing."""
    folded: str = pl.select(fold_expr(pl.lit(text, dtype=pl.String()))).item()
    return folded


def fold_expr(text: pl.Expr) -> pl.Expr:
    """`fold` of a column: one width, one size, one kana, one hyphen; no case, blanks, points or usual suffixes."""
    plain = (
        text.str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"[\p{M}\p{Z}\p{C}ᄀ-ᇿ・.,、。゛゜'’]", "")
        .str.replace_many(_FOLDS)
    )
    return plain.str.replace(r"^(.+?)(?:銀行|支店|ギンコウ|シテン)+$", "$1")


def _joined(half: str) -> str:
    """Half-width kana and its marks as full-width letters; everything else as it is."""
    letters: list[str] = []
    for letter in half:
        together = _FULL.get(letters[-1] + letter) if letters and letter in _MARKS else None
        if together:
            letters[-1] = together
        else:
            letters.append(letter)
    return "".join(_FULL.get(letter, letter) for letter in letters)


_FOLDS: Final = {
    **{chr(hiragana): _SMALL.get(chr(kana), chr(kana)) for hiragana, kana in _HIRAGANA.items()},
    **_SMALL,
    **dict.fromkeys(_DASHES, "-"),
    # Cyrillic letters that some releases have in Latin names.
    **dict(zip("аеоркмтсх", "aeopkmtcx", strict=True)),
}
