"""Script and style of the review."""

from __future__ import annotations

from typing import Final

from batch_platform.web.package_files import PackageFiles

FILES: Final = PackageFiles(
    "batch_platform.zengin.web", "/console/zengin/files", "review.js", "review.css", permission="zengin:read"
)
