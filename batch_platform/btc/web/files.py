"""The style of btc's pages."""

from __future__ import annotations

from typing import Final

from batch_platform.web.package_files import PackageFiles

FILES: Final = PackageFiles(
    "batch_platform.btc.web", "/console/admin/batch-operations/files", "btc.css", permission="batch:read"
)
