"""How pages of the competition are rendered: all know its words, its campaign and who looks."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response

from batch_platform.trading.service import TradingContext, listings, overview
from batch_platform.trading.web import words
from batch_platform.trading.web.context import Context
from batch_platform.trading.web.players import CONTEST, HOME, wallet_of
from batch_platform.web.access.dependencies import current
from batch_platform.web.console import render
from batch_platform.web.package_files import PackageFiles

READ: Final = "trading:read"
ADMINISTER: Final = "trading:administer"
FILES: Final = PackageFiles(
    "batch_platform.trading.web", f"{HOME}/files", "trading.js", "trading.css", permission=CONTEST
)


def shown_campaign(context: Context, campaign: Annotated[str, Query(max_length=100)] = "") -> str:
    """The campaign that a page is about: the one it names, else the one that is meant, else the newest one."""
    if campaign:
        return campaign
    names = [row["name"] for row in listings.campaigns(context)]
    return context.campaign if context.campaign in names or not names else names[-1]


Shown = Annotated[str, Depends(shown_campaign)]


def page(request: Request, name: str, context: TradingContext, campaign: str, **values: Any) -> Response:
    """A page about a campaign, which its links keep where it is not the one that is meant anyway."""
    wallet = wallet_of(request)
    return render(
        request,
        f"trading/{name}.html",
        asset=FILES.url,
        campaign=campaign,
        me=wallet,
        plays=wallet is not None and overview.plays(context, campaign, wallet),
        may_read=current(request).may(READ),
        now=context.clock(),
        to=partial(link, context, campaign),
        words=words,
        **values,
    )


def link(context: TradingContext, campaign: str, path: str = "", **query: object) -> str:
    """An address below the competition's; values of None are left out."""
    named = {} if campaign == context.campaign else {"campaign": campaign}
    kept = {key: value for key, value in {**named, **query}.items() if value is not None}
    return f"{HOME}{quote(path)}" + (f"?{urlencode(kept)}" if kept else "")


def phase(row: Any, now: Any) -> str:
    """Where a campaign stands: coming, running, over, loaded."""
    if row["kind"] == "loaded":
        return "loaded"
    if row["starts_at"] is not None and now < row["starts_at"]:
        return "coming"
    return "over" if row["ends_at"] is not None and now >= row["ends_at"] else "running"
