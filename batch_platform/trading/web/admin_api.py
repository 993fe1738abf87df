"""The competition's administration by HTTP, under `/api/trading`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path

from batch_platform.kit import actions
from batch_platform.trading.web import administration as deeds
from batch_platform.trading.web.context import Acting
from batch_platform.web.api.answers import Answer, From

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._$+-]{0,62}$"

CampaignPath = Annotated[str, Path(alias="campaign", pattern=NAME, examples=["main"])]
SymbolPath = Annotated[str, Path(alias="symbol", pattern=NAME, examples=["SOL"])]
PlayerPath = Annotated[str, Path(alias="wallet_address", max_length=1_000)]

router = APIRouter(prefix="/api/trading", tags=["trading"])


class SettingChangeAnswer(Answer):
    """What stands now, by name."""

    changed: Annotated[dict[str, Any], From(deeds.shown)]


_route = partial(actions.route, router, session=Acting, answer=SettingChangeAnswer)
of_campaign = partial(_route, target=CampaignPath)
of_token = partial(_route, target=SymbolPath)
of_player = partial(_route, target=PlayerPath)

of_campaign(
    deeds.ADD_CAMPAIGN,
    "/campaigns/{campaign}",
    name="add_campaign",
    doc="A live campaign. Its tokens, pools and grants come next.",
    status=201,
)
of_campaign(
    deeds.CHANGE_CAMPAIGN,
    "/campaigns/{campaign}/change",
    name="change_campaign",
    doc="Its time, fees and limit; what is left out stays. Fees and the begin are fixed with the first order.",
)
of_campaign(
    deeds.END_CAMPAIGN,
    "/campaigns/{campaign}/end",
    name="end_campaign",
    doc="End a campaign now: nothing is traded any more, and orders that wait expire.",
)
of_campaign(
    deeds.SET_GRANTS,
    "/campaigns/{campaign}/grants",
    name="set_grants",
    doc="What every player starts with. Who has been given it keeps what he has.",
)
of_token(deeds.ADD_TOKEN, "/tokens/{symbol}", name="add_token", doc="A token of a campaign.", status=201)
of_token(
    deeds.CHANGE_TOKEN,
    "/tokens/{symbol}/change",
    name="change_token",
    doc="What people see of a token, and its highest leverage until a position on it is asked for.",
)
of_token(
    deeds.ADD_POOL,
    "/pools/{symbol}",
    name="add_pool",
    doc="A pool of liquid staking for a token, before the campaign's first day.",
    status=201,
)
of_token(
    deeds.ADD_INTEREST_RATE,
    "/interest-rates/{symbol}",
    name="add_interest_rate",
    doc="A yearly rate of a token from a day on that has not borne its interest yet.",
    status=201,
)
of_token(
    deeds.ADD_FUNDING_RATE,
    "/funding-rates/{symbol}",
    name="add_funding_rate",
    doc="A funding rate by hand, not before the newest tick.",
    status=201,
)
of_token(
    deeds.ACCEPT_PRICE,
    "/prices/{symbol}/accept",
    name="accept_price",
    doc="Take the newest price that was refused for a jump: it is true, and a tick.",
)
of_player(
    deeds.MOVE,
    "/players/{wallet_address}/move",
    name="move",
    doc="A deposit to a player, or a correction of what he has, with the reason. It is no profit.",
)
of_player(
    deeds.DISQUALIFY,
    "/players/{wallet_address}/disqualify",
    name="disqualify",
    doc="Take a player off the leaderboard, with the reason.",
)
of_player(
    deeds.REINSTATE,
    "/players/{wallet_address}/reinstate",
    name="reinstate",
    doc="Put a player back on the leaderboard, with the reason.",
)
