"""Registration numbers of invoice issuers (適格請求書発行事業者の登録番号): T and 13 digits.

Written with full-width letters, blanks, hyphens or a long-vowel mark in a hyphen's place, they are put right. A
corporation's 13 digits begin with a check digit over the other twelve, 9 - (Σ Pn·Qn mod 9), n from the right, Qn 1
for odd and 2 for even n (法人番号の指定等に関する省令 2 条). A sole proprietor's follow no published rule, so a digit
that does not match is a warning, no error.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_IGNORED: Final = re.compile(r"[\s\-\u2010-\u2015\u2212\u30fc]")
_NUMBER: Final = re.compile(r"T[0-9]{13}")


class Warned(StrEnum):
    """What is odd about a number."""

    CHECK_DIGIT = "check_digit"


@dataclass(frozen=True)
class RegistrationNumber:
    """As it is printed."""

    text: str
    warning: Warned | None


def parse_registration_number(written: str) -> RegistrationNumber | None:
    """The number that somebody has written; None for what is none."""
    text = _IGNORED.sub("", unicodedata.normalize("NFKC", written)).upper()
    if not _NUMBER.fullmatch(text):
        return None
    digits = [int(digit) for digit in text[1:]]
    return RegistrationNumber(text, None if digits[0] == check_digit(digits[1:]) else Warned.CHECK_DIGIT)


def check_digit(digits: list[int]) -> int:
    """The first digit of a corporate number with these twelve behind it, 1 to 9."""
    weighted = (digit * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return 9 - sum(weighted) % 9
