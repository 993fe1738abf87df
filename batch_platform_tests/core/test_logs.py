"""What reaches the stream, and what must not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from batch_platform.core import logs

SECRET = "geheim-4711"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:]
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:] = before


def test_production_writes_one_json_object_a_line(stream: io.StringIO) -> None:
    logs.configure("prod", stream=stream)
    log = structlog.get_logger("test")
    with logs.bound(job_id="run-1", partition="p1|2026-01"):
        log.info("file_done", rows=3, project_id="請求")
    log.info("after")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.items() >= {"event": "file_done", "rows": 3, "job_id": "run-1", "level": "info"}.items()
    assert first["timestamp"].endswith("Z")
    assert "請求" in stream.getvalue()
    assert "job_id" not in second


def test_a_terminal_reads_text(stream: io.StringIO) -> None:
    logs.configure("local", stream=stream)
    structlog.get_logger("test").info("file_done", rows=3)
    assert "file_done" in stream.getvalue()
    assert "rows=3" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_secrets_do_not_leave(stream: io.StringIO, environment: str) -> None:
    logs.configure(environment, stream=stream)  # type: ignore[arg-type]
    log = structlog.get_logger("test")
    log.warning(
        "connected",
        password=SECRET,
        client_secret=SECRET,
        external_id=SECRET,
        aws_access_key=SECRET,
        nested=[{"session_token": SECRET}, {"url": f"https://u:{SECRET}@h/x"}],
        url=f"postgresql://user:{SECRET}@host:5432/db",
        odd_url=f"postgresql://user:p@ss/{SECRET}@host/db",
        conninfo=f"host=h password='{SECRET}' dbname=d",
        signed=f"https://s3/k?X-Amz-Signature={SECRET}&X-Amz-Credential={SECRET}%2F",
        header=f"Bearer {SECRET}",
        object=ValueError(f"postgresql://user:{SECRET}@host"),
    )
    try:
        raise ValueError(f"postgresql://user:{SECRET}@host")
    except ValueError:
        log.exception("failed")
        logging.getLogger("some.library").exception("cannot reach postgresql://u:%s@host", SECRET)
    assert SECRET not in stream.getvalue()
    assert "some.library" in stream.getvalue()
    assert "host:5432/db" in stream.getvalue()


def test_names_of_secrets_and_harmless_text_stay(stream: io.StringIO) -> None:
    logs.configure("prod", stream=stream)
    structlog.get_logger("test").info(
        "x", secret_id="bank/db", uri="s3://bucket/a@b.csv", mail="a@b.example", token=None, size=7
    )
    line = json.loads(stream.getvalue())
    assert (
        line.items()
        >= {
            "secret_id": "bank/db",
            "uri": "s3://bucket/a@b.csv",
            "mail": "a@b.example",
            "token": None,
            "size": 7,
        }.items()
    )


def test_configuring_again_replaces(stream: io.StringIO) -> None:
    logs.configure("prod", stream=io.StringIO())
    logs.configure("prod", stream=stream)
    logging.getLogger("some.library").warning("once")
    logging.getLogger("some.library").info("too quiet")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"ftp://me:{SECRET}@host",
        f"PassWord = {SECRET}",
        f"passwd='{SECRET}'",
        f"x-amz-security-token={SECRET}",
        f"BASIC {SECRET}",
        f"bearer {SECRET}",
        "key AKIAGEHEIM4711ABCDEF",
        "key ASIAGEHEIM4711ABCDEF",
    ],
)
def test_no_kind_of_credential_is_passed_over(text: str) -> None:
    masked = logs.mask_text(f"it said {text} then")
    assert logs.MASK in masked
    assert "geheim" not in masked.lower()
