"""What processes of these tests do that are killed or race; `batch_platform.proving.processes` starts them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from batch_platform.core import aws, postgres
from batch_platform.settings import load_settings
from batch_platform.zengin import service
from batch_platform.zengin.service import build_context
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.records import RecordStore
from batch_platform_tests.zengin.clock import SteppingClock
from batch_platform_tests.zengin.rows import DAY, EMPTY, NOW, changes, master, record
from batch_platform_tests.zengin.workflow import GENEROUS

MASTERS = (
    master({"0001": "みずほ", "0001-001": "東京営業部", "0005": "三菱ＵＦＪ", "0005-001": "本店"}),
    master({"0001": "みずほ銀行", "0001-001": "東京", "0009": "三井住友", "0009-001": "本店"}),
)
FIRST, SECOND = changes(EMPTY, MASTERS[0], prefix="first"), changes(*MASTERS, prefix="second")
BIG = record(1, zengin_data={"branch_name": "店" * 130_000})


APPLICATION = "zengin worker"


def applies_second() -> Callable[[str], None]:
    """Apply the second changeset to the master."""
    settings = load_settings()
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()

    def work(_: str) -> None:
        pool = postgres.open_pool(url, application_name=APPLICATION)
        with ZenginStore(pool).transaction() as session:
            session.stage_and_apply("second", SECOND, business_date=DAY, now=NOW)
        pool.close()

    return work


def puts_records(dynamodb_url: str, table: str) -> Callable[[str], None]:
    """Put a record too big for an item, and another."""
    settings = load_settings()
    there = settings.model_copy(update={"aws_endpoint_url_dynamodb": dynamodb_url})
    store = RecordStore(aws.client("dynamodb", there), table, aws.client("s3", settings), "local-zengin-diff-data")

    def work(_: str) -> None:
        store.put_new([BIG, record(2)])

    return work


def produces(table: str, now: str) -> Callable[[str], None]:
    """Take the snapshot of the release that is named, and propose what it changes."""
    settings = load_settings()
    assert settings.database_url is not None
    pool = postgres.open_pool(settings.database_url.get_secret_value(), application_name=APPLICATION)
    context = build_context(
        pool=pool,
        dynamodb=aws.client("dynamodb", settings),
        s3=aws.client("s3", settings),
        lake_bucket=settings.lake_bucket,
        env="local",
        table=table,
        limits=GENEROUS,
        clock=SteppingClock(datetime.fromisoformat(now)),
    )
    day = context.business_date()

    def work(source: str) -> None:
        service.take_snapshot(context, source, day)
        service.propose(context, day)
        pool.close()

    return work
