"""Values as the API of the competition carries them: names of the spec, numbers and amounts as text."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from batch_platform.trading.amounts import plain
from batch_platform.trading.instants import instant_text, parse_instant
from batch_platform.web.api.strict import Text

Number = Annotated[Decimal, PlainSerializer(plain, return_type=str)]
"""A number of an answer, in plain digits."""

Moment = Annotated[datetime, PlainSerializer(instant_text, return_type=str)]
"""A moment of an answer, to the second in UTC."""

At = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": "^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}Z$",
        }
    ),
]
"""A moment of a request."""

Wallet = Annotated[Text, Field(examples=["FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z"])]
Address = Annotated[Text, Field(min_length=1, examples=["So11111111111111111111111111111111111111112"])]
Amount = Annotated[Text, Field(description="Plain digits as text, no finer than the token.", examples=["1.5"])]

Usd = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,8})?$", description="USD in plain digits, as text.", examples=["2500"]),
]
Email = Annotated[
    str, Field(max_length=255, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$", examples=["p@example.com"])
]
