"""`batch-platform cur`: what it prints, how it exits, and that a failure is one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from batch_platform.finops import months
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.commands import SECRET, Run, failure, run
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.no_plots import leave_plots_out
from batch_platform_tests.finops.test_places import put_case

__all__ = ["run"]

ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture(autouse=True)
def plots_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs of one test draw their plots."""
    if request.function is not test_fetch_and_aggregate:
        leave_plots_out(monkeypatch.setattr)


@pytest.fixture
def recent() -> date:
    """A month the commands poll, which see the real clock."""
    return months.shift(datetime.now(UTC).date().replace(day=1), -1)


# projects


def test_projects_are_added_changed_listed_and_tested(run: Run, project: Project) -> None:
    place = project.connection
    new = f"{project.id}-new"
    arguments = ["projects", "add", new, "--bucket", place.bucket, "--prefix", "/cur/acme/", "--report-name", "cur"]
    more = ["--role-arn", ROLE, "--external-id", SECRET, "--account", "1" * 12, "--account", "2" * 12, "--disabled"]
    assert run(*arguments, *more, "--dry-run", "--json").json == {"projectId": new, "changed": True, "dryRun": True}
    assert new not in run("projects", "list").out
    assert run(*arguments, *more).out == f"project {new} saved\n"
    assert run(*arguments, *more).out == f"project {new} is already so\n"
    [listed] = [row for row in run("projects", "list", "--json").json if row["projectId"] == new]
    assert listed == {
        "projectId": new,
        "name": new,
        "bucket": place.bucket,
        "prefix": "/cur/acme/",
        "reportName": "cur",
        "region": "ap-northeast-1",
        "format": "auto",
        "roleArn": ROLE,
        "hasExternalId": True,
        "accountScope": ["1" * 12, "2" * 12],
        "enabled": False,
        "withoutManifest": False,
        "warnings": [],
    }
    assert f"s3://{place.bucket}/cur/acme/cur" in run("projects", "list").out


def test_a_connection_is_tested(run: Run, project: Project, recent: date) -> None:
    tested = run("projects", "test", project.id)
    assert tested.code == 1
    assert "ok    role and bucket" in tested.out
    assert "FAIL  manifest: nothing delivered since" in tested.out
    project.bucket.deliver(recent, [csv_gz([project.line(month=recent)])])
    answer = run("projects", "test", project.id, "--json").json
    assert (answer["projectId"], answer["passed"]) == (project.id, True)
    assert [set(step) for step in answer["steps"]] == [{"name", "passed", "detail"}] * 3


# the two batches


def test_fetch_and_aggregate(run: Run, project: Project, recent: date) -> None:
    rows = [project.line("Usage", "1.5", month=recent), project.line("Tax", "0.15", month=recent)]
    project.bucket.deliver(recent, [csv_gz([row]) for row in rows])
    month = f"{recent:%Y-%m}"
    [would] = run("fetch", project.id, "--dry-run", "--json").json
    assert (would["project_id"], would["month"]) == (project.id, month)
    assert project.files(None) == []
    [fetched] = run("fetch", project.id, "--json").json
    version = fetched.pop("version")
    assert fetched == {"project_id": project.id, "month": month, "PENDING": 2, "PROCESSING": 0, "DONE": 0, "ERROR": 0}
    assert would["new"].endswith(version)
    assert run("fetch", project.id, "--dry-run").out == "every manifest is as it was registered\n"

    size = sum(file["size_bytes"] for file in project.files(None))
    assert run("aggregate", project.id, "--dry-run", "--json").json == [
        {"project_id": project.id, "month": month, "bytes": size}
    ]
    assert run("aggregate", project.id, "--limit", "1", "--json").json == []  # half a month is not published
    assert project.statuses(recent) == ["DONE", "PENDING"]
    [done] = run("aggregate", project.id, "--json").json
    assert (done.pop("projectId"), done["month"], done["manifestVersion"]) == (project.id, month, version)
    assert (done["lineItems"], done["totals"]["USD"]["unblended"]) == (2, "1.650000000000")
    assert run("aggregate", project.id).out == "no files wait to be aggregated\n"
    assert run("months", project.id, "--json").json == [done]


def test_older_months_are_fetched_since_one(run: Run, project: Project) -> None:
    assert run("fetch", project.id).out == f"{project.id}: nothing is delivered under {project.connection.location}\n"
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "3")])])
    nothing = f"{project.id}: nothing newer than 2024-10; older: --since 2024-10\n"
    for dry_run in ((), ("--dry-run",)):
        told = run("fetch", project.id, *dry_run)
        assert (told.code, told.out, project.files(None)) == (0, nothing, [])
    listed = run("fetch", project.id, "--json")
    assert (listed.json, listed.err) == ([], nothing)
    [would] = run("fetch", project.id, "--since", "2024-09", "--dry-run", "--json").json
    assert would["month"] == "2024-10"
    [fetched] = run("fetch", project.id, "--since", "2024-09", "--json").json
    assert (fetched["month"], fetched["PENDING"]) == ("2024-10", 1)
    for wrong in ("2015-12", "2999-01", "October"):
        failure(run("fetch", project.id, "--since", wrong), 2)


