"""Names of states and kinds, and numbers as the competition's pages show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from batch_platform.trading.amounts import half_even, parse_number
from batch_platform.trading.amounts import plain as digits
from batch_platform.trading.instants import instant_text
from batch_platform.trading.series import Period
from batch_platform.trading.web.refusals import refused
from batch_platform.web.console import Words
from batch_platform.web.formats import grouped, in_japan
from batch_platform.web.i18n import N_, translated
from batch_platform.web.i18n import gettext as _

Row = Mapping[str, Any]

ORDER_STATES: Final[Words] = {
    "pending": (N_("Waiting for the next tick"), "busy"),
    "filled": (N_("Filled"), "good"),
    "rejected": (N_("Rejected"), "bad"),
    "expired": (N_("Expired"), "warning"),
}
ORDER_KINDS: Final[Mapping[str, str]] = {
    "swap": N_("Swap"),
    "stake": N_("Stake"),
    "liquid_stake": N_("Liquid stake"),
    "unstake": N_("Unstake"),
    "perp_open": N_("Open a position"),
    "perp_close": N_("Close a position"),
}
TRANSACTION_KINDS: Final[Mapping[str, str]] = {
    **ORDER_KINDS,
    "perp_liquidation": N_("Liquidation"),
    "initial": N_("First grant"),
    "deposit": N_("Deposit"),
    "correction": N_("Correction"),
}
MARKS: Final[Mapping[str, str]] = {
    "bought": N_("Bought"),
    "sold": N_("Sold"),
    "perp_open": N_("Position opened"),
    "perp_close": N_("Position closed"),
    "liquidated": N_("Liquidated"),
}
DIRECTIONS: Final[Words] = {"long": (N_("Long"), "good"), "short": (N_("Short"), "bad")}
PLAYER_STATES: Final[Words] = {
    "active": (N_("Playing"), "good"),
    "disqualified": (N_("Disqualified"), "bad"),
}
INVESTMENT_KINDS: Final[Mapping[str, str]] = {"staking": N_("Staking"), "liquid_staking": N_("Liquid staking")}
CAMPAIGN_STATES: Final[Words] = {
    "coming": (N_("Not begun"), "neutral"),
    "running": (N_("Under way"), "good"),
    "over": (N_("Ended"), "neutral"),
    "loaded": (N_("Loaded from a file"), "neutral"),
}
PERIODS: Final[Mapping[Period, str]] = {
    Period.DAY: N_("1 day"),
    Period.WEEK: N_("7 days"),
    Period.MONTH: N_("30 days"),
    Period.QUARTER: N_("90 days"),
    Period.YEAR: N_("1 year"),
}
PRICE_REFUSALS: Final[Mapping[str, str]] = {
    "omitted": N_("Not in the answer"),
    "shape": N_("Not as the source's prices are written"),
    "not_a_number": N_("Not a number"),
    "decimals_mismatch": N_("Other decimals than ours"),
    "not_positive": N_("Not above 0"),
    "jump": N_("Jump beyond ten times"),
    "over_cap": N_("Rate beyond the cap"),
    "late": N_("Too late for its tick"),
}
FETCH_KINDS: Final[Mapping[str, str]] = {
    "scheduled": N_("Scheduled prices"),
    "refresh": N_("Prices by viewing"),
    "funding": N_("Funding rates"),
}
FAILURES: Final[Mapping[str, str]] = {
    "not_json": N_("No JSON"),
    "shape": N_("Not as the source answers"),
    "connection": N_("Not reached"),
    "timeout": N_("No answer in time"),
    "too_large": N_("Answer too large"),
    "busy": N_("Bucket empty"),
}
SOURCES: Final[Mapping[str, str]] = {
    "jupiter": "Jupiter",
    "coingecko": "CoinGecko",
    "binance": "Binance",
    "pyth": "Pyth",
    "derived": N_("From its pool"),
    "given": N_("Entered directly"),
    "manual": N_("Entered directly"),
}
CHOICES: Final[Mapping[str, str]] = {
    "normal": N_("Ordinary"),
    "lending": N_("Lending"),
    "perp": N_("Perpetual futures"),
    "liquid_staking": N_("Liquid staking"),
    "staking": N_("Staking"),
    "deposit": N_("Deposit"),
    "correction": N_("Correction"),
}
NOTICES: Final[Mapping[str, str]] = {
    "order-filled": N_("An order was filled"),
    "order-not-filled": N_("An order came to nothing"),
    "position-liquidated": N_("A position was liquidated"),
    "campaign-ended": N_("The competition has ended"),
}
"""What notices are about, for readers of another language than theirs."""
UNITS: Final = ((86_400, N_("%(count)s d")), (3_600, N_("%(count)s h")), (60, N_("%(count)s min")))


def usd(value: Decimal | None) -> str:
    """To the cent, for reading; the exact value stands beside it in the page."""
    return grouped(None) if value is None else grouped(half_even(value, 2))


def signed(value: Decimal | None) -> str:
    """The same with a sign, unless it is nothing."""
    if value is None:
        return grouped(None)
    shown = half_even(value, 2)
    return f"{'+' if shown > 0 else ''}{grouped(shown)}".replace("-", "−")


def tone(value: Decimal | None) -> str:
    """The colour of a gain or a loss."""
    return "neutral" if not value else ("good" if value > 0 else "bad")


def price(value: Decimal | None) -> str:
    """About seven digits that say something; the exact value stands beside it in the page."""
    if value is None:
        return grouped(None)
    decimals = 4 if value >= 1 else 7 - value.adjusted() - 1
    return grouped(digits(half_even(value, min(18, max(4, decimals)))))


def plain(value: Decimal | str | int) -> str:
    """Every digit, without zeros behind; what somebody has asked for may be no number, and stays as it is."""
    try:
        return digits(parse_number(value) if isinstance(value, str) else Decimal(value))
    except ValueError:
        return str(value)


def amount(value: Decimal | str | int | None) -> str:
    """The same with its thousands apart."""
    if value is None:
        return grouped(None)
    try:
        return grouped(plain(value))
    except ArithmeticError:
        return str(value)


def percent_of(part: Decimal | None, whole: Decimal | None) -> str:
    """A share in percent with one decimal."""
    if part is None or not whole:
        return grouped(None)
    return f"{half_even(100 * Fraction(part) / Fraction(whole), 1):f}%"


def twr(factor: Decimal | None) -> Decimal | None:
    """The time-weighted return of a factor in percent: 100·(factor − 1)."""
    return None if factor is None else half_even(100 * (Fraction(factor) - 1), 8)


def age(length: timedelta | int | None) -> str:
    """How long ago, by its two largest units: `2 d 4 h`, `45 s`."""
    if length is None:
        return grouped(None)
    left = max(0, int(length.total_seconds()) if isinstance(length, timedelta) else length)
    parts = []
    for seconds, unit in UNITS:
        count, left = divmod(left, seconds)
        if count:
            parts.append(_(unit, count=count))
    if left or not parts:
        parts.append(_("%(count)s s", count=left))
    return " ".join(parts[:2])


def unranked(reason: str) -> str:
    """Why somebody has no rank."""
    kind, _colon, tokens = reason.partition(":")
    if kind == "price_missing":
        return _("No price of %(tokens)s", tokens=tokens.replace(",", ", "))
    return _("No value at the start yet")


def short_wallet(wallet: str) -> str:
    """An address by its two ends."""
    return wallet if len(wallet) <= 13 else f"{wallet[:6]}…{wallet[-4:]}"


def refusal(reason: str) -> str:
    """Why an order is refused, or has expired."""
    return translated(refused(reason).detail)


def price_refusal(reason: str) -> str:
    """Why a price is refused."""
    return _(PRICE_REFUSALS.get(reason, reason))


def failed(reason: str) -> str:
    """Why a source's answer counts for nothing."""
    kind, _underscore, status = reason.partition("_")
    if kind == "http":
        return _("Status %(status)s", status=status)
    return _(FAILURES.get(reason, reason))


