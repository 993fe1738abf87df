"""A contract's payment in the words of an invoice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MONTHS: Final = {0: "当月", 1: "翌月", 2: "翌々月"}
_HOLIDAYS: Final = {
    "next": "（金融機関休業日の場合は翌営業日）",
    "previous": "（金融機関休業日の場合は前営業日）",
    "none": "",
}


def payment_terms(payment: Mapping[str, Any]) -> str:
    """`{kind: closing, closing, months, day, holiday}` or `{kind: net_days, days, holiday}`; a day may be "end"."""
    if payment["kind"] == "net_days":
        return f"発行日から{payment['days']}日後まで{_HOLIDAYS[payment['holiday']]}"
    months = payment["months"]
    closing = "月末" if payment["closing"] == "end" else f"毎月{payment['closing']}日"
    day = "末日" if payment["day"] == "end" else f"{payment['day']}日"
    return f"{closing}締め {_MONTHS.get(months, f'{months}か月後の')}{day}払い{_HOLIDAYS[payment['holiday']]}"
