"""The use cases of trading: what assets, the API and the command line call.

context     what every use case works with
"""

from batch_platform.trading.service.context import TradingContext

__all__ = ["TradingContext"]
