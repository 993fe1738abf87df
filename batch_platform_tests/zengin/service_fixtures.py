"""The context of the use cases on the test's own stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.lake import SnapshotLake
from batch_platform.zengin.store.records import RecordStore
from batch_platform_tests.zengin.clock import SteppingClock
from batch_platform_tests.zengin.conftest import BUCKET
from batch_platform_tests.zengin.workflow import GENEROUS, Workflow

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def context(
    store: ZenginStore, records: RecordStore, lake: SnapshotLake, s3: S3Client, clock: SteppingClock
) -> ZenginContext:
    return ZenginContext(store, records, lake, s3, BUCKET, limits=GENEROUS, clock=clock)


@pytest.fixture
def workflow(context: ZenginContext, clock: SteppingClock, tmp_path: Path) -> Workflow:
    return Workflow(context, tmp_path, clock)
