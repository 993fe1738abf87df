"""`batch-platform cur` of published months: reports in every format, by tag; what commitments and containers cost."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from batch_platform.finops.model import REPORT_MEASURES
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.commands import Result, Run, failure, run
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.test_commitments import pod, rows_of
from batch_platform_tests.forks import CONSOLE_SCRIPT, Fork
from batch_platform_tests.waiting import PATIENCE

__all__ = ["run"]


def script(*arguments: str) -> Result:
    """The console script as a process of its own."""
    process = Fork(*CONSOLE_SCRIPT, "cur", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in out + err
    return Result(process.returncode, out, err)


def publish(project: Project) -> Project:
    """Two currencies would be two reports: this month has one."""
    rows = [
        project.line("Usage", "10.25", {"product/regionCode": "ap-northeast-1"}),
        project.line("Usage", "2", {"product/servicecode": "AmazonS3"}, day=6),
        project.line("Tax", "0.09", {"product/servicecode": "AmazonS3"}),
    ]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    assert project.run().published is not None
    return project


@pytest.fixture(scope="module")
def published(common: Project) -> Project:
    """To be read."""
    return publish(common)


# reports


def test_a_report_as_json(run: Run, published: Project) -> None:
    answer = run("report", published.id, "2024-10", "--json").json
    version = answer.pop("manifestVersion")
    [report] = answer.pop("reports")
    totals = report.pop("totals")
    assert answer == {
        "projectId": published.id,
        "month": "2024-10",
        "monthState": "final",
        "start": "2024-10-01",
        "end": "2024-10-31",
        "months": [{"month": "2024-10", "state": "final", "manifestVersion": version}],
        "missingMonths": [],
        "measure": "unblended",
        "groupBy": ["service"],
        "filters": [],
        "nextCursor": None,
    }
    assert report == {
        "currency": "USD",
        "rowCount": 2,
        "rows": [
            {"service": "AmazonEC2", "amount": "10.250000000000"},
            {"service": "AmazonS3", "amount": "2.090000000000"},
        ],
    }
    assert {name: Decimal(text) for name, text in totals.items()} == {
        **dict.fromkeys(["unblended", "amortized", "net_unblended", "net_amortized", "billed"], Decimal("12.34")),
        **dict.fromkeys(["list", "blended", "true_up", "upfront"], Decimal(0)),
    }
    assert version == published.files()[0]["version"]
    assert run("report", published.id, "2024-10", "--format", "json").json["manifestVersion"] == version


@pytest.mark.parametrize("measure", REPORT_MEASURES)
@pytest.mark.parametrize(
    "group_by", ["service", "account,day", "region, charge_class", "", "service,account,region,charge_class,day"]
)
def test_every_measure_and_group(run: Run, published: Project, measure: str, group_by: str) -> None:
    answer = run("report", published.id, "2024-10", "--measure", measure, "--group-by", group_by, "--json").json
    assert answer["measure"] == measure
    assert answer["groupBy"] == [group.strip() for group in group_by.split(",") if group.strip()]
    [report] = answer["reports"]
    assert all(list(row) == [*answer["groupBy"], "amount"] for row in report["rows"])
    assert sum(Decimal(row["amount"]) for row in report["rows"]) == Decimal(report["totals"][measure])


def test_the_other_formats_of_a_report_say_the_same(
    run: Run, published: Project, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    table = run("report", published.id, "2024-10").out
    for text in (published.id, "2024-10", "unblended", "USD", "final", "10.250000000000", "12.340000000000"):
        assert text in table
    rows = list(csv.DictReader(io.StringIO(run("report", published.id, "2024-10", "--format", "csv").out)))
    assert [Decimal(row["amount"]) for row in rows] == [Decimal("10.25"), Decimal("2.09")]
    assert {(row["currency"], row["state"], row["measure"]) for row in rows} == {("USD", "final", "unblended")}
    lines = list(csv.DictReader(io.StringIO(run("report", published.id, "2024-10", "--format", "focus").out)))
    assert sum(Decimal(row["BilledCost"]) for row in lines) == Decimal("12.34")


@pytest.mark.parametrize(("form", "column"), [("parquet", "amount"), ("focus-parquet", "BilledCost")])
def test_a_report_as_parquet(published: Project, tmp_path: Path, form: str, column: str) -> None:
    report = tmp_path / "report"
    with report.open("wb") as file:
        command = Fork(*CONSOLE_SCRIPT, "cur", "report", published.id, "2024-10", "--format", form, stdout=file)
    assert command.wait(PATIENCE) == 0
    amounts = pl.read_parquet(report)[column]
    assert (amounts.sum(), amounts.dtype) == (Decimal("12.34"), pl.Decimal(38, 12))


def test_a_month_that_cost_nothing_is_told_in_plain_digits(run: Run, project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "0")])])
    project.run()
    [month] = run("months", project.id, "--json").json
    assert {month["totals"]["USD"][name] for name in ("unblended", "amortized")} == {"0.000000000000"}


def test_several_currencies_are_several_reports(run: Run, project: Project) -> None:
    rows = [project.line("Usage", "3"), project.line("Usage", "500", {"lineItem/CurrencyCode": "JPY"})]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    answers = run("report", project.id, "2024-10", "--json").json["reports"]
    assert [(answer["currency"], Decimal(answer["totals"]["unblended"])) for answer in answers] == [
        ("JPY", 500),
        ("USD", 3),
    ]


def test_restatements(run: Run, project: Project) -> None:
    publish(project)
    assert run("restatements", project.id).out == "no final month was restated\n"
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "10.25")])], assembly="second")
    project.run()
    kept = run("restatements", project.id, "--json").json
    sides = {(row["service"], *(row["unblended"][side] for side in ("before", "after"))) for row in kept}
    assert ("AmazonS3", "2.000000000000", "0.000000000000") in sides
    assert {row["month"] for row in kept} == {"2024-10"}


def test_anomalies_and_forecast_of_a_month(run: Run, published: Project) -> None:
    assert run("anomalies", published.id, "2024-10").out == "no anomalies in 2024-10\n"
    for answer, rows in (
        (run("anomalies", published.id, "2024-10", "--json").json, "anomalies"),
        (run("forecast", published.id, "--json").json, "days"),
    ):
        assert (answer["projectId"], answer["month"], answer["monthState"], answer[rows]) == (
            published.id,
            "2024-10",
            "final",
            [],
        )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["october"], "'october' is not a month; write YYYY-MM"),
        (["2024-13"], "'2024-13' is not a month; write YYYY-MM"),
        (["2024-W40"], "'2024-W40' is not a month; write YYYY-MM"),
        (["20241001"], "'20241001' is not a month; write YYYY-MM"),
        (["9999-12"], "'9999-12' is not a month; write YYYY-MM"),
        (["2023-01"], "no published costs for 2023-01"),
        (["2024-10", "--measure", "gross"], "gross"),
        (["2024-10", "--group-by", "planet"], "planet"),
        (["2024-10", "--group-by", "service,service"], "twice"),
    ],
)
def test_a_report_that_cannot_be(run: Run, published: Project, arguments: list[str], told: str) -> None:
    assert told in failure(run("report", published.id, *arguments), 2)


def test_the_console_script(published: Project) -> None:
    done = script("report", published.id, "2024-10", "--json")
    assert json.loads(done.out)["reports"][0]["totals"]["unblended"] == "12.340000000000"
    assert (done.code, done.err) == (0, "")
    assert failure(script("report", published.id, "nonsense"), 2) == "'nonsense' is not a month; write YYYY-MM"


def test_the_console_script_without_a_subcommand_shows_help() -> None:
    shown = script("--help")
    assert shown.code == 0
    for command in ("projects", "fetch", "aggregate", "requeue", "files", "months", "report", "restatements"):
        assert command in shown.out
    unknown = script("nonsense")
    assert (unknown.code, unknown.out) == (2, "")


# costs from the line items


@pytest.fixture
def tagged(project: Project) -> Project:
    tags = {"resourceTags/user:team": "web", "costCategory/Env": "prod"}
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="1.5", more=tags), project.line(cost="0.25")])])
    project.run()
    return project


def test_a_report_by_tag(run: Run, tagged: Project) -> None:
    [report] = run("report", tagged.id, "2024-10", "--group-by", "tag:team", "--json").json["reports"]
    assert report["rows"] == [
        {"tag:team": "web", "amount": "1.500000000000"},
        {"tag:team": "", "amount": "0.250000000000"},
    ]
    table = run("report", tagged.id, "--start", "2024-10-05", "--end", "2024-11-02", "--group-by", "tag:team")
    assert "(no tag)" in table.out
    assert "1.750000000000" in table.out
    assert "not published: 2024-11" in table.err
    few = run(
        "report", tagged.id, "2024-10", "--group-by", "tag:team", "--limit", "1", "--filter", "service=AmazonEC2"
    )
    assert "1 of 2 rows" in few.out
    assert run("keys", tagged.id, "2024-10").out == "tag:user:team\ncost_category:Env\n"
    assert run("keys", tagged.id, "2024-10", "--json").json == {
        "projectId": tagged.id,
        "months": ["2024-10"],
        "tags": ["user:team"],
        "costCategories": ["Env"],
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["2024-10", "--group-by", "tag:no"], "there is no tag 'no'; known are user:team"),
        ([], "name a month, or days by --start and --end"),
        (["--start", "2024-10-01"], "days have a start and an end"),
        (["--start", "yesterday", "--end", "2024-10-01"], "'yesterday' is not a day; write YYYY-MM-DD"),
        (["--start", "2024-W40-1", "--end", "2024-10-01"], "'2024-W40-1' is not a day; write YYYY-MM-DD"),
        (["2024-10", "--filter", "team=web"], "filter knows service"),
    ],
)
def test_a_report_that_nobody_can_make(run: Run, tagged: Project, arguments: list[str], told: str) -> None:
    assert told in failure(run("report", tagged.id, *arguments), 2)


def test_a_month_is_read_again_on_request(run: Run, tagged: Project) -> None:
    [file] = tagged.files()
    again = ("requeue", tagged.id, "--month", "2024-10", "--all", "--json")
    expected = [{"projectId": tagged.id, "month": "2024-10", "objectKey": file["object_key"]}]
    assert run(*again, "--dry-run").json == expected
    assert tagged.statuses() == ["DONE"]
    assert run(*again).json == expected
    assert tagged.statuses() == ["PENDING"]
    assert run("report", tagged.id, "2024-10", "--group-by", "tag:team", "--json").json["reports"][0]["rows"]
    assert "name it" in failure(run("requeue", "--all"), 2)


def test_commitments_and_containers(run: Run, project: Project) -> None:
    rows = [*rows_of(project), pod(project, "3", "0.5", "shop")]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    answer = run("commitments", project.id, "2024-10", "--json").json
    assert [(one["used"], one["unused"], one["utilization"]) for one in answer["commitments"]] == [
        ("6.000000000000", "2.000000000000", "0.7500"),
        ("3.000000000000", "1.000000000000", "0.7500"),
    ]
    assert [(one["service"], one["coverage"]) for one in answer["totalCoverage"]] == [(None, "0.6122")]
    assert "0.6122" in run("commitments", project.id, "2024-10").out
    answer = run("split", project.id, "2024-10", "--json").json
    assert (answer["inTotals"], answer["reports"][0]["rows"][0]["split_cost"]) == (False, "3.000000000000")
    assert "totals without them: 32.000000000000 unblended" in run("split", project.id, "2024-10").out
