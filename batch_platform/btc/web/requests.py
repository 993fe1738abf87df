"""What the btc API takes: bodies that are exact, and parts of paths and queries."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query
from pydantic import BeforeValidator, Field, WithJsonSchema

from batch_platform.btc.jobs import BATCH_ID
from batch_platform.btc.model import Options, Rounding
from batch_platform.btc.money import RATE_CEILING, parse_btc, parse_rate, rate_text
from batch_platform.btc.service import Overrides
from batch_platform.btc.service.lists import PAGE_AT_MOST
from batch_platform.btc.service.plan import MEMO_AT_MOST
from batch_platform.btc.web.schemas import Hash
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message
from batch_platform.web.api.strict import QueryInt, SnakeModel, Text

MAX_OFFSET: Final = 1_000_000


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(Message("number-not-text", "must be a number, not a text or anything else"))
    return Decimal(value)


def _no_switch(value: Any) -> Any:
    if isinstance(value, bool):  # which is 1 to Python
        raise ValueError(Message("no-number", "must be a number"))
    return value


Percent = Annotated[
    Decimal,
    BeforeValidator(_number),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": -100,
            "maximum": int(RATE_CEILING),
            "not": {"const": 0},
            "description": "Percent, at most 8 decimals: 5 adds 5 % to each balance, -3 takes 3 %.",
            "examples": [5, -3.25],
        }
    ),
]
Memo = Annotated[
    str,
    Field(
        max_length=MEMO_AT_MOST,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Stands in each row of the ledger.",
        examples=["Result of October"],
    ),
]
SignedAmount = Annotated[
    str,
    Field(
        pattern=r"^-?[0-9]{1,8}(\.[0-9]{1,8})?$",
        description="BTC as a text, so that no reader rounds it.",
        examples=["12.34567891"],
    ),
]
TotalAmount = Annotated[str, Field(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,8})?$", examples=["12.34567891"])]

BatchId = Annotated[str, Path(alias="batchId", pattern=BATCH_ID, examples=["019f0a5e-1c2d-7a3b-8c4d-5e6f708192a3"])]
Limit = Annotated[QueryInt, Query(ge=1, le=PAGE_AT_MOST, description="Rows of a page.")]
Offset = Annotated[QueryInt, Query(ge=0, le=MAX_OFFSET, description="Batches to skip; not with a cursor.")]
Cursor = Annotated[
    Text | None, Query(description="`next_cursor` of the page before; opaque.", min_length=1, max_length=2_000)
]


class AdjustRequest(SnakeModel):
    """One rate over every balance. What is left out is as the settings say."""

    adjustment_rate: Percent
    memo: Memo | None = None
    confirm: str | None = Field(
        default=None, max_length=40, description="The rate again, typed, for one beyond the largest of the settings."
    )
    rounding: Literal["half_even", "half_up", "toward_zero"] | None = None
    target_total: SignedAmount | None = Field(
        default=None, description="What the users' amounts add up to, shared out by largest remainder."
    )
    shards: Annotated[Literal[1, 16] | None, BeforeValidator(_no_switch)] = Field(
        default=None, description="Partition keys of the ledger rows: one takes 1,000 write units a second."
    )

    def rate(self, options: Options) -> Decimal:
        """The rate, beyond the largest of the settings only when it was typed again. Raises `InvalidInput`."""
        rate = parse_rate(self.adjustment_rate, max_rate=RATE_CEILING)
        if rate.copy_abs() > options.max_rate and self.confirm is None:
            raise InvalidInput(
                "rate-needs-confirmation",
                'adjustment_rate is beyond {limit} %: it needs a typed confirmation, "confirm": "{rate}".',
                limit=rate_text(options.max_rate),
                rate=rate_text(rate),
                field="adjustment_rate",
            )
        return rate

    def overrides(self) -> Overrides:
        return Overrides(
            rounding=None if self.rounding is None else Rounding(self.rounding),
            target_total=None if self.target_total is None else parse_btc(self.target_total, field="target_total"),
            shards=self.shards,
        )


class BatchApproveRequest(SnakeModel):
    """Names exactly what is approved; another count, sum or hash answers 409 and moves nothing."""

    count: int = Field(ge=0, le=1_000_000_000, description="`target_user_count` of the batch.")
    sum: TotalAmount = Field(description="`plan_sum` of the batch.")
    plan_sha256: Hash


class ReverseRequest(SnakeModel):
    """A reversal has a memo of its own."""

    memo: Memo | None = None