def source(name: str | None) -> str:
    """A source by the name it goes by."""
    if name is None:
        return grouped(None)
    return _(SOURCES.get(name, name))


def rate_percent(rate: Decimal) -> str:
    """A rate as a share, in percent with all its digits."""
    return f"{amount(Decimal(rate).scaleb(2))}%"


def yearly(rate: Decimal | None) -> str:
    """A rate that is in percent already."""
    return grouped(None) if rate is None else f"{amount(rate)}%"


def number(text: str | None) -> Decimal | None:
    """Of a number that a JSON object carries as text."""
    return None if text is None else Decimal(text)


def received(row: Row, symbols: Mapping[str, str]) -> str:
    """In what token a transaction has paid: a position pays USDC, a stake its own token."""
    if row["transaction_type"] in ("perp_close", "perp_liquidation"):
        return "USDC"
    address = row["to_token_address"] or row["from_token_address"]
    return symbols.get(address, "")


def result_token(order: Row) -> str:
    """The token of what an order has come to, where what was asked for names it."""
    if order["kind"] == "perp_close":
        return "USDC"
    return str(order["request"].get("to", "")) if order["kind"] == "swap" else ""


def fee_token(order: Row) -> str:
    """The token of an order's fee."""
    return str(order["request"]["from"]) if order["kind"] == "swap" else "USDC"


def fee_of(row: Row, symbols: Mapping[str, str]) -> str:
    """The token of a transaction's fee, or of a liquidation's penalty."""
    return symbols.get(row["from_token_address"], "") if row["transaction_type"] == "swap" else "USDC"


def campaigns(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Competitions to choose from."""
    return [
        (row["name"], f"{row['name']} ({_('Loaded from a file')})" if row["kind"] == "loaded" else row["name"])
        for row in rows
    ]


def hours(moments: Sequence[datetime]) -> list[tuple[str, str]]:
    """Instants to choose from, as clocks in Japan show them."""
    return [(instant_text(at), in_japan(at)) for at in moments]


def periods(chosen: Period, url_with: Callable[..., str]) -> list[tuple[str, str, bool]]:
    """The tabs of a chart."""
    return [(_(name), url_with(period=period.value), period is chosen) for period, name in PERIODS.items()]


def held(choices: Sequence[tuple[str, str]], balances: Mapping[str, Decimal]) -> list[tuple[str, str]]:
    """Tokens to choose from, with what the wallet has of them."""
    return [(key, f"{name} ({amount(balances.get(key, Decimal(0)))})") for key, name in choices]


def choice(name: str) -> str:
    """A choice of the administration's forms."""
    return _(CHOICES.get(name, name))


def choices(names: Iterable[str]) -> list[tuple[str, str]]:
    """Choices of a select."""
    return [(name, choice(name)) for name in names]
