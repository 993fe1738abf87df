"""What is traded at the price server: the tokens that everybody knows, by their real addresses."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True)
class Token:
    """`price`: USD at the walk's beginning; `volatility`: the standard deviation of a day's logarithmic return.

    The other names are what CoinGecko, Binance (spot, perpetual) and Pyth call it, empty where they do not know it.
    """

    mint: str
    symbol: str
    decimals: int
    price: Decimal
    volatility: Decimal
    coin: str = ""
    pair: str = ""
    contract: str = ""
    feed: str = ""


def _token(row: str) -> Token:
    mint, symbol, decimals, price, volatility, *names = row.split()
    rest = ["" if name == "-" else name for name in names]
    return Token(mint, symbol, int(decimals), Decimal(price), Decimal(volatility), *rest)


_SOL = "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"
_BTC = "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43"
_ETH = "ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace"
_USDC = "eaa020c61cc479712813461ce153894a96a6c00b21ed0cfc2798d1f9a9e9c94a"

TOKENS: Final = tuple(
    map(
        _token,
        (
            f"So11111111111111111111111111111111111111112 SOL 9 150 0.035 solana SOLUSDT SOLUSDT {_SOL}",
            f"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v USDC 6 1 0.0001 usd-coin USDCUSDT - {_USDC}",
            "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB USDT 6 1 0.0001 tether",
            f"3NZ9JMVBmGAqocybic2c7LQCJScmgsAZ6vQqTDzcqmJh WBTC 8 95000 0.02 bitcoin BTCUSDT BTCUSDT {_BTC}",
            f"7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs WETH 8 3200 0.028 ethereum ETHUSDT ETHUSDT {_ETH}",
            "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN JUP 6 0.45 0.045 jupiter-exchange-solana JUPUSDT JUPUSDT",
            "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263 BONK 5 0.0000182 0.055 bonk - 1000BONKUSDT",
            "EKpQGSJtjMFqKZ9KQanSqYXRcF8fBopzLHYxdM65zcjm WIF 6 0.62 0.06 dogwifcoin WIFUSDT WIFUSDT",
            "HZ1JovNiVvGrGNiiYvEozEVgZ58xaU3RKwX8eACQBCt3 PYTH 6 0.14 0.05 pyth-network PYTHUSDT PYTHUSDT",
            "jtojtomepa8beP8AuQc6eXt5FriJwfFMwQx2v2f9mCL JTO 9 1.9 0.05 jito-governance-token JTOUSDT JTOUSDT",
            "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R RAY 6 2.4 0.048 raydium RAYUSDT -",
        ),
    )
)
