"""Where prices and funding rates come from: one client a source, each with its own bucket.

names       what CoinGecko, Binance and Pyth call the tokens that everybody knows
buckets     how often a source may be asked
endpoint    one GET: an answer, or one reason why there is none
jupiter, coingecko, binance, pyth     the protocols
fetch       prices of many tokens: judged, jumps confirmed by a second source
"""
