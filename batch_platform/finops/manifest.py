"""Where deliveries lie, and what a manifest says of them.

CUR legacy   <prefix>/<report>/<yyyymmdd-yyyymmdd>/<report>-Manifest.json               `reportKeys`
Data Exports <prefix>/<export>/metadata/BILLING_PERIOD=YYYY-MM/<export>-Manifest.json   `dataFiles`

AWS writes the prefix as it was typed and a slash after it: `cur/` gives `cur//<report>/`, an empty one `/<report>/`.
So the literal form is looked for first, and the one without empty parts after it.
"""

from __future__ import annotations

import json
import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops.model import Connection, Format, ManifestContent

_LEGACY_FOLDER: Final = re.compile(r"(\d{4})(\d{2})01-\d{8}/$")
_EXPORT_FOLDER: Final = re.compile(r"BILLING_PERIOD=(\d{4})-(\d{2})/$", re.IGNORECASE)
_EXPORT: Final = "/metadata/"
POLLED_MONTHS: Final = 13
"""AWS restates a month up to a year after it closed; older ones are read only when asked for."""


def bases(connection: Connection) -> tuple[str, ...]:
    """The key prefixes, without the last slash, that the report's folder may have; likeliest first."""
    literal = f"{connection.prefix}/{connection.report_name}"
    plain = "/".join(filter(None, literal.split("/")))
    return tuple(dict.fromkeys((literal, plain)))


def folders(connection: Connection) -> tuple[str, ...]:
    """The key prefixes under which the project's month folders lie.

    Those of Data Exports first: who has both moves from CUR legacy to CUR 2.0.
    """
    exports = tuple(f"{base}{_EXPORT}" for base in bases(connection))
    legacy = tuple(f"{base}/" for base in bases(connection))
    if connection.format is Format.CUR_LEGACY:
        return legacy
    if connection.format in (Format.CUR2, Format.FOCUS):
        return exports
    return (*exports, *legacy)


def month_of_folder(folder: str) -> date | None:
    """The billing month a folder is named after; None for another folder."""
    match = _LEGACY_FOLDER.search(folder) or _EXPORT_FOLDER.search(folder)
    if not match or not 1 <= int(match[2]) <= 12:
        return None
    return date(int(match[1]), int(match[2]), 1)


def legacy_period(month: date) -> str:
    """The name of a month's folder in CUR legacy: `20261001-20261101`."""
    after = date(month.year, month.month, monthrange(month.year, month.month)[1]) + timedelta(days=1)
    return f"{month:%Y%m%d}-{after:%Y%m%d}"


def manifest_keys(connection: Connection, month: date, *, known: str | None = None) -> tuple[str, ...]:
    """Where the manifest of `month` may stand: the layout that counts first, in it the `known` key."""
    name = f"{connection.report_name}-Manifest.json"
    legacy, export = f"{legacy_period(month)}/{name}", f"BILLING_PERIOD={month:%Y-%m}/{name}"
    keys = [
        (folder.endswith(_EXPORT), f"{folder}{export if folder.endswith(_EXPORT) else legacy}")
        for folder in folders(connection)
    ]
    return tuple(key for is_export, key in sorted(keys, key=lambda pair: (not pair[0], pair[1] != known)))


def read_manifest(body: bytes, month: date, *, where: str) -> ManifestContent:
    """Parse a manifest. Only the objects it lists count, in its order.

    Raises `PermanentFailure` naming the manifest and what is wrong with it.
    """
    try:
        content = json.loads(body)
    except ValueError as error:
        raise PermanentFailure(
            "file-no-json", "{where}: not JSON ({reason})", where=where, reason=str(error)
        ) from error
    if not isinstance(content, dict):
        raise PermanentFailure("no-manifest", "{where}: not a manifest", where=where)
    if isinstance(content.get("reportKeys"), list):
        assembly, keys = content.get("assemblyId"), content["reportKeys"]
    elif isinstance(content.get("dataFiles"), list):
        assembly, keys = content.get("executionId"), [_key(uri) for uri in content["dataFiles"]]
    else:
        raise PermanentFailure(
            "manifest-without-files", "{where}: neither reportKeys nor dataFiles in it", where=where
        )
    if not all(isinstance(key, str) and key for key in keys):
        raise PermanentFailure(
            "manifest-entry-no-key", "{where}: an entry of its file list is not an object key", where=where
        )
    if len(set(keys)) != len(keys):
        raise PermanentFailure("manifest-lists-twice", "{where}: it lists an object twice", where=where)
    _check_period(content, month, where=where)
    return ManifestContent(assembly_id=str(assembly or ""), month=month, keys=tuple(keys))


def _check_period(content: Mapping[str, Any], month: date, *, where: str) -> None:
    period = content.get("billingPeriod")
    start = period.get("start") if isinstance(period, dict) else None
    if isinstance(start, str) and start[:6] != f"{month:%Y%m}":
        raise PermanentFailure(
            "manifest-of-other-period",
            "{where}: it is of the billing period {start}, not {month}",
            where=where,
            start=start,
            month=f"{month:%Y-%m}",
        )


def _key(entry: object) -> str:
    """Data Exports list `s3://bucket/key`; the bucket is the connection's."""
    text = entry if isinstance(entry, str) else ""
    if text.startswith("s3://"):
        return text.removeprefix("s3://").partition("/")[2]
    return text
