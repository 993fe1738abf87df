"""Console page of the sources of prices: what each answered last, how old prices are, what was refused and why."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from batch_platform.trading.service import listings, overview
from batch_platform.trading.web.context import Context
from batch_platform.trading.web.players import HOME
from batch_platform.trading.web.rendering import READ, Shown, page
from batch_platform.web.access.dependencies import requires

ROWS: Final = 100

router = APIRouter(include_in_schema=False)


@router.get(f"{HOME}/prices", dependencies=[requires(READ)])
def prices_page(request: Request, context: Context, campaign: Shown) -> Response:
    """Questions to the sources, prices and refusals."""
    fetches, refusals = overview.fetches(context, campaign, limit=ROWS)
    return page(
        request,
        "prices",
        context,
        campaign,
        fetches=fetches,
        refusals=refusals,
        tokens=listings.tokens(context, campaign),
    )
