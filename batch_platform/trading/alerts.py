"""What operations tells people of prices: rules as data, each a statement over the live campaigns' tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import rules_of
from batch_platform.operations.model import Severity
from batch_platform.trading.cadence import GOOD_FOR
from batch_platform.trading.web.words import FAILURES, PRICE_REFUSALS
from batch_platform.web.i18n import N_

_rule: Final = rules_of("trading", load("batch_platform.trading.sql"))

PATIENCE: Final = GOOD_FOR
"""A source that fails for a shorter time harms nobody: the last prices still count."""
FUNDING_AGE: Final = timedelta(hours=24)
"""A rate of eight hours goes on to hold; so long it has not been looked at three times."""
_FORGOTTEN_AFTER: Final = timedelta(hours=24)

_REFUSALS: Final = {f"price-{code}".replace("_", "-"): text for code, text in PRICE_REFUSALS.items()}
_FAILURES: Final = {f"answer-{code}".replace("_", "-"): text for code, text in FAILURES.items()}
_STATUS: Final = {"answer-status": N_("status {status}")}
_BEGINNING: Final = {"its-beginning": N_("its beginning")}

RULES: Final = (
    _rule(
        "trading-source-failing",
        Severity.WARNING,
        N_("it answers again, or is not asked any more"),
        text=N_(
            "{source} has answered nothing that could be used in campaign {campaign} since {since} UTC: {reason}"
        ),
        phrases={**_FAILURES, **_STATUS},
        patience=PATIENCE,
        forgotten_after=_FORGOTTEN_AFTER,
        known=list(_FAILURES),
    ),
    _rule(
        "trading-price-missing",
        Severity.CRITICAL,
        N_("it has a price again, or nobody needs one"),
        phrases={
            "no-price": N_("{token} has had no price in campaign {campaign} since {since}"),
            "price-refused": N_(
                "{token} has had no price in campaign {campaign} since {since}: the last one of {source} was refused "
                "({reason})"
            ),
            **_BEGINNING,
            **_REFUSALS,
        },
        patience=PATIENCE,
        known=list(_REFUSALS),
    ),
    _rule(
        "trading-funding-refused",
        Severity.WARNING,
        N_("it has a new rate"),
        text=N_("the funding rate of {token} in campaign {campaign} was refused ({reason}): the former one holds"),
        phrases=_REFUSALS,
        known=list(_REFUSALS),
    ),
    _rule(
        "trading-funding-old",
        Severity.CRITICAL,
        N_("it has a new rate"),
        text=N_("{token} has had no new funding rate in campaign {campaign} since {since}: the former one holds"),
        phrases=_BEGINNING,
        age=FUNDING_AGE,
    ),
)
REMEDIES: Final = {
    "trading-source-failing": N_(
        "Look at the source's status page and at the network; the other sources still count."
    ),
    "no-price": N_("Look at the sources of the token: who answers, and under which id they know it."),
    "price-refused": N_(
        "Compare the refused price with an exchange: if it has truly jumped, accept it at the token."
    ),
    "trading-funding-refused": N_("Compare the refused rate with the exchange; the former one holds meanwhile."),
    "trading-funding-old": N_("Look at the source of funding rates, and at the job's last runs."),
    "no-tick": N_("Look at the sources of prices: none has answered; the last prices still count for a while."),
    "no-funding-rates": N_("Look at the source of funding rates: none has answered; the former ones hold."),
}
"""What to look at."""
