"""What operators may do in Dagster's UI: run, run again, backfill and stop what the teams they operate own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import get_named_type

from batch_platform.domains import load_settings
from batch_platform.operations.model import Registry
from batch_platform.registry import build_grants, build_registry
from batch_platform.web.access.model import Role, allowed
from batch_platform.web.access.token_service import USE
from batch_platform_tests.site import Site
from batch_platform_tests.web.mutations import mutations, schema, selected, written
from batch_platform_tests.web.test_dagster_ui import LAUNCH, NAMES, REPOSITORY_, STATUS, instigators

WHO = "token:operator"
STEERED = {
    "cancelPartitionBackfill",
    "launchMultipleRuns",
    "launchPartitionBackfill",
    "launchPipelineExecution",
    "launchPipelineReexecution",
    "launchRun",
    "launchRunReexecution",
    "reexecutePartitionBackfill",
    "resumePartitionBackfill",
    "terminatePipelineExecution",
    "terminateRun",
    "terminateRuns",
}
BACKFILL = """
mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) { __typename
  ... on LaunchBackfillSuccess { backfillId } } }
"""
CANCEL = "mutation($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename } }"
AGAIN = """
mutation($run: String!) { launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: ALL_STEPS}) {
  __typename ... on LaunchRunSuccess { run { runId } } } }
"""
TERMINATE = "mutation($run: String!) { terminateRun(runId: $run) { __typename } }"
TAGS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { tags { key value } } } }"
MAY = """
{ assetNodes { assetKey { path } hasMaterializePermission hasWipePermission }
  permissions { permission value } }
"""


@pytest.fixture
def site(dagster_site: Site) -> Site:
    return dagster_site


@pytest.fixture
def rows(site: Site) -> list[dict[str, Any]]:
    """Read at each look: all rows of the operator since the test began, oldest first, less first uses of tokens."""

    def all_rows() -> list[dict[str, Any]]:
        with site.client("administrator") as client:
            items: list[dict[str, Any]] = client.get("/api/audit", params={"limit": 500}).json()["data"]["items"]
        return [row for row in reversed(items) if row["who"] == WHO and row["what"] != USE]

    class Rows(list[dict[str, Any]]):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            return iter(all_rows()[before:])

    before = len(all_rows())
    return Rows()


def job(name: str, **more: Any) -> dict[str, Any]:
    return {"selector": REPOSITORY_ | {"jobName": name}, "runConfigData": "{}", **more}


def of_asset(*path: str, partition: str = "2026-10") -> dict[str, Any]:
    tags = {"tags": [{"key": "dagster/partition", "value": partition}]}
    selector = REPOSITORY_ | {"jobName": "__ASSET_JOB", "assetSelection": [{"path": list(path)}]}
    return {"selector": selector, "runConfigData": "{}", "executionMetadata": tags}


def launched(site: Site, params: dict[str, Any], role: str = "operator") -> str:
    answer = site.graphql(role, LAUNCH, params=params)["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def refused(site: Site, query: str, name: str, **variables: Any) -> None:
    answer = site.graphql("operator", query, **variables)
    assert answer[name]["__typename"] == "UnauthorizedError", answer


def test_an_operator_runs_what_the_team_owns_and_each_deed_is_one_row(site: Site, rows: Any) -> None:
    made = launched(site, of_asset("zengin", "mended"))
    run = launched(site, job("mending"))
    again = site.graphql("operator", AGAIN, run=run)["launchRunReexecution"]
    assert again["__typename"] == "LaunchRunSuccess"
    params = {"assetSelection": [{"path": ["zengin", "mended"]}], "partitionNames": ["2026-09"]}
    backfill = site.graphql("operator", BACKFILL, params=params)["launchPartitionBackfill"]["backfillId"]
    assert site.graphql("operator", CANCEL, id=backfill)["cancelPartitionBackfill"]["__typename"] == (
        "CancelBackfillSuccess"
    )
    assert site.graphql("operator", TERMINATE, run=run)["terminateRun"]["__typename"] == "TerminateRunSuccess"
    assert [(row["what"], row["target"]) for row in rows] == [
        ("dagster-run.launch", "zengin/mended"),
        ("dagster-run.launch", "mending"),
        ("dagster-run.reexecute", run),
        ("dagster-backfill.launch", "zengin/mended"),
        ("dagster-backfill.cancel", backfill),
        ("dagster-run.terminate", run),
    ]
    for started in (made, run, again["run"]["runId"]):
        tags = site.graphql("viewer", TAGS, id=started)["runOrError"]["tags"]
        assert {"key": "batch_platform/requested_by", "value": WHO} in tags


@pytest.mark.parametrize("params", [job("coining"), of_asset("btc", "coins"), job("plain"), of_asset("small")])
def test_an_operator_runs_nothing_of_others(site: Site, params: dict[str, Any]) -> None:
    """Neither of btc, whose jobs are the administrators', nor what no team owns."""
    refused(site, LAUNCH, "launchRun", params=params)


def test_an_operator_steers_nothing_of_others(site: Site) -> None:
    run = launched(site, job("coining"), "administrator")
    refused(site, AGAIN, "launchRunReexecution", run=run)
    assert site.graphql("operator", TERMINATE, run=run)["terminateRun"]["__typename"] == "TerminateRunFailure"
    assert site.graphql("viewer", STATUS, id=run)["runOrError"]["status"] == "QUEUED"
    both = {"assetSelection": [{"path": ["zengin", "mended"]}, {"path": ["btc", "coins"]}]}
    refused(site, BACKFILL, "launchPartitionBackfill", params=both | {"partitionNames": ["2026-09"]})
    coins = {"assetSelection": [{"path": ["btc", "coins"]}], "partitionNames": ["2026-09"]}
    refused(site, BACKFILL, "launchPartitionBackfill", params=coins)
    backfill = site.graphql("administrator", BACKFILL, params=coins)["launchPartitionBackfill"]["backfillId"]
    refused(site, CANCEL, "cancelPartitionBackfill", id=backfill)


def test_no_other_mutation_is_open_to_operators(site: Site) -> None:
    """What Dagster adds one day is found here."""
    known = NAMES | instigators(site)
    for name, field in mutations().items():
        if name in STEERED | {"logTelemetry", "setNuxSeen"}:
            continue
        more = {"id": known[name]} if name in known else {}
        arguments = written(field.args, known | more)
        call = f"{name}({arguments})" if arguments else name
        query = f"mutation {{ {call}{selected(schema(), get_named_type(field.type))} }}"
        with site.client("operator") as client:
            answer = client.post("/dagster/graphql", json={"query": query}).text
        assert "UnauthorizedError" in answer or "ermission" in answer, (name, answer)


@pytest.mark.parametrize("config", ["resources: {postgres: {config: {url: x}}}", "execution: {}", "[1]"])
def test_an_operator_configures_ops_alone(site: Site, config: str) -> None:
    with site.client("operator") as client:
        params = job("mending") | {"runConfigData": config}
        answer = client.post("/dagster/graphql", json={"query": LAUNCH, "variables": {"params": params}}).json()
    assert "batch:execute" in answer["errors"][0]["message"]


def test_an_operator_forges_no_tag_of_the_platform(site: Site) -> None:
    forged = [{"key": "batch_platform/dead_letter", "value": "x"}, {"key": "mine", "value": "1"}]
    run = launched(site, job("mending", executionMetadata={"tags": forged}))
    tags = {tag["key"]: tag["value"] for tag in site.graphql("viewer", TAGS, id=run)["runOrError"]["tags"]}
    assert ("batch_platform/dead_letter" in tags, tags["mine"]) == (False, "1")


def test_buttons_are_grey_but_for_what_may_be_run(site: Site) -> None:
    told = site.graphql("operator", MAY)
    may = {"/".join(node["assetKey"]["path"]): node["hasMaterializePermission"] for node in told["assetNodes"]}
    assert may == {"small": False, "zengin/mended": True, "btc/coins": False}
    assert not any(node["hasWipePermission"] for node in told["assetNodes"])
    assert not any(each["value"] for each in told["permissions"])
    assert not any(node["hasMaterializePermission"] for node in site.graphql("viewer", MAY)["assetNodes"])


def test_a_team_is_operated_by_those_who_may_run_all_its_jobs() -> None:
    registry: Registry = build_registry(load_settings())
    grants = build_grants()
    teams = {role: registry.owners_for(lambda needed, role=role: allowed([role], needed, grants)) for role in Role}
    assert teams[Role.OPERATOR] == {"team:finops", "team:zengin", "team:staffing"}
    assert teams[Role.VIEWER] == teams[Role.APPROVER] == frozenset()
