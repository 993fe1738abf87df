"""How the console writes numbers, money, times and durations. Exact: digits are grouped, never rounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from batch_platform.core import crons
from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.web.i18n import spoken

_MISSING: Final = "–"
_CENT: Final = Decimal("0.01")


def grouped(value: Decimal | int | str | None) -> str:
    """`1234567.8900` as `1,234,567.8900`: every decimal as given. Raises `TypeError` for a float."""
    if value is None:
        return _MISSING
    if isinstance(value, bool | float):
        raise TypeError(f"{value!r} is not an exact number")
    return format(Decimal(value), ",f")


def cents(amount: Decimal) -> Decimal:
    """An amount of money as it is shown where it has more decimals: half-even to two."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)


def instant(moment: datetime) -> str:
    """The ISO instant in UTC, for `datetime` attributes. Raises `ValueError` for a naive moment."""
    return _aware(moment).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def in_japan(moment: datetime, *, seconds: bool = False) -> str:
    """The moment as clocks in Japan show it: `2026-10-01 09:30`."""
    return _aware(moment).astimezone(BUSINESS_ZONE).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def duration(length: timedelta | int | None) -> str:
    """`0:42`, `12:05`, `3:00:10`, `2d 4:00:00` for a timedelta or whole seconds."""
    if length is None:
        return _MISSING
    total = round(length.total_seconds()) if isinstance(length, timedelta) else length
    sign, total = ("-", -total) if total < 0 else ("", total)
    days, rest = divmod(total, 86_400)
    hours, rest = divmod(rest, 3_600)
    clock = f"{hours}:{rest // 60:02}:{rest % 60:02}" if days or hours else f"{rest // 60}:{rest % 60:02}"
    return f"{sign}{days}d {clock}" if days else f"{sign}{clock}"


def length_in_words(length: timedelta) -> str:
    """`30 秒`, `2 時間 30 分`, in the language of the request in hand."""
    return crons.length_in_words(length, spoken().code)


def size(count: int | None) -> str:
    """A number of bytes as people read it: `512 B`, `1.5 MiB`."""
    if count is None:
        return _MISSING
    unit, tenths = "B", count * 10
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if tenths < 10_240:
            break
        unit, tenths = larger, (tenths + 512) // 1_024
    return f"{count} B" if unit == "B" else f"{tenths // 10:,}.{tenths % 10} {unit}"


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment
