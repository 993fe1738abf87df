"""Where deliveries may lie: prefixes with slashes, and months that come without a manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batch_platform.core.objects import StoredObject
from batch_platform.finops import listing, service
from batch_platform.finops.model import Connection, Format
from batch_platform.finops.service import FetchStatus
from batch_platform.finops.service.context import STILL_FOR
from batch_platform_tests.finops.bucket import MONTH, CurBucket, File, as_cur2, csv_gz, parquet
from batch_platform_tests.finops.conftest import Project, SteppingClock

Make = Callable[..., Project]
FIRST = "2024-10-03T13:14:37.728Z-8c5a76cc-57d0-437d-851b-064e27aa8b06"
SECOND = "2024-10-04T01:14:37.728Z-0c5a76cc-57d0-437d-851b-064e27aa8b06"


# prefixes, as AWS writes them: literally, and a slash after them


@pytest.mark.parametrize(
    ("prefix", "base"),
    [
        ("", "/cur"),
        ("", "cur"),
        ("cur/acme/", "cur/acme//cur"),
        ("cur/acme/", "cur/acme/cur"),
        ("/cur", "/cur/cur"),
        ("/cur", "cur/cur"),
        ("a//b", "a//b/cur"),
    ],
)
@pytest.mark.parametrize("format", [Format.CUR_LEGACY, Format.CUR2])
def test_a_prefix_is_found_however_it_is_written(
    make_project: Make,
    prefix: str,
    base: str,
    format: Format,  # noqa: A002
) -> None:
    project = make_project(format)
    project.reconnect(prefix=prefix)
    if format is Format.CUR_LEGACY:
        key = f"{base}/20241001-20241101/first/cur-1.csv.gz"
        manifest = f"{base}/20241001-20241101/cur-Manifest.json"
        content: dict[str, Any] = {"assemblyId": "first", "reportKeys": [key]}
        row = project.line("Usage", "1.5")
    else:
        key = f"{base}/data/BILLING_PERIOD=2024-10/cur-00001.csv.gz"
        manifest = f"{base}/metadata/BILLING_PERIOD=2024-10/cur-Manifest.json"
        content = {"executionId": "first", "dataFiles": [project.bucket.uri(key)]}
        row = as_cur2(project.line("Usage", "1.5"))
    project.bucket.put(key, csv_gz([row]).body)
    project.bucket.put(manifest, json.dumps(content).encode())
    assert [outcome.status for outcome in service.fetch_project(project.context, project.connection)] == [
        FetchStatus.REGISTERED
    ]
    assert all(step.passed for step in service.test_project(project.context, project.id))
    project.read()
    assert project.publish().costs["unblended"].to_list() == [Decimal("1.5")]
    assert project.fetch().status is FetchStatus.UNCHANGED


def test_the_literal_form_counts_where_both_are_there(project: Project) -> None:
    literal = CurBucket(project.bucket.s3, project.bucket.region, prefix="x/")
    for prefix, cost in (("x/", "1"), ("x", "2")):
        replace_bucket = _named(literal, prefix)
        replace_bucket.deliver(MONTH, [csv_gz([project.line("Usage", cost)])])
    project.reconnect(bucket=literal.name, prefix="x/")
    assert project.run().costs["unblended"].to_list() == [1]


def _named(bucket: CurBucket, prefix: str) -> CurBucket:
    """The same bucket with another prefix."""
    other = object.__new__(CurBucket)
    vars(other).update(vars(bucket) | {"prefix": prefix})
    return other


def test_a_copy_without_empty_parts_is_found_by_the_keys_of_its_manifest(project: Project) -> None:
    manifest = "cur/acme/cur/20241001-20241101/cur-Manifest.json"
    key = "cur//acme//cur/20241001-20241101/first/cur-1.csv.gz"
    project.bucket.put(key.replace("//", "/"), csv_gz([project.line("Usage", "1.5")]).body)
    project.bucket.put(manifest, json.dumps({"assemblyId": "first", "reportKeys": [key, key[1:]]}).encode())
    outcome = project.fetch()
    assert (outcome.files, outcome.missing) == (1, (key[1:],))
    project.bucket.put(manifest, json.dumps({"assemblyId": "first", "reportKeys": [key]}).encode())
    assert project.run().costs["unblended"].to_list() == [Decimal("1.5")]


# without a manifest


@pytest.fixture
def bare(make_project: Make) -> Project:
    """A project whose bucket has only data files."""
    project = make_project(Format.AUTO)
    project.reconnect(without_manifest=True)
    return project


def put(project: Project, key: str, cost: str, *, legacy: bool = False) -> None:
    row = project.line("Usage", cost)
    rows = [row if legacy else as_cur2(row)]
    body = parquet(rows).body if key.endswith(".parquet") else csv_gz(rows).body
    project.bucket.put(f"{project.bucket.base}/{key}", body)


def settle(project: Project, clock: SteppingClock) -> Any:
    """Both batches, once what is there has stood still."""
    service.fetch_project(project.context, project.connection)
    clock.pass_by(STILL_FOR)
    return project.run()


def test_a_listing_is_taken_once_it_has_stood_still(bare: Project, clock: SteppingClock) -> None:
    put(bare, "data/BILLING_PERIOD=2024-10/cur-00001.csv.gz", "1")
    seen = bare.fetch()
    assert (seen.status, seen.files) == (FetchStatus.WAITING, 1)
    assert seen.note == "no manifest: stands still since 2024-11-10 00:00 UTC, taken at 2024-11-10 00:15 UTC"
    assert bare.publish().waiting_for == "its listing has not stood still yet"
    clock.pass_by(STILL_FOR / 2)
    put(bare, "data/BILLING_PERIOD=2024-10/cur-00002.snappy.parquet", "0.5")
    later = bare.fetch()  # another listing: it begins to wait
    assert (later.status, later.files) == (FetchStatus.WAITING, 2)
    clock.pass_by(STILL_FOR / 2)
    assert bare.fetch().status is FetchStatus.WAITING
    assert bare.files() == []
    clock.pass_by(STILL_FOR / 2)
    assert bare.fetch().status is FetchStatus.REGISTERED
    assert bare.fetch().status is FetchStatus.UNCHANGED
    bare.read()
    assert bare.publish().costs["unblended"].sum() == Decimal("1.5")
    # another listing is another version; until it has stood still, what is published stays
    bare.bucket.delete(f"{bare.bucket.base}/data/BILLING_PERIOD=2024-10/cur-00002.snappy.parquet")
    assert bare.fetch().status is FetchStatus.WAITING
    assert bare.publish().published is None
    clock.pass_by(STILL_FOR)
    assert bare.run().costs["unblended"].to_list() == [1]


def test_the_sensor_asks_when_a_listing_appears_and_when_it_has_stood_still(
    bare: Project, clock: SteppingClock
) -> None:
    put(bare, "data/BILLING_PERIOD=2024-10/cur-00001.csv.gz", "1")
    asked: dict[str, str] = {}
    keys = []

    def poll() -> tuple[int, int]:
        found = service.discover(bare.context, [bare.connection], requested=asked, at_most=9)
        asked.update({run.place: run.token or "" for run in found.runs})
        keys.extend(run.run_key for run in found.runs)
        return len(found.runs), len(found.waiting)

    assert poll() == (1, 0)
    bare.fetch()
    assert poll() == (0, 1)
    clock.pass_by(STILL_FOR)
    assert poll() == (1, 0)
    assert poll() == (0, 0)
    bare.fetch()
    assert len(set(keys)) == 2


def test_no_wait_where_none_is_wanted(bare: Project) -> None:
    put(bare, "data/BILLING_PERIOD=2024-10/cur-00001.csv.gz", "1")
    bare.context = replace(bare.context, still_for=timedelta(0))
    assert bare.run().costs["unblended"].to_list() == [1]


@pytest.mark.parametrize(
    ("files", "total"),
    [
        ({f"data/BILLING_PERIOD=2024-10/{FIRST}/cur-00001.csv.gz": "1"}, 1),
        (
            {
                f"data/BILLING_PERIOD=2024-10/{SECOND}/cur-00001.csv.gz": "2",
                f"data/BILLING_PERIOD=2024-10/{SECOND}/cur-00002.csv.gz": "3",
                f"data/BILLING_PERIOD=2024-10/{FIRST}/cur-00001.csv.gz": "1",  # copied last, made first
            },
            5,
        ),
        ({"data/billing_period=2024-10/cur-00001.csv.gz": "1"}, 1),
        ({"20241001-20241101/cur-00001.csv.gz": "1", "20241001-20241101/cur-00002.csv.gz": "2"}, 3),
        ({"cur/year=2024/month=10/cur-00001.snappy.parquet": "4", "cur/year=2024/month=9/x.parquet": "9"}, 4),
        (
            {  # both are written: Data Exports count
                "data/BILLING_PERIOD=2024-10/cur-00001.csv.gz": "1",
                "20241001-20241101/x/cur-00001.csv.gz": "2",
            },
            1,
        ),
    ],
)
def test_layouts_without_a_manifest(bare: Project, clock: SteppingClock, files: dict[str, str], total: int) -> None:
    for key, cost in files.items():
        put(bare, key, cost, legacy=not key.startswith("data/"))
    put(bare, "data/BILLING_PERIOD=2024-10/readme.txt", "9")
    bare.bucket.put(f"{bare.bucket.base}/{next(reversed(files))}-00009.csv.gz", b"")  # a chunk that was emptied
    bare.bucket.put(f"{bare.bucket.base}/data/BILLING_PERIOD=2024-10/", b"")
    folder, _, name = next(reversed(files)).rpartition("/")
    for hidden in (f".{name}", f"_{name}"):  # what a copying tool has not finished
        put(bare, f"{folder}/{hidden}", "100", legacy=not folder.startswith("data/"))
    assert settle(bare, clock).costs["unblended"].sum() == total


def test_assemblies_beside_each_other_do_not_add_up() -> None:
    def stored(key: str, hour: int) -> StoredObject:
        return StoredObject("b", f"f/{key}", "e", 1, datetime(2024, 10, 5, hour, tzinfo=UTC))

    objects = [stored("b/1.csv.gz", 3), stored("a/1.csv.gz", 4), stored("a/2.csv.gz", 2), stored("c/d/1.csv.gz", 9)]
    newest = listing.newest_delivery("p", MONTH, "f/", [*objects, stored("z/cur-Manifest.json", 8)])
    assert newest is not None
    assert (newest.assembly_id, [file.key for file in newest.files]) == ("a", ["f/a/1.csv.gz", "f/a/2.csv.gz"])
    assert listing.newest_delivery("p", MONTH, "f/", objects[3:]) is None


def test_a_connection_with_manifests_does_not_take_a_listing_and_the_other_way_round(
    bare: Project, clock: SteppingClock
) -> None:
    bare.bucket.export(MONTH, [csv_gz([as_cur2(bare.line("Usage", "1"))])])
    put(bare, "data/BILLING_PERIOD=2024-10/cur-00009.csv.gz", "9")  # listed by no manifest
    assert settle(bare, clock).costs["unblended"].sum() == 10
    bare.reconnect(without_manifest=False)
    assert bare.run().costs["unblended"].to_list() == [1]


def test_where_months_without_a_manifest_lie() -> None:
    connection = Connection("p", "p", "b", "x", "cur", "ap-northeast-1", Format.CUR2, without_manifest=True)
    assert listing.month_folders(connection, date(2024, 3, 1)) == (
        "x/cur/data/BILLING_PERIOD=2024-03/",
        "x/cur/data/billing_period=2024-03/",
    )
    assert listing.month_folders(replace(connection, format=Format.CUR_LEGACY), date(2024, 3, 1)) == (
        "x/cur/20240301-20240401/",
        "x/cur/cur/year=2024/month=3/",
    )


# small deliveries that were not found


def put_case(bucket: CurBucket, case: str) -> str:
    """Put a case's objects where AWS writes them; the prefix that it was given."""
    folder = Path(__file__).parent.parent / "data" / "cur_cases" / case / "s3"
    for file in sorted(folder.rglob("*.*")):
        key = file.relative_to(folder).as_posix()
        if case == "e-noprefix":
            key = f"/{key}"
        if case == "e-dslash":
            key = key.replace("cur/rep", "cur//rep")
        bucket.put(key, file.read_bytes())
    return {"e-noprefix": "", "e-dslash": "e-dslash/cur/", "e-no-manifest": "e-no-manifest/cur"}[case]


@pytest.mark.parametrize("case", ["e-noprefix", "e-dslash", "e-no-manifest"])
def test_deliveries_that_were_not_found(make_project: Make, clock: SteppingClock, case: str) -> None:
    """Objects as they lie in a bucket; what these cost is written beside them: 1."""
    clock.now = datetime(2026, 10, 5, tzinfo=UTC)
    project = make_project(Format.AUTO)
    prefix = put_case(project.bucket, case)
    project.reconnect(prefix=prefix, report_name="rep", without_manifest=case == "e-no-manifest")
    [fetched] = service.fetch_project(project.context, project.connection)
    if case == "e-no-manifest":
        assert fetched.status is FetchStatus.WAITING
        clock.pass_by(STILL_FOR)
    outcome = project.run(date(2026, 9, 1))
    assert outcome.costs["unblended"].to_list() == [1]


def test_an_empty_file_of_a_listing_is_told_by_name(bare: Project, clock: SteppingClock) -> None:
    bare.bucket.put(f"{bare.bucket.base}/data/BILLING_PERIOD=2024-10/cur-00001.csv.gz", File(b"").body)
    assert "cur-00001.csv.gz: the file has zero bytes" in (settle(bare, clock).waiting_for or "")
