"""What can go wrong with a source's answer, on demand: each thing that real sources have done."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Source = Literal["jupiter", "coingecko", "binance", "pyth", "funding"]
Kind = Literal[
    "status",
    "delay",
    "omit",
    "null",
    "nan",
    "infinity",
    "zero",
    "text",
    "decimals",
    "jump",
    "v2",
    "html",
    "truncated",
]
_WHOLE_ANSWER: Final = frozenset({"status", "delay", "v2", "html", "truncated"})


class Fault(BaseModel):
    """One fault of one source's answers, for these mints or all, for so many answers or until it is cleared.

    `value`: the status (503), the seconds of delay (30), the factor of a jump (11).
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    source: Source = "jupiter"
    mints: list[str] = []
    value: Annotated[Decimal, Field(gt=0, le=1_000_000)] | None = None
    times: Annotated[int, Field(ge=1)] | None = None

    @property
    def whole(self) -> bool:
        """Whether it is of the answer, not of its tokens."""
        return self.kind in _WHOLE_ANSWER

    def given(self, otherwise: int) -> Decimal:
        """The value, or what stands for none."""
        return Decimal(otherwise) if self.value is None else self.value

    def concerns(self, mint: str) -> bool:
        """Whether a token of the answer is meant."""
        return not self.whole and (not self.mints or mint in self.mints)


class Literally(str):
    """Text that stands in a body as it is, such as NaN or a number's exact digits."""


def price_of(fault: Fault | None, price: Decimal) -> Any:
    """The price as it is written into the body; a number unless the fault says otherwise."""
    digits = f"{price:f}"
    match fault.kind if fault else None:
        case "nan":
            return Literally("NaN")
        case "infinity":
            return Literally("Infinity")
        case "zero":
            return Literally("0")
        case "text":
            return digits
        case "jump":
            assert fault is not None
            return Literally(f"{price * fault.given(11):f}")
    return Literally(digits)
