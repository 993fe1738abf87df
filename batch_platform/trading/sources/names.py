"""What the other sources call a token of Solana; Jupiter asks by the mint itself."""

from __future__ import annotations

from typing import Final

SOL: Final = "So11111111111111111111111111111111111111112"
USDC: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
USDT: Final = "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"
WBTC: Final = "3NZ9JMVBmGAqocybic2c7LQCJScmgsAZ6vQqTDzcqmJh"
WETH: Final = "7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs"
JUP: Final = "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"
BONK: Final = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"

COINGECKO: Final = {
    SOL: "solana",
    USDC: "usd-coin",
    USDT: "tether",
    WBTC: "bitcoin",
    WETH: "ethereum",
    JUP: "jupiter-exchange-solana",
    BONK: "bonk",
}
BINANCE: Final = {SOL: "SOLUSDT", WBTC: "BTCUSDT", WETH: "ETHUSDT"}
"""Pairs on the spot market, for prices."""
FUNDING: Final = {**BINANCE, JUP: "JUPUSDT", BONK: "1000BONKUSDT"}
"""Perpetual contracts; a rate is a share, so that a contract of a thousand tokens has the same one."""
PYTH: Final = {
    SOL: "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d",
    WBTC: "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43",
    WETH: "ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace",
    USDC: "eaa020c61cc479712813461ce153894a96a6c00b21ed0cfc2798d1f9a9e9c94a",
}
