"""What people do in the competition, by the names of the audit log and with the sentences that are read there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batch_platform.trading.service.contests import LOAD
from batch_platform.trading.service.notices import SET_MAILS
from batch_platform.trading.service.registration import REGISTER
from batch_platform.trading.service.retention import PRUNE
from batch_platform.trading.service.trades import PLACE
from batch_platform.web.i18n import N_

ACTIONS: Final[Mapping[str, str]] = {
    REGISTER: N_("%(who)s registers the player %(target)s"),
    PLACE: N_("%(who)s places the order %(target)s"),
    LOAD: N_("%(who)s loads the contest %(target)s"),
    PRUNE: N_("%(who)s thins out old snapshots: %(target)s"),
    SET_MAILS: N_("%(who)s sets which mails %(target)s gets"),
    "campaign.add": N_("%(who)s adds the campaign %(target)s"),
    "campaign.change": N_("%(who)s changes the campaign %(target)s"),
    "campaign.end": N_("%(who)s ends the campaign %(target)s"),
    "campaign.grant": N_("%(who)s sets the grant of the campaign %(target)s"),
    "funding-rate.add": N_("%(who)s adds a funding rate: %(target)s"),
    "interest-rate.add": N_("%(who)s adds an interest rate: %(target)s"),
    "lst-pool.add": N_("%(who)s adds a staking pool: %(target)s"),
    "player.disqualify": N_("%(who)s disqualifies the player %(target)s"),
    "player.move": N_("%(who)s moves money of the player %(target)s"),
    "player.reinstate": N_("%(who)s reinstates the player %(target)s"),
    "trading-price.accept": N_("%(who)s accepts a price that jumped: %(target)s"),
    "trading-token.add": N_("%(who)s adds the traded token %(target)s"),
    "trading-token.change": N_("%(who)s changes the traded token %(target)s"),
}
