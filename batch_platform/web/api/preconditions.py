"""If-Match of a PUT: nobody replaces what he has not seen, unless he says so.

A revision is 16 hexadecimal digits that name what was seen.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Header, Response

from batch_platform.web.api.refusals import Refusal

IF_MATCH: Final = "If-Match"
PATTERN: Final = r'^(\*|"[0-9a-f]{16}")$'


def tell_revision(response: Response, revision: str) -> None:
    response.headers["ETag"] = f'"{revision}"'


async def _seen(
    if_match: Annotated[
        str | None,
        Header(
            alias=IF_MATCH,
            pattern=PATTERN,
            description="The ETag of what is replaced; `*` for whatever stands there. Anything newer: 412.",
            examples=["*"],
        ),
    ] = None,
) -> str | None:
    if if_match is None:
        raise Refusal(
            428, "if-match-missing", "name what is replaced: If-Match with its ETag, or * for whatever it is"
        )
    return None if if_match == "*" else if_match.strip('"')


Seen = Annotated[str | None, Depends(_seen)]
"""The revision that a PUT replaces; None for any. Without If-Match the answer is 428."""
