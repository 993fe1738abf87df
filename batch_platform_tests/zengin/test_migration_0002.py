"""`zengin_0002` on a master that is there: texts for search as they are folded now, proposers of undoings."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import psycopg
import pytest
from alembic import command

from batch_platform import migrations
from batch_platform.core import postgres
from batch_platform.migrations.versions import zengin_0002
from batch_platform.settings import Settings
from batch_platform.zengin.kana import fold_expr
from batch_platform.zengin.model import ChangesetStatus, HoldReason
from batch_platform.zengin.store import ZenginStore
from batch_platform_tests.databases import empty_database
from batch_platform_tests.zengin.rows import NOW, changeset

# Name, kana, and what the rule before made of both.
BANKS = [
    ("株式会社みずほ銀行", "カブシキガイシャ ミズホギンコウ", "株式会社ミズホ カブシキガイシヤミズホ a"),
    ("秋田信用金庫", "アキタシンヨウキンコ", "秋田信用金庫 アキタシンヨウキンコ a"),
    ("みずほ銀行（株）", "", "ミズホ銀行(株)  a"),
    ("澤田ヶ丘", "サワダガオカ", "澤田ケ丘 サワダガオカ a"),
    ("三ヵ日", "ミツカビ", "三カ日 ミツカビ a"),
    ("霞が関支店", "", "霞ガ関  a"),
    ("スルガ信金", "スルガシンキン", "スルガ信金 スルガシンキン a"),
    ("○一", "", "○一  a"),
    ("みずほ", "ミズホ", "ミズホ ミズホ a"),
    ("手で直した", "", None),
]


@pytest.fixture
def upgraded(settings: Settings) -> Iterator[str]:
    """A database that was filled before the version, and brought to the newest one."""
    with empty_database(settings, "zengin_0002") as url:
        config = migrations._config()
        with migrations.engine(url).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, zengin_0002.down_revision)
        with psycopg.connect(url) as plain:
            for number, (name, kana, search) in enumerate(BANKS):
                plain.execute(
                    "INSERT INTO zengin.banks (bank_code, bank_name, bank_kana, bank_roma, search)"
                    " VALUES (%s, %s, %s, 'a', %s)",
                    [f"{number:04}", name, kana, search],
                )
            for one in (
                changeset("two", status=ChangesetStatus.APPLIED, needs_approvals=2),
                changeset("held", status=ChangesetStatus.APPLIED, hold_reason=HoldReason.BRAKE),
                changeset("two.inverse", inverse_of="two"),
                changeset("held.inverse", inverse_of="held"),
            ):
                plain.execute(
                    "INSERT INTO zengin.changesets (id, business_date, hold_reason, status, needs_approvals,"
                    " inverse_of, created_at, updated_at, snapshot_hash, verdict, reason, counts, payload_hash,"
                    " base_content_hash, version, approvals) VALUES (%s, %s, %s, %s, %s, %s, now(), now(), '',"
                    " 'accepted', '', '{}', '', '', 1, '[]')",
                    [one.id, one.business_date, one.hold_reason, one.status, one.needs_approvals, one.inverse_of],
                )
                for version, who in ((1, "local:ann"), (2, "local:ben")):
                    plain.execute(
                        "INSERT INTO zengin.transitions (at, who, target, target_id, to_status, version)"
                        " VALUES (%s, %s, 'changeset', %s, 'pending', %s)",
                        [NOW, who, one.id, version],
                    )
        migrations.upgrade(url)
        yield url


def test_a_master_that_is_there(upgraded: str) -> None:
    now = pl.DataFrame([(name, kana, "a") for name, kana, _ in BANKS], schema=["name", "kana", "roma"], orient="row")
    folded = now.select(pl.concat_str([fold_expr(pl.col(part)) for part in now.columns], separator=" ")).to_series()
    wanted = [text if was else None for text, (*_, was) in zip(folded, BANKS, strict=True)]
    with psycopg.connect(upgraded) as plain:
        for table in ("banks", "bank_history"):
            rows = plain.execute(f"SELECT search FROM zengin.{table} ORDER BY bank_code").fetchall()
            assert [search for (search,) in rows] == wanted
        assert plain.execute("SELECT count(*) FROM zengin.bank_history").fetchone() == (len(BANKS),)
    pool = postgres.open_pool(upgraded, application_name="zengin tests", max_size=1)
    try:
        with ZenginStore(pool).snapshot() as session:
            found = {one.id: one.quorum for one in session.changesets(limit=10)}
    finally:
        pool.close()
    assert {name: (quorum.needed, quorum.proposer) for name, quorum in found.items()} == {
        "two": (2, None),
        "held": (1, None),
        "two.inverse": (2, "local:ann"),
        "held.inverse": (2, "local:ann"),
    }
