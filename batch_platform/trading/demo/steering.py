"""The price server that the settings name, told what to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_START: Final = datetime(2026, 11, 9, tzinfo=UTC)
_STEP: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class PriceServer:
    """The server at this address, where it is one of ours: a real source does not do what it is told."""

    url: str

    def play(self, prices: Mapping[str, Sequence[str]]) -> bool:
        """Answer with these from now on, USD by mint, one a step; False where nobody does so."""
        series = {"start": _START.isoformat(), "step": int(_STEP.total_seconds()), "prices": prices}
        return self._put("series", series) and self.stand_at(0)

    def stand_at(self, step: int) -> bool:
        """Answer with the prices of a step until another one is said."""
        return self._put("clock", {"at": (_START + step * _STEP).isoformat(), "running": False})

    def _put(self, what: str, body: Mapping[str, Any]) -> bool:
        import httpx

        try:
            answer = httpx.put(f"{self.url}/control/{what}", json=body, timeout=10, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK
