"""Prices without the internet: one server on loopback that speaks the protocols of the real sources.

    tokens       what is traded here, and what each source calls it
    walk         a random walk that is the same for the same seed and instant
    series       the bundled prices of two days
    market       the clock, the prices and the faults as they are now
    protocols    Jupiter, CoinGecko, Binance and Pyth: their paths and bodies
    faults       what can go wrong with an answer, on demand
    server       HTTP: the protocols, and /control to steer all that
    cli          `batch-platform services prices`

Nothing here is kept: a server that starts again has the present time and no faults.
"""
