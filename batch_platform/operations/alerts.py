"""Alert rules as data: each is a statement that names what is wrong; incidents follow from it and go with it.

A rule may be a notice instead: what it names has happened, and is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from psycopg.sql import SQL

from batch_platform.core.messages import Message, from_plain, kept
from batch_platform.core.sql import load
from batch_platform.operations.model import Severity
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from datetime import datetime

    from batch_platform.core.postgres import Connection, Pool

_SQL: Final = load("batch_platform.operations.sql")

BACKLOG: Final = 1_000
"""More queued runs than this are a warning."""


@dataclass(frozen=True)
class Rule:
    """One condition to be told about.

    `statement` gives a row `(subject, job, summary)` for each thing that is wrong now; it may use `%(now)s` and the
    rule's own `parameters`, and writes a percent sign twice. Its summary is JSON: what fills the places of `text`, or
    the `id` of one of the `phrases` and the `parameters` that fill its places; so may be what stands in a place, as
    may a message that was kept with a row. `resolution`, optional, gives `(subject, resolution)`, a phrase:
    how each came to its end; else `recovery` is said. A domain makes rules of its own by `rules_of`.

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
    text: str = ""
    phrases: Mapping[str, str] = field(default_factory=dict)

    def sentence_of(self, value: Any) -> str:
        """What a statement has given, as a message; a text is none and stays as it is."""
        if not isinstance(value, Mapping):
            return str(value)
        given = value if _is_phrase(value) else {"id": self.name, "parameters": value}
        return from_plain(self._with_texts(given))

    def _with_texts(self, value: Any) -> Any:
        if isinstance(value, Mapping) and _is_phrase(value):
            inner = {name: self._with_texts(each) for name, each in value["parameters"].items()}
            text = value.get("text") or self.phrases.get(value["id"]) or self.text
            return {"id": value["id"], "text": text, "parameters": inner}
        return [self._with_texts(each) for each in value] if isinstance(value, list) else value


def _is_phrase(value: Mapping[str, Any]) -> bool:
    return {*value} in ({"id", "parameters"}, {"id", "text", "parameters"})


def rules_of(domain: str, statements: Mapping[str, SQL]) -> Callable[..., Rule]:
    """Makes a domain's rules: `name, severity, recovery, text`, and parameters of the statement by their names.

    Of `btc-stuck` the statement is `rule_stuck`, of a notice `notice_stuck`; `resolution` names one, too.
    """

    def rule(
        name: str,
        severity: Severity,
        recovery: str,
        *,
        text: str = "",
        phrases: Mapping[str, str] = MappingProxyType({}),
        resolution: str = "",
        notice: bool = False,
        **parameters: Any,
    ) -> Rule:
        thing = name.removeprefix(f"{domain}-").replace("-", "_")
        statement = statements[f"notice_{thing}" if notice else f"rule_{thing}"]
        ends = statements[resolution] if resolution else _SQL["no_resolution"]
        return Rule(name, severity, statement, recovery, parameters, ends, notice, text, phrases)

    return rule


SHARED: Final = ("database-login-refused", "role-not-assumable", "tables-missing")
"""Causes that lie outside of any one run: whatever fails of the same one is one incident."""

RULES: Final = (
    Rule(
        "job-failure",
        Severity.CRITICAL,
        _SQL["rule_failure"],
        N_("its dead letter is settled"),
        parameters={"shared": list(SHARED)},
        resolution=_SQL["resolution_failure"],
        phrases={
            "job-failed": N_("{job} failed after {attempts}: {reason}"),
            "partition-failed": N_("{job} failed for {partition} after {attempts}: {reason}"),
            "shared-cause": N_("{reason} (runs of {jobs} that failed of it: {count})"),
            "one-attempt": N_("1 attempt"),
            "attempts": N_("{count} attempts"),
            "no-cause": N_("no cause was recorded"),
            "run-succeeded": N_("run {run} succeeded"),
            "letter-discarded": N_("discarded by {by}: {reason}"),
        },
    ),
    Rule(
        "long-run",
        Severity.WARNING,
        _SQL["rule_long_run"],
        N_("it ended"),
        resolution=_SQL["resolution_long_run"],
        text=N_("{job} runs longer than its limit of {limit}: run {run} since {since} JST"),
        phrases={
            "run-ended-success": N_("it ended: success"),
            "run-ended-failure": N_("it ended: failure"),
            "run-ended-canceled": N_("it ended: canceled"),
        },
    ),
    Rule(
        "queue-backlog",
        Severity.WARNING,
        _SQL["rule_queue_backlog"],
        N_("the queue is short again"),
        parameters={"limit": BACKLOG},
        text=N_("{count} runs wait in the queue {queue}"),
    ),
    # before what follows from it
    Rule(
        "schedule-stopped",
        Severity.WARNING,
        _SQL["rule_stopped"],
        N_("it runs again"),
        parameters={"kind": "schedule"},
        text=N_("the schedule {trigger} of {job} is stopped in Dagster"),
    ),
    Rule(
        "sensor-stopped",
        Severity.WARNING,
        _SQL["rule_stopped"],
        N_("it runs again"),
        parameters={"kind": "sensor"},
        text=N_("the sensor {trigger} of {job} is stopped in Dagster"),
    ),
    Rule(
        "trigger-off",
        Severity.CRITICAL,
        _SQL["rule_off"],
        N_("it is on again"),
        text=N_("{trigger} of {job} is off since {since} JST, longer than {limit}: nothing starts the job by it"),
    ),
    Rule(
        "missed-run",
        Severity.CRITICAL,
        _SQL["rule_missed"],
        N_("it runs by its schedule again"),
        text=N_("{job} should have run at {due} and did not: {reason}"),
        phrases={
            "schedule-failed": N_("its schedule failed: {reason}"),
            "schedule-is-stopped": N_("the schedule {schedule} is stopped"),
            "no-tick-seen": N_("no tick of {schedule} was seen"),
        },
    ),
    Rule(
        "pause-not-caught-up",
        Severity.CRITICAL,
        _SQL["rule_not_caught_up"],
        N_("it was caught up"),
        text=N_("the schedule {schedule} of {job} was paused at {due} JST and is not caught up: run the job by hand"),
    ),
    Rule(
        "component-dead",
        Severity.CRITICAL,
        _SQL["rule_dead"],
        N_("it answers again"),
        phrases={
            "component-never-seen": N_("{part} gave no sign of life ever: it never ran"),
            "component-never-answered": N_("{part} gave no sign of life ever: {reason}"),
            "component-silent": N_("{part} gave no sign of life since {since} JST"),
            "component-failing": N_("{part} gave no sign of life since {since} JST: {reason}"),
        },
    ),
    Rule(
        "unwatched",
        Severity.WARNING,
        _SQL["rule_unwatched"],
        N_("it is watched again"),
        notice=True,
        text=N_("nothing was watched from {from} to {until} JST: the monitor or PostgreSQL was away"),
    ),
    Rule(
        "bad-calendar",
        Severity.CRITICAL,
        _SQL["rule_bad_calendar"],
        N_("its calendar is read again"),
        text=N_("no deadline of {job} is known: its calendar cannot be read: {reason}"),
    ),
    Rule(
        "sensor-lag",
        Severity.CRITICAL,
        _SQL["rule_sensor_lag"],
        N_("it looks again"),
        text=N_("the sensor {sensor} of {job} has not looked since {since} JST"),
        phrases={
            "sensor-failing": N_("the sensor {sensor} of {job} has not looked since {since} JST: it fails: {reason}"),
            "sensor-stopped-lag": N_("the sensor {sensor} of {job} has not looked since {since} JST: it is stopped"),
        },
    ),
)
"""The specs' rules: failure, longer than its limit, backlog over 1,000, and what should have happened and did not.

What is stopped in Dagster is told at once, as a warning, and as critical once that lasts where it matters; what it
misses is critical as ever.
"""


def judge(pool: Pool, rule: Rule, *, now: datetime) -> tuple[int, int]:
    """Open and resolve the rule's incidents, with their notifications, in one transaction; how many of each."""
    from batch_platform.core import postgres

    moment = {**rule.parameters, "now": now}
    with postgres.transaction(pool) as connection:
        # two who judge at once do so one after the other: what one has found, the other must not end
        connection.execute(_SQL["judge_alone"], {"rule": rule.name})
        wrong = {
            subject: (job, rule.sentence_of(summary))
            for subject, job, summary in connection.execute(rule.statement, moment).fetchall()
        }
        values: dict[str, Any] = {
            "rule": rule.name,
            "severity": rule.severity.value,
            "now": now,
            "subjects": list(wrong),
            "jobs": [job for job, _ in wrong.values()],
            "summaries": [str(summary) for _, summary in wrong.values()],
            "summary_messages": [kept(summary) for _, summary in wrong.values()],
        }
        recovery = from_plain({"id": f"{rule.name}-recovered", "text": rule.recovery, "parameters": {}})
        if rule.notice:
            values |= {"resolution": str(recovery), "resolution_message": kept(recovery)}
            row = connection.execute(_SQL["judge_notice"], values).fetchone()
        else:
            opened = connection.execute(_SQL["judge"], values).fetchone()
            gone = [subject for (subject,) in connection.execute(_SQL["gone"], values).fetchall()]
            reasons = dict.fromkeys(gone, str(recovery)) | _resolutions(connection, rule, gone, moment)
            messages = [kept(reason) or kept(recovery) for reason in reasons.values()]
            ends = {"gone": list(reasons), "resolutions": list(reasons.values()), "resolution_messages": messages}
            ended = connection.execute(_SQL["end"], values | ends).fetchone()
            row = (*(opened or (0,)), *(ended or (0,)))
    opened_count, ended_count = row or (0, 0)
    return int(opened_count), int(ended_count)


def _resolutions(
    connection: Connection, rule: Rule, gone: Sequence[str], moment: Mapping[str, Any]
) -> dict[str, str]:
    """How each of these came to its end, where the rule's statement says so."""
    if not gone:
        return {}
    statement = _SQL["resolutions"].format(resolution=rule.resolution)
    rows = connection.execute(statement, {**moment, "gone": list(gone)}).fetchall()
    return {subject: rule.sentence_of(resolution) for subject, resolution in rows if resolution is not None}


def close_unknown(pool: Pool, rules: Sequence[Rule], *, now: datetime) -> None:
    """Resolve the incidents of rules that are gone."""
    from batch_platform.core import postgres

    resolution = Message("rule-removed", "the rule was removed")
    names = {"rules": [rule.name for rule in rules], "now": now}
    with postgres.transaction(pool) as connection:
        connection.execute(
            _SQL["close_unknown_rules"], {**names, "resolution": str(resolution), "message": kept(resolution)}
        )
