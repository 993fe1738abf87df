"""`batch-platform jobs`: what it prints, how it exits, and that what it runs stands in the history."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import structlog

from batch_platform.cli.triage import jobs_app
from batch_platform.core import aws, logs
from batch_platform.core.failures import PlatformError
from batch_platform.finops import service as finops
from batch_platform.finops.model import Connection
from batch_platform.finops.opening import open_context
from batch_platform.local.provision import provision
from batch_platform.settings import Settings
from batch_platform_tests.end_to_end.machine import ended_months
from batch_platform_tests.finops.bucket import CurBucket, File


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    error: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Jobs = Callable[..., Result]


@pytest.fixture
def jobs(services: dict[str, str], settings: Settings, capsys: pytest.CaptureFixture[str]) -> Iterator[Jobs]:
    """The commands in this process, as the console script calls them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    provision(settings, services)
    logs.configure(settings.env, level=logging.ERROR)

    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code, error = 0, ""
        try:
            jobs_app(list(arguments), standalone_mode=True)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except PlatformError as failure:
            code, error = failure.exit_code, failure.message
        return Result(code, capsys.readouterr().out, error)

    yield call
    # the log is set up for the process, which here is that of all tests
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def torn(jobs: Jobs, settings: Settings) -> Iterator[str]:
    """A project whose only file is empty: fetching works, aggregating fails."""
    bucket = CurBucket(aws.client("s3", settings), settings.aws_region)
    [month] = ended_months(1)
    bucket.deliver(month, [File(b"")])
    project_id = f"torn-{uuid4().hex[:8]}"
    place = (project_id, project_id, bucket.name, bucket.prefix, bucket.report, settings.aws_region)
    with open_context(settings) as context:
        finops.add_project(context, Connection(*place))
        yield project_id
        finops.add_project(context, Connection(*place, enabled=False))


def test_list_and_status(jobs: Jobs) -> None:
    listed = jobs("list", "--json").json
    assert {job["name"] for job in listed} >= {"cur-fetch", "cur-aggregate"}
    assert "cur-aggregate" in jobs("list").out
    status = jobs("status", "CUR_002", "--json").json
    assert status["name"] == "cur-aggregate"
    assert "targetDate" in status["parametersSchema"]["properties"]
    shown = jobs("status", "cur-aggregate").out
    assert "targetDate" in shown
    assert f"{status['trigger']['kind']} {status['trigger']['name']}" in shown
    assert jobs("status", "nothing").code == 2


def test_a_dry_run_is_shown_and_stands_in_the_history(jobs: Jobs) -> None:
    ended = jobs("run", "cur-aggregate", "--date", "2026-10-01", "--dry-run", "--json")
    assert ended.code == 0
    run = ended.json
    assert (run["status"], run["dryRun"], run["parameters"]["targetDate"]) == ("success", True, "2026-10-01")
    assert run["requestedBy"].startswith("cli:")
    assert run["dryRunRows"] is not None
    history = jobs("history", "cur-aggregate", "--json").json
    assert history[0]["runId"] == run["runId"]
    assert run["runId"] in jobs("history", "cur-aggregate", "--status", "success", "--limit", "5").out
    assert jobs("history", "cur-aggregate", "--status", "bad").code == 2
    shown = jobs("run", "cur-aggregate", "--dry-run")
    assert shown.code == 0
    assert "would be" in shown.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--date", "0"], "targetDate: a date is written YYYY-MM-DD"),
        (["--date", "2026-02-30"], "targetDate: 2026-02-30 is not in the calendar"),
        (["--param", "typo=1"], "typo: Extra inputs are not permitted"),
        (["--param", "projectId"], "--param is KEY=VALUE, not projectId"),
        (["--param", "projectId=nobody-has-this"], "no project nobody-has-this"),
    ],
)
def test_bad_input_exits_with_2_and_names_it(jobs: Jobs, arguments: list[str], sentence: str) -> None:
    refused = jobs("run", "cur-fetch", *arguments)
    assert refused.code == 2
    assert refused.error.startswith(sentence)


def test_a_failed_run_exits_with_1_and_its_dead_letter_can_be_discarded(jobs: Jobs, torn: str) -> None:
    assert jobs("run", "cur-fetch", "--param", f"projectId={torn}").code == 0
    failed = jobs("run", "cur-aggregate", "--param", f"projectId={torn}", "--json")
    assert failed.code == 1
    run = failed.json
    assert run["status"] == "failure"
    assert failed.error == run["cause"]
    assert failed.error.startswith(f"{torn} ")
    assert "is not published" in failed.error
    assert jobs("monitor", "--once", "--json").json["failed"] == []
    [letter] = [one for one in jobs("dead-letters", "list", "--json").json if one["id"] == run["rootRunId"]]
    assert letter["cause"] == run["cause"]
    assert any(letter["id"] in one["subject"] for one in jobs("incidents", "--json").json)

    before = jobs("dead-letters", "retry", letter["id"], "--dry-run", "--json").json
    assert (before["done"], before["dryRun"]) == (1, True)
    shown = jobs("dead-letters", "show", letter["id"], "--json").json
    assert (shown["state"], shown["retries"]) == ("open", 0)
    assert shown["remedies"] == run["remedies"] != []
    [incident] = [one for one in jobs("incidents", "--json").json if letter["id"] in one["subject"]]
    assert jobs("incidents", "show", str(incident["id"]), "--json").json["remedies"] == run["remedies"]
    assert run["remedies"][0] in jobs("dead-letters", "show", letter["id"]).out.replace("\n", " ")
    again = jobs("dead-letters", "retry", "--all", "--job", "cur-aggregate", "--json")
    assert again.code == 1
    assert again.json["items"][0]["retryRunId"]
    assert jobs("dead-letters", "show", letter["id"], "--json").json["retries"] == 1

    assert jobs("dead-letters", "discard", letter["id"], "--reason", "it is empty", "--dry-run").code == 0
    assert "would be done" in jobs("dead-letters", "acknowledge", letter["id"], "--dry-run").out
    assert jobs("dead-letters", "comment", letter["id"], "--comment", "the supplier is told").code == 0
    shown = jobs("dead-letters", "show", letter["id"], "--json").json
    assert (shown["state"], shown["acknowledgedBy"]) == ("open", None)
    assert [comment["text"] for comment in shown["comments"]] == ["the supplier is told"]
    assert jobs("dead-letters", "discard", letter["id"], "--all", "--reason", "x").code == 2
    assert jobs("dead-letters", "discard", letter["id"], "--reason", " ").code == 2
    assert jobs("dead-letters", "discard", letter["id"], "nothing", "--reason", "it is empty").code == 0
    closed = jobs("dead-letters", "show", letter["id"], "--json").json
    assert (closed["state"], closed["reason"]) == ("discarded", "it is empty")
    [incident, *_] = jobs("incidents", "list", "--json").json
    assert jobs("incidents", "acknowledge", str(incident["id"])).code == 0
    assert jobs("incidents", "show", str(incident["id"]), "--json").json["acknowledgedBy"].startswith("cli:")
    assert jobs("dead-letters", "discard", letter["id"], "--reason", "again").code == 2
    assert letter["id"] in jobs("dead-letters", "list", "--state", "discarded").out
    assert jobs("dead-letters", "list", "--state", "closed").code == 2
