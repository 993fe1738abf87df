"""Months that are delivered without a manifest, as after a replication of data files alone.

Data Exports <prefix>/<export>/data/BILLING_PERIOD=YYYY-MM/[<timestamp>-<execution id>/]<file>
CUR legacy   <prefix>/<report>/<yyyymmdd-yyyymmdd>/[<assembly id>/]<file>
for Athena   <prefix>/<report>/<report>/year=YYYY/month=M/<file>

Each delivery has the whole month. Where deliveries are kept beside each other, each in a folder of its own, only the
newest counts; else the files in the month's folder are the one there is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Final

from batch_platform.core.objects import StoredObject
from batch_platform.finops.manifest import bases, legacy_period
from batch_platform.finops.model import Connection, Delivery, Format

DATA_ENDINGS: Final = (".csv.gz", ".csv.zip", ".zip", ".parquet", ".csv")
_HIDDEN: Final = ("_", ".")
"""How files begin that are no data, as to Athena and Spark: what a copying tool has not finished, or left behind."""
_EXECUTION: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)Z-")
_PARTITION: Final = re.compile(r"(?:^|/)month=(\d{1,2})/$")
_YEAR: Final = re.compile(r"(?:^|/)year=(\d{4})/$")


def roots(connection: Connection) -> tuple[str, ...]:
    """The key prefixes under which month folders of data files lie; the layout that counts first."""
    exports = tuple(f"{base}/data/" for base in bases(connection))
    legacy = tuple(f"{base}/" for base in bases(connection))
    if connection.format is Format.CUR_LEGACY:
        return legacy
    return exports if connection.format in (Format.CUR2, Format.FOCUS) else (*exports, *legacy)


def partition_roots(connection: Connection) -> tuple[str, ...]:
    """The key prefixes under which the year folders of reports for Athena lie."""
    if connection.format in (Format.CUR2, Format.FOCUS):
        return ()
    return tuple(f"{base}/{connection.report_name}/" for base in bases(connection))


def year_of_folder(folder: str) -> int | None:
    match = _YEAR.search(folder)
    return int(match[1]) if match else None


def month_of_partition(folder: str, year: int) -> date | None:
    """The billing month of a folder `month=M/` in that of a year; None for another folder."""
    match = _PARTITION.search(folder)
    return date(year, int(match[1]), 1) if match and 1 <= int(match[1]) <= 12 else None


def month_folders(connection: Connection, month: date) -> tuple[str, ...]:
    """The folders in which the month's files may lie; the first that has any counts."""
    folders = []
    for root in roots(connection):
        if root.endswith("/data/"):
            folders += [f"{root}BILLING_PERIOD={month:%Y-%m}/", f"{root}billing_period={month:%Y-%m}/"]
        else:
            folders.append(f"{root}{legacy_period(month)}/")
    folders += [f"{root}year={month.year}/month={month.month}/" for root in partition_roots(connection)]
    return tuple(folders)


def newest_delivery(project_id: str, month: date, folder: str, objects: Iterable[StoredObject]) -> Delivery | None:
    """The newest delivery among the objects under a month's folder, its files by key; None when there is no file."""
    groups: dict[str, list[StoredObject]] = defaultdict(list)
    for stored in objects:
        subfolder, slash, name = stored.key.removeprefix(folder).rpartition("/")
        if name.lower().endswith(DATA_ENDINGS) and not name.startswith(_HIDDEN) and "/" not in subfolder:
            groups[subfolder + slash].append(stored)
    if not groups:
        return None
    name = max(groups, key=lambda group: (_delivered_at(group, groups[group]), group))
    # where a delivery has fewer files than the last one, AWS overwrites those that are left with empty data
    filled = [file for file in groups[name] if file.size] or groups[name]
    files = tuple(sorted(filled, key=lambda file: file.key))
    lines = [f"{file.key}\t{file.etag}\t{file.size}\t{file.last_modified.isoformat()}" for file in files]
    listing = StoredObject(
        bucket=files[0].bucket,
        key=f"{folder}{name}",
        etag=sha256("\n".join(lines).encode()).hexdigest()[:32],
        size=0,
        last_modified=max(file.last_modified for file in files),
    )
    return Delivery(project_id, month, listing, name.rstrip("/"), files)


def _delivered_at(name: str, files: list[StoredObject]) -> datetime:
    """When AWS made the delivery: as its folder says, since a copy has a time of its own; else by its newest file."""
    if match := _EXECUTION.match(name):
        return datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    return max(file.last_modified for file in files)