@pytest.mark.parametrize("case", ["e-noprefix", "e-dslash", "e-no-manifest"])
def test_deliveries_that_were_not_found(
    run: Run, project: Project, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = case == "e-no-manifest"
    place = ["--bucket", project.bucket.name, "--prefix", put_case(project.bucket, case), "--report-name", "rep"]
    assert run("projects", "add", project.id, *place, *(["--without-manifest"] if bare else [])).code == 0
    if bare:
        told = run("fetch", project.id, "--since", "2026-09").out
        assert told.startswith(f"{project.id} 2026-09: no manifest: stands still since ")
        monkeypatch.setenv("CUR_STILL_MINUTES", "0")
    assert len(run("fetch", project.id, "--since", "2026-09", "--json").json) == 1
    [month] = run("aggregate", project.id, "--json").json
    assert (month["month"], month["totals"]["USD"]["unblended"]) == ("2026-09", "1.000000000000")


def test_keys_that_a_manifest_lists_and_the_bucket_lacks_are_named(run: Run, project: Project, recent: date) -> None:
    keys = project.bucket.deliver(recent, [csv_gz([project.line(month=recent)])] * 3)
    project.bucket.delete(*keys[1:])
    told = run("fetch", project.id)
    expected = (
        f"{project.id} {recent:%Y-%m}: 2 files not delivered yet that the manifest lists: {keys[1]}, {keys[2]}\n"
    )
    assert (told.code, told.out) == (0, expected)
    assert run("fetch", project.id, "--json").err == expected


def test_a_corrected_connection_from_the_command_line(run: Run, project: Project, recent: date) -> None:
    """The repointed project ends on the new place; what that lacks is withdrawn, also far back, and archived."""
    for month, cost in ((MONTH, "5"), (recent, "1000")):
        project.bucket.deliver(month, [csv_gz([project.line("Usage", cost, month=month)])])
    assert run("fetch", project.id, "--since", "2024-10").code == 0
    assert len(run("aggregate", project.id, "--json").json) == 2
    other = replace(project.bucket, prefix="cur/right", name=f"{project.bucket.name}-2")
    other.deliver(recent, [csv_gz([project.line("Usage", "7", month=recent)])])
    place = ["--bucket", other.name, "--prefix", "cur/right", "--report-name", "cur", "--format", "cur_legacy"]
    assert run("projects", "add", project.id, *place).code == 0
    told = run("fetch", project.id)
    assert f"{project.id} 2024-10: withdrawn: s3://{other.name}/cur/right/cur has no 2024-10" in told.out
    [done] = run("aggregate", project.id, "--json").json
    assert (done["month"], done["totals"]["USD"]["unblended"]) == (f"{recent:%Y-%m}", "7.000000000000")
    [only] = run("months", project.id, "--json").json
    assert only["month"] == f"{recent:%Y-%m}"
    reasons = [row["reason"] for row in run("restatements", project.id, "--json").json]
    assert set(reasons) == {"connection_changed"}
    [withdrawn] = run("archive", project.id, "--json").json
    assert (withdrawn["month"], withdrawn["unblended"]) == ("2024-10", {"USD": "5.000000000000"})
    assert withdrawn["reason"] == "month_withdrawn"
    # narrowed to an account it has nothing of, without a fetch
    assert run("projects", "add", project.id, *place, "--account", "1" * 12).code == 0
    [narrowed] = run("aggregate", project.id, "--json").json
    assert narrowed["totals"] == {}

    assert run("projects", "remove", project.id, "--dry-run").out == (
        f"project {project.id} would be removed; to be archived: {recent:%Y-%m}\n"
    )
    assert run("projects", "remove", project.id, "--json").json == {
        "projectId": project.id,
        "archivedMonths": [f"{recent:%Y-%m}"],
        "dryRun": False,
    }
    assert run("projects", "remove", project.id).out.startswith(f"project {project.id} is already removed")
    assert project.id not in run("projects", "list").out
    assert [row["reason"] for row in run("archive", project.id, "--json").json] == [
        "project_removed",
        "month_withdrawn",
    ]
    assert "no project" in failure(run("projects", "remove", f"{project.id}-never"), 2)


def test_a_file_in_error_is_told_listed_and_requeued(run: Run, project: Project, recent: date) -> None:
    [key] = project.bucket.deliver(recent, [csv_gz([project.line("Usage", "None", month=recent)])])
    assert run("fetch", project.id).code == 0
    told = run("aggregate", project.id)
    assert told.code == 1
    assert f"{project.bucket.uri(key)}: row 1, column lineItem/UnblendedCost: not a number" in told.err
    assert len(told.err.strip().splitlines()) == 1
    [file] = run("files", project.id, "--json").json
    assert (file["status"], file["objectKey"], file["attempts"]) == ("ERROR", key, 1)
    assert file["error"] in told.err
    expected = [{"projectId": project.id, "month": f"{recent:%Y-%m}", "objectKey": key}]
    assert run("requeue", project.id, "--dry-run", "--json").json == expected
    assert project.statuses(recent) == ["ERROR"]
    assert run("requeue", project.id, "--file", key, "--json").json == expected
    assert project.statuses(recent) == ["PENDING"]
    assert run("requeue", project.id).out == "no file is in ERROR\n"


def test_superseded_files_are_shown_on_request(run: Run, project: Project) -> None:
    for assembly in ("a", "b"):
        project.bucket.deliver(MONTH, [csv_gz([project.line()])], assembly=assembly)
        project.fetch()
    assert [file["status"] for file in run("files", project.id, "--json").json] == ["PENDING"]
    assert [file["status"] for file in run("files", project.id, "--all", "--json").json] == ["SUPERSEDED", "PENDING"]


def test_what_an_aggregation_waits_for_is_told(run: Run, project: Project, recent: date) -> None:
    project.bucket.deliver(recent, [csv_gz([project.line("Usage", "5", month=recent)])])
    assert run("fetch", project.id).code == run("aggregate", project.id).code == 0
    other = replace(project.bucket, prefix="cur/moved", name=f"{project.bucket.name}-2")
    place = ["--bucket", other.name, "--prefix", other.prefix, "--report-name", "cur"]
    assert run("projects", "add", project.id, *place).code == 0
    month = f"{recent:%Y-%m}"
    waits = f"{project.id}: its connection was changed: cur fetch is to look for {month} there\n"
    assert run("aggregate", project.id).out == run("aggregate", project.id, "--dry-run").out == waits
    listed = run("aggregate", project.id, "--json")
    assert (listed.json, listed.err) == ([], waits)


# failures


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["report", "no-such-project", "2024-10"], "no project no-such-project"),
        (["months", "no-such-project"], "no project no-such-project"),
        (["files", "no-such-project"], "no project no-such-project"),
        (["fetch", "no-such-project"], "no project no-such-project"),
        (["aggregate", "no-such-project"], "no project no-such-project"),
        (["requeue", "no-such-project"], "no project no-such-project"),
        (["restatements", "no-such-project"], "no project no-such-project"),
        (["anomalies", "no-such-project", "2024-10"], "no project no-such-project"),
        (["forecast", "no-such-project"], "no project no-such-project"),
        (["projects", "test", "no-such-project"], "no project no-such-project"),
    ],
)
def test_an_unknown_project_is_bad_input(run: Run, arguments: list[str], told: str) -> None:
    assert failure(run(*arguments), 2).startswith(told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "xml"], "--format is auto, cur_legacy, cur2, focus, not xml"),
        (["--role-arn", "role/reader", "--external-id", SECRET], "not the ARN of an IAM role"),
        (["--external-id", SECRET], "an external id goes with a role"),
    ],
)
def test_a_project_that_cannot_be(run: Run, arguments: list[str], told: str) -> None:
    place = ["projects", "add", "x", "--bucket", "bucket", "--prefix", "p", "--report-name", "r"]
    assert told in failure(run(*place, *arguments), 2)


