"""What people do in Dagster's UI leaves one row each: the whole schema, and what the rows say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from graphql import GraphQLError, get_named_type

from batch_platform.operations.web.dagster_audit import ACTIONS, JOURNAL, UNRECORDED, record_mutations
from batch_platform.web.access.token_service import USE
from batch_platform_tests.site import Site
from batch_platform_tests.web.mutations import mutations, new_schema, schema, selected, written
from batch_platform_tests.web.test_dagster_ui import COUNTING, LAUNCH, REPOSITORY_, instigators, runs

WHO = "token:administrator"
TAGS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { tags { key value } } } }"

Rows = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def site(dagster_site: Site) -> Site:
    return dagster_site


@pytest.fixture
def rows(site: Site) -> Rows:
    """The rows since the test began, oldest first, without first uses of tokens."""

    def all_rows() -> list[dict[str, Any]]:
        with site.client("administrator") as client:
            items: list[dict[str, Any]] = client.get("/api/audit", params={"limit": 500}).json()["data"]["items"]
        return items

    last = max((row["id"] for row in all_rows()), default=0)
    return lambda: [row for row in reversed(all_rows()) if row["id"] > last and row["what"] != USE]


def launched(site: Site, params: dict[str, Any] = COUNTING) -> str:
    answer = site.graphql("administrator", LAUNCH, params=params)["launchRun"]
    return str(answer["run"]["runId"])


def tags_of(site: Site, run_id: str) -> dict[str, str]:
    found = site.graphql("viewer", TAGS, id=run_id)["runOrError"]["tags"]
    return {tag["key"]: tag["value"] for tag in found}


# the table


def test_every_mutation_of_dagster_has_a_name_in_the_log() -> None:
    """Fails when an upgrade of Dagster brings a mutation: give it a name, and say what it acts on."""
    assert ACTIONS.keys() | UNRECORDED == mutations().keys()
    assert not ACTIONS.keys() & UNRECORDED
    assert all(re.fullmatch(r"dagster-[a-z]+\.[a-z][a-z-]*", action.what) for action in ACTIONS.values())


def test_a_mutation_without_a_name_is_executed_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch_platform.operations.web.dagster_audit.ACTIONS", {})
    bare = new_schema()
    record_mutations(bare, requested_by_tag="who")
    assert bare.mutation_type is not None
    resolve = bare.mutation_type.fields["deleteRun"].resolve
    assert resolve is not None
    info: Any = SimpleNamespace(context=SimpleNamespace(source=SimpleNamespace(scope={JOURNAL: None})))
    with pytest.raises(GraphQLError, match="deleteRun is not executed here"):
        resolve(None, info, runId="x")


@pytest.mark.parametrize("name", sorted(ACTIONS.keys() | UNRECORDED))
def test_each_mutation_leaves_exactly_one_row(site: Site, rows: Rows, name: str) -> None:
    """With arguments that name nothing there is: asked for is asked for."""
    field = mutations()[name]
    arguments = written(field.args, {"id": "x:y", "timestamp": "1.0"})
    call = f"{name}({arguments})" if arguments else name
    query = f"mutation {{ {call}{selected(schema(), get_named_type(field.type))} }}"
    with site.client("viewer") as client:
        client.post("/dagster/graphql", json={"query": query})
    assert rows() == []
    with site.client("administrator") as client:
        client.post("/dagster/graphql", json={"query": query})
    found = rows()
    if name in UNRECORDED:
        assert found == []
        return
    [row] = found
    assert (row["who"], row["what"]) == (WHO, ACTIONS[name].what)
    assert row["settledAt"] is not None
    assert row["outcome"]


# how a document asks


DOCUMENT = """
query Look { version }
mutation Act($params: ExecutionParams!, $again: Boolean!, $run: String!) {
  first: launchRun(executionParams: $params) { __typename }
  ...More
  launchRun(executionParams: $params) @include(if: $again) { __typename }
  last: deleteRun(runId: $run) { __typename }
}
fragment More on Mutation { second: launchRun(executionParams: $params) { __typename } }
"""


def test_a_row_stands_for_what_is_executed(site: Site, rows: Rows) -> None:
    variables = {"params": COUNTING, "again": False, "run": "nothing"}

    def ask(**body: Any) -> int:
        with site.client("administrator") as client:
            return client.post(
                "/dagster/graphql", json={"query": DOCUMENT, "variables": variables, **body}
            ).status_code

    assert ask(operationName="Look") == 200
    assert ask() == 400  # which of the two?
    assert ask(operationName="Act", variables={}) == 400
    assert rows() == []
    before = runs(site)
    assert ask(operationName="Act") == 200
    new = [run for run in reversed(runs(site)) if run not in before]
    found = rows()
    assert [(row["what"], row["target"], row["outcome"]) for row in found] == [
        ("dagster-run.launch", "counting", f"LaunchRunSuccess: {new[0]}"),
        ("dagster-run.launch", "counting", f"LaunchRunSuccess: {new[1]}"),
        ("dagster-run.delete", "nothing", "RunNotFoundError"),
    ]
    assert found[0]["after"]["executionParams"]["runConfigData"] == COUNTING["runConfigData"]
    assert len({row["correlationId"] for row in found}) == 1


def test_documents_in_a_batch_are_not_executed(site: Site, rows: Rows) -> None:
    before = runs(site)
    with site.client("administrator") as client:
        body = [{"query": LAUNCH, "variables": {"params": COUNTING}}]
        assert client.post("/dagster/graphql", json=body).status_code >= 400
    assert (runs(site), rows()) == (before, [])


def test_secrets_do_not_reach_the_log(site: Site, rows: Rows) -> None:
    config = "ops:\n  count:\n    config: {rows: 1, password: geheim}\n"
    metadata = {"tags": [{"key": "api_token", "value": "geheim"}]}
    params = COUNTING | {"runConfigData": config, "executionMetadata": metadata}
    with site.client("administrator") as client:
        client.post("/dagster/graphql", json={"query": LAUNCH, "variables": {"params": params}})
        unread = params | {"runConfigData": "geheim: ["}
        client.post("/dagster/graphql", json={"query": LAUNCH, "variables": {"params": unread}})
    refused, unreadable = rows()
    assert "geheim" not in json.dumps([refused, unreadable])
    assert refused["outcome"] == "RunConfigValidationInvalid"
    given = refused["after"]["executionParams"]
    assert given["runConfigData"]["ops"]["count"]["config"] == {"rows": 1, "password": "***"}
    assert given["executionMetadata"]["tags"] == {"api_token": "***"}
    assert unreadable["outcome"] == "PythonError"


def test_nothing_is_done_that_cannot_be_written_down(site: Site) -> None:
    before = runs(site)
    with (
        psycopg.connect(site.variables["DATABASE_URL"], autocommit=True) as connection,
        site.client("administrator") as client,
    ):
        client.get("/api/session")  # the first use of its token is written down as well
        connection.execute("ALTER TABLE web.audit_log RENAME TO away")
        try:
            answer = client.post("/dagster/graphql", json={"query": LAUNCH, "variables": {"params": COUNTING}})
        finally:
            connection.execute("ALTER TABLE web.away RENAME TO audit_log")
    assert answer.json()["data"] is None
    assert runs(site) == before


# what it acts on


def test_schedules_and_sensors_are_named_however_they_are_asked_for(site: Site, rows: Rows) -> None:
    ids = instigators(site)
    query = """
    mutation($schedule: ScheduleSelector!, $sensor: SensorSelector!, $yearly: String!, $watcher: String!) {
      startSchedule(scheduleSelector: $schedule) { __typename }
      stopRunningSchedule(id: $yearly) { __typename }
      resetSchedule(scheduleSelector: $schedule) { __typename }
      startSensor(sensorSelector: $sensor) { __typename }
      stopSensor(id: $watcher) { __typename }
      resetSensor(sensorSelector: $sensor) { __typename }
      setSensorCursor(sensorSelector: $sensor, cursor: "7") { __typename }
    }
    """
    site.graphql(
        "administrator",
        query,
        schedule=REPOSITORY_ | {"scheduleName": "yearly"},
        sensor=REPOSITORY_ | {"sensorName": "watcher"},
        yearly=ids["stopRunningSchedule"],
        watcher=ids["stopSensor"],
    )
    found = rows()
    assert [(row["what"], row["target"]) for row in found] == [
        ("dagster-schedule.start", "yearly"),
        ("dagster-schedule.stop", "yearly"),
        ("dagster-schedule.reset", "yearly"),
        ("dagster-sensor.start", "watcher"),
        ("dagster-sensor.stop", "watcher"),
        ("dagster-sensor.reset", "watcher"),
        ("dagster-sensor.set-cursor", "watcher"),
    ]
    assert {row["outcome"] for row in found[:3]} == {"ScheduleStateResult"}
    assert not [row["outcome"] for row in found if row["outcome"].endswith("Error")]


def test_runs_backfills_assets_and_partitions_are_the_targets(site: Site, rows: Rows) -> None:
    run_id = launched(site)
    made = site.graphql(
        "administrator",
        """
        mutation($repository: RepositorySelector!, $backfill: LaunchBackfillParams!) {
          addDynamicPartition(repositorySelector: $repository, partitionsDefName: "site_project",
            partitionKey: "audited") { __typename }
          launchPartitionBackfill(backfillParams: $backfill) { ... on LaunchBackfillSuccess { backfillId } }
        }
        """,
        repository=REPOSITORY_,
        backfill={"assetSelection": [{"path": ["small"]}], "partitionNames": ["2026-10|audited"]},
    )
    backfill = made["launchPartitionBackfill"]["backfillId"]
    site.graphql(
        "administrator",
        """
        mutation($repository: RepositorySelector!, $run: String!, $backfill: String!,
                 $wiped: [PartitionsByAssetSelector!]!, $event: ReportRunlessAssetEventsParams!) {
          cancelPartitionBackfill(backfillId: $backfill) { __typename }
          reportRunlessAssetEvents(eventParams: $event) { __typename }
          wipeAssets(assetPartitionRanges: $wiped) { __typename }
          terminateRuns(runIds: [$run, "other"]) { __typename }
          deleteRun(runId: $run) { __typename }
          deleteDynamicPartitions(repositorySelector: $repository, partitionsDefName: "site_project",
            partitionKeys: ["audited"]) { __typename }
        }
        """,
        repository=REPOSITORY_,
        run=run_id,
        backfill=backfill,
        event={
            "eventType": "ASSET_MATERIALIZATION",
            "assetKey": {"path": ["small"]},
            "partitionKeys": ["2026-10|audited"],
        },
        wiped=[{"assetKey": {"path": ["small"]}}],
    )
    assert [(row["what"], row["target"], row["outcome"]) for row in rows()] == [
        ("dagster-run.launch", "counting", f"LaunchRunSuccess: {run_id}"),
        ("dagster-partition.add", "site_project [audited]", "AddDynamicPartitionSuccess"),
        ("dagster-backfill.launch", "small", f"LaunchBackfillSuccess: {backfill}"),
        ("dagster-backfill.cancel", backfill, f"CancelBackfillSuccess: {backfill}"),
        ("dagster-asset.report-event", "small [2026-10|audited]", "ReportRunlessAssetEventsSuccess"),
        ("dagster-asset.wipe", "small", "AssetWipeSuccess"),
        (
            "dagster-run.terminate",
            f"{run_id}, other",
            f"TerminateRunsResult: TerminateRunSuccess: {run_id}, RunNotFoundError",
        ),
        ("dagster-run.delete", run_id, "DeletePipelineRunSuccess"),
        ("dagster-partition.delete", "site_project [audited]", "DeleteDynamicPartitionsSuccess"),
    ]


@pytest.mark.parametrize("path", ["materialization", "observation", "check"])
def test_what_programs_report_of_assets_leaves_a_row(site: Site, rows: Rows, path: str) -> None:
    body = {"metadata": {"password": "geheim"}, "check_name": "exact", "passed": True}
    address = f"/dagster/report_asset_{path}/small"
    with site.client("viewer") as client:
        assert client.post(address, json=body).status_code == 401
    with site.client("administrator") as client:
        assert client.post(address, json=body).status_code == 200
        assert client.post(address, content="[1]", headers={"content-type": "application/json"}).status_code == 422
        assert client.post(address, json=body | {"metadata": 1}).status_code in (400, 500)
    done, refused = rows()
    assert (done["what"], done["target"], done["outcome"]) == (f"dagster-asset.report-{path}", "small", "success")
    assert done["after"]["metadata"] == {"password": "***"}
    assert refused["outcome"] != "success"


# who asked


def test_runs_say_who_asked_for_them(site: Site) -> None:
    """Whatever the launchpad's tags say: the ledger reads this tag."""
    tag = "batch_platform/requested_by"
    forged = {"tags": [{"key": tag, "value": "local:bob"}, {"key": "mine", "value": "1"}]}
    run_id = launched(site, COUNTING | {"executionMetadata": forged})
    tags = tags_of(site, run_id)
    assert (tags[tag], tags["mine"]) == (WHO, "1")
    again = """
    mutation($run: String!) { launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: ALL_STEPS}) {
      ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
    """
    second = site.graphql("administrator", again, run=run_id)["launchRunReexecution"]["run"]["runId"]
    assert tags_of(site, second)[tag] == WHO
    several = """
    mutation($list: [ExecutionParams!]!) { launchMultipleRuns(executionParamsList: $list) {
      ... on LaunchMultipleRunsResult { launchMultipleRunsResult { ... on LaunchRunSuccess { run { runId } } } } } }
    """
    made = site.graphql("administrator", several, list=[COUNTING, COUNTING])["launchMultipleRuns"]
    for part in made["launchMultipleRunsResult"]:
        assert tags_of(site, part["run"]["runId"])[tag] == WHO
    backfill = """
    mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
      ... on LaunchBackfillSuccess { backfillId } } }
    """
    site.graphql("administrator", ADD, repository=REPOSITORY_)
    params = {"assetSelection": [{"path": ["small"]}], "partitionNames": ["2026-10|asked"]}
    launched_ = site.graphql("administrator", backfill, params=params)["launchPartitionBackfill"]["backfillId"]
    look = "query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {"
    found = site.graphql("viewer", f"{look} tags {{ key value }} }} }} }}", id=launched_)["partitionBackfillOrError"]
    assert {"key": tag, "value": WHO} in found["tags"]


ADD = """
mutation($repository: RepositorySelector!) { addDynamicPartition(repositorySelector: $repository,
  partitionsDefName: "site_project", partitionKey: "asked") { __typename } }
"""
