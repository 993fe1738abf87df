"""Script and style of the competition's pages."""

from __future__ import annotations

from typing import Final

from batch_platform.trading.web.players import CONTEST, HOME
from batch_platform.web.package_files import PackageFiles

FILES: Final = PackageFiles(
    "batch_platform.trading.web", f"{HOME}/files", "trading.js", "trading.css", permission=CONTEST
)
