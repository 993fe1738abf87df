"""What trading gives to the web: so far its texts alone."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import AppContext, WebRoom
from batch_platform.trading.opening import open_work
from batch_platform.trading.service import TradingContext
from batch_platform.web.app import Part


def _state(app: AppContext) -> TradingContext:
    return app.opened.enter_context(open_work(app.settings))


WEB: Final = WebRoom(part=Part(locale="batch_platform.trading.web"), card=None, open_state=_state)