def test_a_region_that_cannot_be_is_bad_input(run: Run) -> None:
    place = ["projects", "add", "x", "--bucket", "bucket", "--prefix", "p", "--report-name", "r", "--region", "Tokyo"]
    assert "region" in failure(run(*place, "--role-arn", ROLE, "--external-id", SECRET), 2)


def test_a_wrong_key_to_requeue_is_bad_input(run: Run, project: Project) -> None:
    assert failure(run("requeue", project.id, "--file", "nothing"), 2) == "no file nothing is in ERROR"


def test_a_bucket_that_is_gone_fails_in_one_line(run: Run, make_project: Callable[..., Project]) -> None:
    project = make_project()
    project.connection = replace(project.connection, bucket="no-such-bucket-anywhere")
    project.reconnect()
    tested = run("projects", "test", project.id)
    assert (tested.code, tested.err) == (1, "")
    assert "FAIL  role and bucket" in tested.out
    assert "no-such-bucket-anywhere" in tested.out


def test_a_role_that_is_used_is_asked_for_with_its_secret_and_never_shown(
    run: Run, make_project: Callable[..., Project]
) -> None:
    project = make_project(role_arn=ROLE, external_id=SECRET)
    run("projects", "test", project.id)
    run("projects", "list")
    run("projects", "list", "--json")
    run("fetch", project.id)
    assert SECRET not in repr(project.connection)
