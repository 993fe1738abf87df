"""How fast a week was against the one before: routes, features of the SaaS, its companies, and the database.

Response times are milliseconds, percentiles nearest rank. Error rates are shares of answers 5xx, 4 decimals half up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal

from batch_platform.core.messages import Message
from batch_platform.core.numbers import plain
from batch_platform.staffing.decimals import half_up
from batch_platform.staffing.maintenance import SEVERITIES, Finding

Kind = Literal["route", "feature", "company"]

ENOUGH: Final = 50
"""Requests of a week below which percentiles and rates say nothing."""
SLOWER: Final = Decimal("1.5")
SLOWER_BY: Final = Decimal(100)
"""A p95 is a regression when it is so many times the week before's, and so many milliseconds more."""
ERRORS: Final = Decimal("0.01")
ERRORS_CRITICAL: Final = Decimal("0.05")
WORSE: Final = 2
"""An error rate is a regression from `ERRORS` on when it is so many times the week before's."""
GROWN: Final = 3
MUCH: Final = 1_000
"""A company's use is told when it has grown so many times, to so many requests at least."""
CACHE_HIT: Final = Decimal("0.95")
BLOCKS: Final = 100_000
TEMPORARY_BYTES: Final = 2**30
SCANNED_ROWS: Final = 10_000_000
SCANNED_LIVE: Final = 10_000
SHOWN: Final = 10
"""Tables and statements that are listed."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a week's requests to one subject come to, and what those of the week before came to (None: none)."""

    kind: Kind
    subject: str
    requests: int
    failed: int
    p50: Decimal | None
    p95: Decimal | None
    p99: Decimal | None
    before: Figures | None = None

    @property
    def error_rate(self) -> Decimal:
        """The share of 5xx."""
        return half_up(Fraction(self.failed, self.requests), 4)

    @property
    def change(self) -> Decimal | None:
        """By how many milliseconds the p95 has risen; None where one of both is unknown."""
        if self.p95 is None or self.before is None or self.before.p95 is None:
            return None
        return self.p95 - self.before.p95


@dataclass(frozen=True, slots=True)
class Scans:
    """What a table was read for in a week: whole scans, rows read by them, uses of its indexes."""

    table: str
    scans: int
    rows: int
    index_scans: int
    live: int


@dataclass(frozen=True, slots=True)
class DatabaseWeek:
    """The database's counters of a week; `statements` is None where pg_stat_statements is not there."""

    cache_hit: Decimal | None
    blocks: int
    deadlocks: int
    temporary_files: int
    temporary_bytes: int
    commits: int
    rollbacks: int
    tables: tuple[Scans, ...]
    statements: tuple[Mapping[str, Any], ...] | None


