"""Objects against a real S3 server, with connections cut and answers forged by a proxy in between."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from batch_platform.core import aws, objects
from batch_platform.core.failures import InvalidInput, NotFound, PermanentFailure, TransientFailure
from batch_platform.core.objects import Backoff, ObjectReader
from batch_platform.settings import Settings
from batch_platform_tests.fault_proxy import Answer, Before, CutBody, Delay, FaultProxy, ForgeETag

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "cur/2026-01/data 日本.csv.gz"
DATA = random.Random(7).randbytes(3_000_017)  # more than a few reads, no round number
AT_ONCE = Backoff(attempts=4, sleep=lambda _: None)


@pytest.fixture
def through(settings: Settings, proxy: FaultProxy) -> S3Client:
    """A client behind the proxy that leaves all retrying to the reader."""
    return aws.client("s3", settings.model_copy(update={"aws_endpoint_url": proxy.url}), attempts=1)


@pytest.fixture
def stored(s3: S3Client, bucket: str) -> objects.StoredObject:
    objects.put_bytes(s3, bucket, KEY, DATA)
    found = objects.head(s3, bucket, KEY)
    assert found is not None
    return found


def read(client: S3Client, stored: objects.StoredObject, size: int = 1 << 18) -> bytes:
    with ObjectReader(client, stored, backoff=AT_ONCE) as reader:
        return b"".join(iter(lambda: reader.read(size), b""))


def test_reads_an_object_whole_and_by_range(s3: S3Client, stored: objects.StoredObject) -> None:
    assert read(s3, stored) == DATA
    assert objects.read_bytes(s3, stored, limit=len(DATA)) == DATA
    with ObjectReader(s3, stored, start=100, stop=1_000_100) as part:
        assert part.read() == DATA[100:1_000_100]
        assert part.read(1) == b""
        assert part.tell() == 1_000_100


def test_what_is_stored_now_takes_one_request(
    proxy: FaultProxy, through: S3Client, stored: objects.StoredObject
) -> None:
    assert objects.get_bytes(through, stored.bucket, KEY, limit=len(DATA)) == DATA
    assert [request.method for request in proxy.requests] == ["GET"]
    assert objects.get_bytes(through, stored.bucket, "nothing", limit=1) is None
    with pytest.raises(NotFound, match="no-such-bucket"):
        objects.get_bytes(through, "no-such-bucket", KEY, limit=1)
    with pytest.raises(PermanentFailure, match=f"{len(DATA)} bytes, more than the 10 expected"):
        objects.get_bytes(through, stored.bucket, KEY, limit=10)


def test_what_is_stored_now_is_one_version(
    proxy: FaultProxy, through: S3Client, s3: S3Client, stored: objects.StoredObject
) -> None:
    proxy.add(CutBody(KEY, after=500_000))
    assert objects.get_bytes(through, stored.bucket, KEY, limit=len(DATA), backoff=AT_ONCE) == DATA
    assert [request.span for request in proxy.requests] == [None, f"bytes=500000-{len(DATA) - 1}"]
    proxy.add(CutBody(KEY, after=500_000))
    proxy.add(Before(KEY, nth=2, action=lambda: objects.put_bytes(s3, stored.bucket, KEY, DATA[::-1])))
    with pytest.raises(aws.ObjectMoved, match="overwritten"):
        objects.get_bytes(through, stored.bucket, KEY, limit=len(DATA), backoff=AT_ONCE)


def test_fills_the_callers_buffer(s3: S3Client, stored: objects.StoredObject) -> None:
    buffer = bytearray(1 << 20)
    digest = hashlib.sha256()
    with ObjectReader(s3, stored) as reader:
        while count := reader.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    assert digest.digest() == hashlib.sha256(DATA).digest()


def test_an_empty_object_costs_no_request(s3: S3Client, bucket: str, through: S3Client) -> None:
    objects.put_bytes(s3, bucket, "empty", b"")
    found = objects.head(s3, bucket, "empty")
    assert found is not None
    assert read(through, found) == b""


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("after", [0, 1, 65_536, 2_999_999])
def test_a_cut_body_goes_on_where_it_stopped(
    proxy: FaultProxy, through: S3Client, stored: objects.StoredObject, after: int, reset: bool
) -> None:
    proxy.add(CutBody(KEY, after=after, reset=reset))
    assert read(through, stored) == DATA
    spans = [request.span for request in proxy.requests]
    assert len(spans) == 2
    assert spans[0] == f"bytes=0-{len(DATA) - 1}"
    if not reset:  # a reset also discards what was under way
        assert spans[1] == f"bytes={after}-{len(DATA) - 1}"


def test_several_cuts_errors_and_a_delay_in_one_body(
    proxy: FaultProxy, through: S3Client, stored: objects.StoredObject
) -> None:
    waits: list[float] = []
    proxy.add(CutBody(KEY, after=100_000))
    proxy.add(Answer(KEY, nth=2, status=503, code="SlowDown"))
    proxy.add(Delay(KEY, nth=3, seconds=0.05))
    proxy.add(CutBody(KEY, nth=3, after=700_000, reset=True))
    backoff = Backoff(attempts=4, base=1.0, jitter=lambda: 0.5, sleep=waits.append)
    with ObjectReader(through, stored, backoff=backoff) as reader:
        assert reader.readall() == DATA
    assert waits == [0.5, 1.0, 2.0]


def test_gives_up_after_its_attempts_and_names_the_object(
    proxy: FaultProxy, through: S3Client, stored: objects.StoredObject
) -> None:
    proxy.add(CutBody(KEY, after=1000, times=99))
    with pytest.raises(TransientFailure) as failure:
        read(through, stored)
    assert stored.uri in failure.value.message
    assert "after 4 attempts" in failure.value.message
    assert proxy.count("GET", KEY) == 4


def test_cuts_far_apart_do_not_add_up(proxy: FaultProxy, through: S3Client, s3: S3Client, bucket: str) -> None:
    data = bytes(40 << 20)
    objects.put_bytes(s3, bucket, "big", data)
    found = objects.head(s3, bucket, "big")
    assert found is not None
    proxy.add(CutBody("big", after=9 << 20, times=99))
    with ObjectReader(through, found, backoff=Backoff(attempts=2, sleep=lambda _: None)) as reader:
        assert sum(len(part) for part in iter(lambda: reader.read(1 << 20), b"")) == len(data)


def test_boto3_itself_retries_a_refused_first_get(
    settings: Settings, proxy: FaultProxy, stored: objects.StoredObject
) -> None:
    client = aws.client("s3", settings.model_copy(update={"aws_endpoint_url": proxy.url}), attempts=2)
    proxy.add(Answer(KEY, status=503))
    assert read(client, stored) == DATA


@pytest.mark.parametrize("when", ["before", "between"])
def test_an_object_that_moves_is_never_mixed(
    proxy: FaultProxy, through: S3Client, s3: S3Client, stored: objects.StoredObject, when: str
) -> None:
    def swap() -> None:
        objects.put_bytes(s3, stored.bucket, KEY, DATA[::-1])

    proxy.add(CutBody(KEY, after=500_000))
    proxy.add(Before(KEY, nth=1 if when == "before" else 2, action=swap))
    with pytest.raises(aws.ObjectMoved, match="overwritten") as failure:
        read(through, stored)
    assert stored.uri in failure.value.message


def test_an_object_deleted_between_two_gets(
    proxy: FaultProxy, through: S3Client, s3: S3Client, stored: objects.StoredObject
) -> None:
    proxy.add(CutBody(KEY, after=500_000))
    proxy.add(Before(KEY, nth=2, action=lambda: s3.delete_object(Bucket=stored.bucket, Key=KEY)))
    with pytest.raises(aws.ObjectMoved, match="deleted"):
        read(through, stored)


def test_a_server_that_ignores_if_match_is_caught_by_the_etag(
    proxy: FaultProxy, through: S3Client, stored: objects.StoredObject
) -> None:
    proxy.add(ForgeETag(KEY))
    with pytest.raises(aws.ObjectMoved):
        read(through, stored)


def test_a_permanent_refusal_is_not_retried(
    proxy: FaultProxy, through: S3Client, stored: objects.StoredObject
) -> None:
    proxy.add(Answer(KEY, status=403, code="AccessDenied", times=9))
    with pytest.raises(PermanentFailure, match="access denied to GetObject"):
        read(through, stored)
    assert proxy.count("GET", KEY) == 1


def test_a_dead_endpoint_is_transient(settings: Settings, stored: objects.StoredObject, unused_port: int) -> None:
    url = f"http://127.0.0.1:{unused_port}"
    dead = aws.client("s3", settings.model_copy(update={"aws_endpoint_url": url}), attempts=1)
    with pytest.raises(TransientFailure, match="does not answer"):
        objects.head(dead, stored.bucket, KEY)
    with pytest.raises(TransientFailure, match=r"after 4 attempts.*does not answer"):
        read(dead, stored)


def test_listing_has_every_page_and_a_failed_page_is_an_error(
    proxy: FaultProxy, through: S3Client, s3: S3Client, bucket: str
) -> None:
    keys = [f"p/{number // 600}/{number:05}" for number in range(1203)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [found.key for found in objects.list_objects(s3, bucket, "p/")] == keys
    assert list(objects.list_folders(s3, bucket, "p/")) == ["p/0/", "p/1/", "p/2/"]
    proxy.add(Answer(bucket, nth=2, status=500, code="InternalError"))
    with pytest.raises(TransientFailure, match="listing s3://"):
        list(objects.list_objects(through, bucket, "p/"))
    assert objects.delete_prefix(s3, bucket, "p/", keep={keys[3]}) == 1202
    assert [found.key for found in objects.list_objects(s3, bucket, "p/")] == [keys[3]]


def test_a_missing_bucket_is_named(s3: S3Client) -> None:
    with pytest.raises(NotFound, match=r"s3://no-such-bucket/: .*bucket.* does not exist"):
        list(objects.list_objects(s3, "no-such-bucket", ""))
    assert objects.head(s3, "no-such-bucket", "key") is None


@pytest.mark.parametrize("prefix", ["", "/", "month=1"])
def test_deleting_needs_a_folder(s3: S3Client, bucket: str, prefix: str) -> None:
    with pytest.raises(InvalidInput, match="folder"):
        objects.delete_prefix(s3, bucket, prefix)


@pytest.mark.parametrize("size", [0, 1000, 40 << 20])
def test_an_upload_arrives_whole(s3: S3Client, bucket: str, tmp_path: Path, size: int) -> None:
    path = tmp_path / "part.parquet"
    path.write_bytes(random.Random(size).randbytes(size))
    stored = objects.put_file(s3, path, bucket, "lake/part.parquet")
    assert stored == objects.head(s3, bucket, "lake/part.parquet")
    assert read(s3, stored, 1 << 22) == path.read_bytes()


def test_an_upload_that_fails_leaves_the_old_object(
    proxy: FaultProxy, through: S3Client, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    objects.put_bytes(s3, bucket, "part", b"old")
    path = tmp_path / "part"
    path.write_bytes(bytes(40 << 20))
    proxy.add(Answer("part", method="PUT", nth=2, times=99, status=503))
    with pytest.raises(TransientFailure, match=f"s3://{bucket}/part"):
        objects.put_file(through, path, bucket, "part")
    found = objects.head(s3, bucket, "part")
    assert found is not None
    assert found.size == 3
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_a_manifest_too_big_is_refused_without_a_request(through: S3Client, stored: objects.StoredObject) -> None:
    with pytest.raises(PermanentFailure, match="more than the 10 expected"):
        objects.read_bytes(through, stored, limit=10)
