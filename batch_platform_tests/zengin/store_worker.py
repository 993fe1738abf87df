"""A process that uses the zengin stores and is killed in the middle; see test_store_killed.py.

python store_worker.py apply|produce DATABASE_URL DYNAMODB_URL TABLE
"""

from __future__ import annotations

import sys

from batch_platform.core import aws, postgres
from batch_platform.settings import load_settings
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.records import RecordStore
from batch_platform_tests.zengin.rows import DAY, EMPTY, NOW, changes, master, record

MASTERS = (
    master({"0001": "みずほ", "0001-001": "東京営業部", "0005": "三菱ＵＦＪ", "0005-001": "本店"}),
    master({"0001": "みずほ銀行", "0001-001": "東京", "0009": "三井住友", "0009-001": "本店"}),
)
FIRST, SECOND = changes(EMPTY, MASTERS[0], prefix="first"), changes(*MASTERS, prefix="second")
BIG = record(1, zengin_data={"branch_name": "店" * 130_000})


def main() -> None:
    work, database_url, dynamodb_url, table = sys.argv[1:]
    if work == "apply":
        pool = postgres.open_pool(database_url, application_name="zengin worker")
        with ZenginStore(pool).transaction() as session:
            session.stage_and_apply("second", SECOND, business_date=DAY, now=NOW)
        pool.close()
    else:
        settings = load_settings()
        there = settings.model_copy(update={"aws_endpoint_url_dynamodb": dynamodb_url})
        dynamodb = aws.client("dynamodb", there)
        RecordStore(dynamodb, table, aws.client("s3", settings), "local-zengin-diff-data").put_new([BIG, record(2)])
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
