"""Registration numbers of issuers: `T` and the thirteen digits of a company."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

_BLANK_OR_HYPHEN: Final = re.compile(r"[\s\u002d\u2010-\u2015\u2212]")


def tax_number(text: str) -> dict[str, Any]:
    normalized = _BLANK_OR_HYPHEN.sub("", unicodedata.normalize("NFKC", text)).upper()
    if not re.fullmatch(r"T[0-9]{13}", normalized):
        return {"valid": False, "normalized": None, "warning": None}
    warning = None if int(normalized[1]) == check_digit(normalized[2:]) else "check_digit"
    return {"valid": True, "normalized": normalized, "warning": warning}


def check_digit(twelve: str) -> int:
    """Nine minus the rest by nine of the digits, every second one from the right twice."""
    weighted = sum(int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(twelve)))
    return 9 - weighted % 9
