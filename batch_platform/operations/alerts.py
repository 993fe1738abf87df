"""Alert rules as data: each is a statement that names what is wrong; incidents follow from it and go with it.

A rule may be a notice instead: what it names has happened, and is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from psycopg.sql import SQL

from batch_platform.core.sql import load
from batch_platform.operations.model import Severity

if TYPE_CHECKING:
    from datetime import datetime

    from batch_platform.core.postgres import Pool

_SQL: Final = load("batch_platform.operations.sql")

BACKLOG: Final = 1_000
"""More queued runs than this are a warning."""


@dataclass(frozen=True)
class Rule:
    """One condition to be told about.

    `statement` gives a row `(subject, job, summary)`, all text, for each thing that is wrong now; it may use
    `%(now)s` and the rule's own `parameters`, and writes a percent sign twice. `resolution`, optional, gives
    `(subject, resolution)`: how each came to its end; else `recovery` is said. A domain makes rules of its own by
    `rules_of`.

    A `notice` tells of each subject once, however long the statement gives it, and nobody of its end: its incident
    is resolved from the start, with `recovery`.
    """

    name: str
    severity: Severity
    statement: SQL
    recovery: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    resolution: SQL = field(default_factory=lambda: _SQL["no_resolution"])
    notice: bool = False


def rules_of(domain: str, statements: Mapping[str, SQL]) -> Callable[..., Rule]:
    """Makes a domain's rules: `name, severity, recovery`, and parameters of the statement by their names.

    Of `btc-stuck` the statement is `rule_stuck`, of a notice `notice_stuck`; `resolution` names one, too.
    """

    def rule(
        name: str,
        severity: Severity,
        recovery: str,
        *,
        resolution: str = "",
        notice: bool = False,
        **parameters: Any,
    ) -> Rule:
        thing = name.removeprefix(f"{domain}-").replace("-", "_")
        statement = statements[f"notice_{thing}" if notice else f"rule_{thing}"]
        ends = statements[resolution] if resolution else _SQL["no_resolution"]
        return Rule(name, severity, statement, recovery, parameters, ends, notice)

    return rule


RULES: Final = (
    Rule(
        "job-failure",
        Severity.CRITICAL,
        _SQL["rule_failure"],
        "its dead letter is settled",
        resolution=_SQL["resolution_failure"],
    ),
    Rule(
        "long-run",
        Severity.WARNING,
        _SQL["rule_long_run"],
        "it ended",
        resolution=_SQL["resolution_long_run"],
    ),
    Rule(
        "queue-backlog",
        Severity.WARNING,
        _SQL["rule_queue_backlog"],
        "the queue is short again",
        parameters={"limit": BACKLOG},
    ),
    # before what follows from it
    Rule(
        "schedule-stopped",
        Severity.WARNING,
        _SQL["rule_stopped"],
        "it runs again",
        parameters={"kind": "schedule"},
    ),
    Rule("sensor-stopped", Severity.WARNING, _SQL["rule_stopped"], "it runs again", parameters={"kind": "sensor"}),
    Rule("trigger-off", Severity.CRITICAL, _SQL["rule_off"], "it is on again"),
    Rule("missed-run", Severity.CRITICAL, _SQL["rule_missed"], "it runs by its schedule again"),
    Rule("pause-not-caught-up", Severity.CRITICAL, _SQL["rule_not_caught_up"], "it was caught up"),
    Rule("component-dead", Severity.CRITICAL, _SQL["rule_dead"], "it answers again"),
    Rule("unwatched", Severity.WARNING, _SQL["rule_unwatched"], "it is watched again", notice=True),
    Rule("bad-calendar", Severity.CRITICAL, _SQL["rule_bad_calendar"], "its calendar is read again"),
    Rule("sensor-lag", Severity.CRITICAL, _SQL["rule_sensor_lag"], "it looks again"),
)
"""The specs' rules: failure, longer than its limit, backlog over 1,000, and what should have happened and did not.

What is stopped in Dagster is told at once, as a warning, and as critical once that lasts where it matters; what it
misses is critical as ever.
"""


def judge(pool: Pool, rule: Rule, *, now: datetime) -> tuple[int, int]:
    """Open and resolve the rule's incidents, with their notifications, in one statement; how many of each."""
    from batch_platform.core import postgres

    name = "judge_notice" if rule.notice else "judge"
    statement = _SQL[name].format(condition=rule.statement, resolution=rule.resolution)
    values = {
        **rule.parameters,
        "rule": rule.name,
        "severity": rule.severity.value,
        "recovery": rule.recovery,
        "now": now,
    }
    with postgres.transaction(pool) as connection:
        row = connection.execute(statement, values).fetchone()
    opened, ended = row or (0, 0)
    return int(opened), int(ended)


def close_unknown(pool: Pool, rules: Sequence[Rule], *, now: datetime) -> None:
    """Resolve the incidents of rules that are gone."""
    from batch_platform.core import postgres

    with postgres.transaction(pool) as connection:
        connection.execute(_SQL["close_unknown_rules"], {"rules": [rule.name for rule in rules], "now": now})