def database_week(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> DatabaseWeek:
    """What was counted between two readings; since the last reset where there is no earlier one, or it was later."""
    base = before if before and before["stats_reset"] == now["stats_reset"] else {}

    def grown(name: str) -> int:
        return max(0, int(now[name]) - int(base.get(name, 0)))

    hit, read = grown("blks_hit"), grown("blks_read")
    earlier = {row["table"]: row for row in base.get("tables", ())}
    tables = [_scans(row, earlier.get(row["table"], {})) for row in now["tables"]]
    most = sorted((each for each in tables if each.rows), key=lambda each: (-each.rows, each.table))
    statements = now.get("statements")
    return DatabaseWeek(
        cache_hit=half_up(Fraction(hit, hit + read), 4) if hit + read else None,
        blocks=hit + read,
        deadlocks=grown("deadlocks"),
        temporary_files=grown("temp_files"),
        temporary_bytes=grown("temp_bytes"),
        commits=grown("xact_commit"),
        rollbacks=grown("xact_rollback"),
        tables=tuple(most[:SHOWN]),
        statements=None if statements is None else tuple(statements),
    )


def _scans(row: Mapping[str, Any], before: Mapping[str, Any]) -> Scans:
    def grown(name: str) -> int:
        return max(0, int(row[name]) - int(before.get(name, 0)))

    return Scans(row["table"], grown("scans"), grown("rows"), grown("index_scans"), row["live"])


def findings(figures: Sequence[Figures], database: DatabaseWeek | None, names: Mapping[str, str]) -> list[Finding]:
    """What has become worse, or is bad, the worst first. `names`: companies as people know them, by subject."""
    listed = [finding for each in figures for finding in _of_figures(each, names)]
    listed += [] if database is None else _of_database(database)
    return sorted(listed, key=lambda each: SEVERITIES.index(each.severity))


def _of_figures(each: Figures, names: Mapping[str, str]) -> Iterator[Finding]:
    before = each.before
    if each.kind == "company":
        if before and each.requests >= MUCH and each.requests >= GROWN * before.requests:
            yield Finding(
                "use-grown",
                each.subject,
                "info",
                Message(
                    "performance-use-grown",
                    "{company} has sent {requests} requests, {before} the week before",
                    company=names.get(each.subject, each.subject),
                    requests=each.requests,
                    before=before.requests,
                ),
                Message("performance-use-grown-to-do", "ask whether it is meant, and whether its contract covers it"),
            )
        return
    if each.requests < ENOUGH:
        return
    known = before if before and before.requests >= ENOUGH else None
    if known and known.p95 and each.p95 and each.p95 >= SLOWER * known.p95 and each.p95 - known.p95 >= SLOWER_BY:
        yield Finding(
            f"slower-{each.kind}",
            each.subject,
            "warning",
            Message(
                "performance-slower",
                "95 % of {subject} were answered within {now} ms, {before} ms the week before",
                subject=each.subject,
                now=half_up(Fraction(each.p95), 0),
                before=half_up(Fraction(known.p95), 0),
            ),
            Message(
                "performance-slower-to-do",
                "compare with what was released that week, and look at the database's most scanned tables",
            ),
        )
    rate = each.error_rate
    if rate >= ERRORS and (known is None or rate >= WORSE * known.error_rate):
        yield Finding(
            f"errors-{each.kind}",
            each.subject,
            "critical" if rate >= ERRORS_CRITICAL else "warning",
            Message(
                "performance-errors",
                "{failed} of {requests} answers of {subject} were server errors",
                subject=each.subject,
                failed=each.failed,
                requests=each.requests,
            ),
            Message("performance-errors-to-do", "look for `request failed` in the log of the web"),
        )


def _of_database(week: DatabaseWeek) -> Iterator[Finding]:
    if week.cache_hit is not None and week.blocks >= BLOCKS and week.cache_hit < CACHE_HIT:
        yield Finding(
            "cache-hit",
            "database",
            "warning",
            Message(
                "performance-cache",
                "only {percent} % of blocks were in the cache",
                percent=plain(week.cache_hit * 100),
            ),
            Message("performance-cache-to-do", "raise shared_buffers, or spare the most scanned tables"),
        )
    if week.deadlocks:
        yield Finding(
            "deadlocks",
            "database",
            "warning",
            Message("performance-deadlocks", "{count} deadlocks were broken", count=week.deadlocks),
            Message("performance-deadlocks-to-do", "the server's log names their statements: lock in one order"),
        )
    if week.temporary_bytes >= TEMPORARY_BYTES:
        yield Finding(
            "temporary-files",
            "database",
            "warning",
            Message(
                "performance-temporary",
                "{count} temporary files with {megabytes} MB were written",
                count=week.temporary_files,
                megabytes=week.temporary_bytes // 2**20,
            ),
            Message("performance-temporary-to-do", "raise work_mem, or sort less at once"),
        )
    for each in week.tables:
        if each.rows >= SCANNED_ROWS and each.live >= SCANNED_LIVE:
            yield Finding(
                "scans",
                each.table,
                "warning",
                Message(
                    "performance-scans",
                    "{table} was read from end to end {scans} times, {rows} rows",
                    table=each.table,
                    scans=each.scans,
                    rows=each.rows,
                ),
                Message("performance-scans-to-do", "find the statements that scan it, and give them an index"),
            )


@dataclass(frozen=True, slots=True)
class Week:
    """An analysed week: `monday` to the Sunday after it, in Tokyo. `database` is None where nobody read it then.

    `requests_before`: all of the week before, by kind; `names`: companies as people know them, by subject.
    """

    monday: date
    figures: tuple[Figures, ...]
    database: DatabaseWeek | None
    findings: tuple[Finding, ...]
    names: Mapping[str, str]
    requests_before: Mapping[str, int]

    def of(self, kind: Kind) -> list[Figures]:
        """Those of a kind, the most used first."""
        return sorted(
            (each for each in self.figures if each.kind == kind), key=lambda each: (-each.requests, each.subject)
        )
