"""The whole CUR pipeline (GET, parse, normalise, amortise, aggregate, replace, status) against `gzip -dc`.

    .venv/bin/python -m benchmarks.cur [--rows 10_000_000] [--rounds 3]

Makes a month of N rows of 197 columns by repeating the bundled month (public generator's output), puts it into the
embedded S3, and runs the pipeline and `gzip -dc` of the same bytes in turn. The pipeline is one worker process; its
CPU, wall and peak memory are those of that process, so wall contains what it waits for S3 and PostgreSQL. Beside
them stands how long the host lent the processors elsewhere: rounds with much of that say little.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from batch_platform.finops.demo import DATA
from batch_platform.local import provision, services
from batch_platform.local.home import Home
from batch_platform.settings import load_settings
from benchmarks.measure import Cost, median_cost, run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from batch_platform.finops.service import FinopsContext

BUCKET = "benchmark-billing"
PROJECT = "benchmark"
MONTH = date(2026, 10, 1)
ROWS_A_FILE = 1_000_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--worker", choices=("pipeline", "again"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.worker:
        _worker(chosen.worker)
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-cur-") as folder:
        _benchmark(Path(folder), rows=chosen.rows, rounds=chosen.rounds)


def _benchmark(folder: Path, *, rows: int, rounds: int) -> None:
    os.environ.setdefault("BATCH_PLATFORM_HOME", str(folder / "home"))
    os.environ.update(services.ensure_running(load_settings()))
    provision.provision(load_settings(), os.environ)
    files = make_month(folder / "month", rows)
    compressed = sum(file.stat().st_size for file in files)
    say(f"{len(files)} files, {compressed / 2**20:.0f} MiB compressed")
    deliver(files)
    gzips: list[Cost] = []
    pipelines: list[Cost] = []
    agains: list[Cost] = []
    for turn in range(rounds):
        gzips.append(_gzip(files))
        _forget()
        pipelines.append(worker_process("pipeline"))
        agains.append(worker_process("again"))
        say(f"round {turn + 1}: gzip {line(gzips[-1])}; pipeline {line(pipelines[-1])}; again {line(agains[-1])}")
    base, whole, again = median_cost(gzips), median_cost(pipelines), median_cost(agains)
    say(f"gzip -dc            {line(base)}")
    say(f"pipeline            {line(whole)}   CPU x{whole.cpu / base.cpu:.2f}  wall x{whole.wall / base.wall:.2f}")
    say(f"re-aggregate stored {line(again)}")
    services.stop(Home(load_settings().home))


def make_month(folder: Path, rows: int) -> list[Path]:
    """Gzip files of `rows` rows in all: the bundled rows compressed once, and that deflate block repeated."""
    folder.mkdir(parents=True)
    sources = sorted((DATA / "cur/acme/cur/20261001-20261101").glob("6919*/*.csv.gz"))
    texts = [gzip.decompress(source.read_bytes()) for source in sources]
    header = texts[0][: texts[0].index(b"\n") + 1]
    body = b"".join(text[text.index(b"\n") + 1 :] for text in texts)
    unit = body.count(b"\n")
    head_block, body_block = _block(header), _block(body)
    files: list[Path] = []
    while rows > 0:
        repeats = -(-min(rows, ROWS_A_FILE) // unit)
        rows -= repeats * unit
        files.append(folder / f"{len(files):05d}.csv.gz")
        crc, size = zlib.crc32(header), len(header)
        with files[-1].open("wb") as out:
            out.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + head_block)
            for _ in range(repeats):
                out.write(body_block)
                crc, size = zlib.crc32(body, crc), size + len(body)
            out.write(zlib.compressobj(6, zlib.DEFLATED, -15).flush() + struct.pack("<II", crc, size & 0xFFFFFFFF))
    return files


def _block(data: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH)


def _gzip(files: list[Path]) -> Cost:
    return run(["gzip", "-dc", *map(str, files)], stdout=subprocess.DEVNULL)


def worker_process(what: str) -> Cost:
    return run([sys.executable, "-m", "benchmarks.cur", "--worker", what])


def _worker(what: str) -> None:
    """In a process of its own: Batch A and B of the benchmark's month, or B's second half again."""
    from batch_platform.finops import service

    with _context() as context:
        connection = context.connection(PROJECT)
        if what == "pipeline":
            service.fetch_month(context, connection, MONTH)
            outcome = service.read_files(context, project_id=PROJECT)
            assert outcome.claimed == outcome.done, outcome
        published = service.publish_month(context, connection, MONTH)
        assert published.published is not None, published.waiting_for


@contextmanager
def _context() -> Iterator[FinopsContext]:
    from batch_platform.finops.opening import open_context

    with open_context() as context:
        yield context


def deliver(files: list[Path]) -> None:
    from botocore.exceptions import ClientError

    from batch_platform.core import aws, objects
    from batch_platform.finops import service
    from batch_platform.finops.model import Connection

    settings = load_settings()
    s3: S3Client = aws.client("s3", settings)
    try:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
    folder = "cur/20261001-20261101"
    keys = [f"{folder}/assembly/{file.name}" for file in files]
    for key, file in zip(keys, files, strict=True):
        objects.put_file(s3, file, BUCKET, key)
    manifest = {"assemblyId": "assembly", "reportKeys": keys, "billingPeriod": {"start": "20261001T000000.000Z"}}
    objects.put_bytes(s3, BUCKET, f"{folder}/cur-Manifest.json", json.dumps(manifest).encode())
    with _context() as context:
        service.add_project(context, Connection(PROJECT, "Benchmark", BUCKET, "", "cur", settings.aws_region))


def _forget() -> None:
    """Take the month back to before it was fetched, so that every round does all the work."""
    from batch_platform.core import postgres

    url = load_settings().database_url
    assert url is not None
    tables = ("cost_summary", "cost_service_monthly", "months", "restatements", "billing_files", "billing_manifests")
    with postgres.connect(url.get_secret_value(), application_name="benchmark") as connection:
        for table in tables:
            connection.execute(f"DELETE FROM finops.finops_{table} WHERE project_id = '{PROJECT}'".encode())


def line(cost: Cost) -> str:
    return f"cpu {cost.cpu:6.2f} s  wall {cost.wall:6.2f} s  rss {cost.rss:4.0f} MiB  lent {cost.lent:5.2f} s"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
