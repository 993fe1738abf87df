"""What the rules compute, in the words of a bill."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from batch_platform.core.numbers import plain
from batch_platform.staffing.bank_days import Holiday
from batch_platform.staffing.billing import LineKind
from batch_platform.staffing.contracts import Discount
from batch_platform.staffing.due_dates import Closing, NetDays

REDUCED: Final = "reduced"
"""The tax category of the reduced rate (軽減税率), which every document marks."""
CREDIT: Final = "対価の返還"
LINE_NAMES: Final[Mapping[LineKind, str]] = {
    LineKind.BASE: "基本利用料",
    LineKind.EXTRA_USERS: "追加ユーザー利用料",
    LineKind.EXTRA_ENGINEERS: "追加エンジニア利用料",
    LineKind.ITEM: "個別利用料",
}
_MONTHS: Final = {0: "当月", 1: "翌月", 2: "翌々月"}
_MOVED: Final = {
    Holiday.NEXT: "（金融機関休業日の場合は翌営業日）",
    Holiday.PREVIOUS: "（金融機関休業日の場合は前営業日）",
    Holiday.NONE: "",
}


def payment_terms(payment: Closing | NetDays) -> str:
    """When a bill is paid."""
    if payment.kind == "net_days":
        return f"発行日から{payment.days}日後まで{_MOVED[payment.holiday]}"
    closing = "月末" if payment.closing == "end" else f"毎月{payment.closing}日"
    month = _MONTHS.get(payment.months, f"{payment.months}か月後の")
    day = "末日" if payment.day == "end" else f"{payment.day}日"
    return f"{closing}締め {month}{day}払い{_MOVED[payment.holiday]}"


def discount_name(discount: Discount) -> str:
    """A discount as a line names it."""
    if discount.kind == "percent":
        return f"値引き（{plain(Decimal(discount.value))}%）"
    return f"値引き（{int(discount.value):,}円）"
