"""Dagster behind the login, asked as nobody, viewer and administrator: raw HTTP, GraphQL and websockets."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from graphql import get_named_type
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from batch_platform.core.clock import utc_now
from batch_platform.web.access.tokens import Tokens
from batch_platform_tests.accounts import PASSWORD
from batch_platform_tests.site import Site, token
from batch_platform_tests.waiting import eventually
from batch_platform_tests.web.mutations import mutations, schema, selected, written

REPOSITORY_ = {"repositoryName": "__repository__", "repositoryLocationName": "batch_platform"}
LAUNCH = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId status } } ... on UnauthorizedError { message }
  ... on PythonError { message } } }
"""
COUNTING = {
    "selector": {**REPOSITORY_, "jobName": "counting"},
    "runConfigData": {"ops": {"count": {"config": {"rows": 1}}}},
}
RELOAD = "mutation { reloadWorkspace { __typename } }"
PERMISSIONS = "{ permissions { permission value } }"
LOCATION = "{ workspaceOrError { ... on Workspace { locationEntries { name permissions { permission value } } } } }"
RUNS = "{ runsOrError { ... on Runs { results { runId } } } }"
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
ROLES = ("viewer", "operator", "approver")

NAMES = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "batch_platform",
    "locationName": "batch_platform",
    "jobName": "counting",
    "pipelineName": "counting",
    "scheduleName": "yearly",
    "sensorName": "watcher",
    "path": "small",
    "partitionsDefName": "site_project",
    "assetSelection": "small",
    "partitionNames": "2026-10|x",
    "timestamp": "1.0",
    "cursor": "x",
    "reexecutionParams": "",
}
BACKFILL = """
mutation($repository: RepositorySelector = {
  repositoryName: "__repository__", repositoryLocationName: "batch_platform"}) {
  addDynamicPartition(repositorySelector: $repository, partitionsDefName: "site_project", partitionKey: "x") {
    __typename }
  launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["small"]}], partitionNames: ["2026-10|x"]}) {
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
INSTIGATORS = """
query($repository: RepositorySelector = {
  repositoryName: "__repository__", repositoryLocationName: "batch_platform"}) {
  schedulesOrError(repositorySelector: $repository) { ... on Schedules { results { scheduleState { id } } } }
  sensorsOrError(repositorySelector: $repository) { ... on Sensors { results { sensorState { id } } } } }
"""
REFUSED = r"UnauthorizedError|[Pp]ermission|Cannot re-execute backfill \w+ because it is still in progress"
# What Dagster lets everybody do: with telemetry and the welcome dialog off, neither leaves a trace anybody sees.
UNCHECKED = {"logTelemetry", "setNuxSeen"}


@pytest.fixture
def site(dagster_site: Site) -> Site:
    return dagster_site


def runs(site: Site) -> list[str]:
    return [run["runId"] for run in site.graphql("administrator", RUNS)["runsOrError"]["results"]]


@pytest.mark.parametrize("name", ["favicon.svg", "favicon-run-success.svg", "favicon-run-failed.svg"])
def test_the_icons_of_a_run_are_found(site: Site, name: str) -> None:
    with site.client("viewer") as client:
        answer = client.get(f"/{name}", follow_redirects=True)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


@pytest.mark.parametrize("path", ["/dagster/", "/dagster/runs", "/dagster/assets/small"])
def test_every_page_has_a_way_back_to_the_console(site: Site, path: str) -> None:
    with site.client("viewer") as client:
        text = client.get(path, headers={"accept": "text/html"}).text
    assert re.search(r'<a href="/console"[^>]*>← コンソールへ戻る</a></body>', text)


# nobody


@pytest.mark.parametrize(
    "path",
    [
        "/dagster",
        "/dagster/",
        "/dagster/overview",
        "/dagster/server_info",
        "/dagster/graphql",
        "/dagster/favicon.png",
        "/favicon.svg",
        "/favicon-run-success.svg",
        "/dagster/manifest.json",
        "/dagster/logs/x/compute_logs/y.out",
        "/dagster/download_debug/x",
        "/dagster//graphql",
        "/dagster/%67raphql",
        "/static/../dagster/graphql",
        "/health/../dagster/graphql",
        "/login/../dagster/graphql",
    ],
)
def test_nobody_sees_anything_of_dagster(site: Site, path: str) -> None:
    with site.client() as client:
        for accept in ("*/*", "text/html"):
            answer = client.send(client.build_request("GET", raw(site, path), headers={"accept": accept}))
            assert answer.status_code in (401, 404), answer.text
            assert "dagster" not in answer.text.lower().replace("/dagster", "")
        answer = client.post(raw(site, path), json={"query": RUNS})
        assert answer.status_code in (401, 404, 405), answer.text


def raw(site: Site, path: str) -> httpx.URL:
    """The path as it stands: a client would resolve the dots."""
    return httpx.URL(site.url).copy_with(raw_path=path.encode())


def test_nobody_opens_a_websocket(site: Site) -> None:
    with pytest.raises((InvalidStatus, ConnectionClosed)), websocket(site, None) as socket:
        socket.recv(5)


def test_a_forged_token_is_nobody(site: Site) -> None:
    head, body, _ = site.token("administrator").split(".")
    with site.client() as client:
        headers = {"Authorization": f"Bearer {head}.{body}.{'A' * 43}"}
        assert client.post("/dagster/graphql", json={"query": RUNS}, headers=headers).status_code == 401


# who may look


@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_execute_has_no_permission_and_reads_everything(site: Site, role: str) -> None:
    found = site.graphql(role, PERMISSIONS)["permissions"]
    assert [entry["permission"] for entry in found if entry["value"]] == []
    assert len(found) > 15
    [location] = site.graphql(role, LOCATION)["workspaceOrError"]["locationEntries"]
    assert [entry["permission"] for entry in location["permissions"] if entry["value"]] == []
    assert "results" in site.graphql(role, RUNS)["runsOrError"]


@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_execute_launches_and_reloads_nothing(site: Site, role: str) -> None:
    before = runs(site)
    assert site.graphql(role, LAUNCH, params=COUNTING)["launchRun"]["__typename"] == "UnauthorizedError"
    assert site.graphql(role, RELOAD)["reloadWorkspace"]["__typename"] == "UnauthorizedError"
    with site.client(role) as client:
        answer = client.post("/dagster/report_asset_materialization/small", json={"partition": "2026-10|x"})
        assert answer.status_code == 401
    assert runs(site) == before


def test_no_mutation_of_the_schema_is_open_to_viewers(site: Site) -> None:
    """Each with arguments that name what there is: what Dagster adds one day is found here."""
    run_id = site.graphql("administrator", LAUNCH, params=COUNTING)["launchRun"]["run"]["runId"]
    known = NAMES | dict.fromkeys(("runId", "runIds", "parentRunId", "rootRunId"), run_id) | instigators(site)
    known["backfillId"] = site.graphql("administrator", BACKFILL)["launchPartitionBackfill"]["backfillId"]
    before = runs(site)
    told = {}
    for name, field in mutations().items():
        more = {"id": known[name]} if name in known else {}
        more |= {"parentRunId": known["backfillId"]} if name == "reexecutePartitionBackfill" else {}
        arguments = written(field.args, known | more)
        call = f"{name}({arguments})" if arguments else name
        query = f"mutation {{ {call}{selected(schema(), get_named_type(field.type))} }}"
        with site.client("viewer") as client:
            told[name] = client.post("/dagster/graphql", json={"query": query}).text
    let_through = {name: text for name, text in told.items() if not re.search(REFUSED, text)}
    assert let_through.keys() == UNCHECKED, let_through
    assert runs(site) == before
    assert site.graphql("viewer", STATUS, id=run_id)["runOrError"]["status"] == "QUEUED"


def instigators(site: Site) -> dict[str, str]:
    """The ids by which the mutations that stop a schedule and a sensor know them."""
    found = site.graphql("viewer", INSTIGATORS)
    return {
        "stopRunningSchedule": found["schedulesOrError"]["results"][0]["scheduleState"]["id"],
        "stopSensor": found["sensorsOrError"]["results"][0]["sensorState"]["id"],
    }


# who may act


def test_an_administrator_acts(site: Site) -> None:
    found = {
        entry["permission"]: entry["value"] for entry in site.graphql("administrator", PERMISSIONS)["permissions"]
    }
    assert found.pop("edit_app_managed_components") is False  # of Dagster's cloud only
    assert all(found.values())
    launched = site.graphql("administrator", LAUNCH, params=COUNTING)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess"
    assert launched["run"]["runId"] in runs(site)
    assert site.graphql("administrator", RELOAD)["reloadWorkspace"]["__typename"] == "Workspace"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
def test_a_link_executes_nothing(site: Site, accept: str) -> None:
    before = runs(site)
    parameters = {"query": LAUNCH, "variables": json.dumps({"params": COUNTING})}
    with site.client("administrator") as client:
        answer = client.get("/dagster/graphql", params=parameters, headers={"accept": accept})
        assert answer.status_code == (200 if accept == "text/html" else 405)
        assert "runId" not in answer.text
        assert client.head("/dagster/graphql", params=parameters).status_code == 405
    assert runs(site) == before


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1"])
def test_a_page_of_another_origin_executes_nothing(site: Site, origin: str) -> None:
    before = runs(site)
    body = {"query": LAUNCH, "variables": {"params": COUNTING}}
    with site.client("administrator") as client:
        assert client.post("/dagster/graphql", json=body, headers={"origin": origin}).status_code == 403
    with (
        pytest.raises((InvalidStatus, ConnectionClosed)),
        websocket(site, "administrator", origin=origin) as socket,
    ):
        socket.recv(5)
    assert runs(site) == before


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/graphql", ""]
)
def test_a_form_executes_nothing(site: Site, content_type: str) -> None:
    """Dagster takes the query from the address when the body is none of its own."""
    before = runs(site)
    parameters = {"query": LAUNCH, "variables": json.dumps({"params": COUNTING})}
    headers = {"content-type": content_type} if content_type else {}
    with site.client("administrator") as client:
        answer = client.post("/dagster/graphql", params=parameters, content=b"x=y", headers=headers)
        assert answer.status_code in (403, 415)
    assert runs(site) == before


# websockets


SUBSCRIPTION = "subscription { locationStateChangeEvents { event { eventType } } }"


@pytest.mark.parametrize("role", ["viewer", "administrator"])
def test_subscriptions_are_answered(site: Site, role: str) -> None:
    run_id = site.graphql("administrator", LAUNCH, params=COUNTING)["launchRun"]["run"]["runId"]
    query = (
        "subscription($id: ID!) { pipelineRunLogs(runId: $id) { __typename"
        " ... on PipelineRunLogsSubscriptionSuccess { run { runId } messages { __typename } } } }"
    )
    with websocket(site, role) as socket:
        start(socket, query, id=run_id)
        logs = answer_of(socket)["data"]["pipelineRunLogs"]
    assert logs["run"]["runId"] == run_id
    assert {"__typename": "RunEnqueuedEvent"} in logs["messages"]


@pytest.mark.parametrize("role", ["viewer", "administrator"])
def test_no_mutation_goes_through_a_websocket(site: Site, role: str) -> None:
    before = runs(site)
    with websocket(site, role) as socket:
        start(socket, LAUNCH, params=COUNTING)
        assert "runId" not in json.dumps(answer_of(socket))
    assert runs(site) == before


def websocket(
    site: Site, role: str | None, *, origin: str | None = None, headers: Mapping[str, str] | None = None
) -> ClientConnection:
    bearer = {"Authorization": f"Bearer {site.token(role)}"} if role else {}
    return connect(
        f"ws://127.0.0.1:{site.listener.getsockname()[1]}/dagster/graphql",
        subprotocols=["graphql-ws"],  # type: ignore[list-item]
        additional_headers={**bearer, **(headers or {})},
        origin=origin,  # type: ignore[arg-type]
        proxy=None,
        open_timeout=60,
    )


def start(socket: ClientConnection, query: str, **variables: Any) -> None:
    socket.send(json.dumps({"type": "connection_init"}))
    assert json.loads(socket.recv(10))["type"] == "connection_ack"
    payload = {"query": query, "variables": variables}
    socket.send(json.dumps({"type": "start", "id": "1", "payload": payload}))


def answer_of(socket: ClientConnection) -> dict[str, Any]:
    """The payload of the next data or error message; a connection that ends instead is an empty one."""
    try:
        while True:
            message = json.loads(socket.recv(15))
            if message["type"] in ("data", "error"):
                return message["payload"]
    except ConnectionClosed:
        return {}


# headers


@pytest.mark.parametrize("path", ["/dagster/", "/dagster/graphql"])
def test_pages_may_not_be_framed_and_load_nothing_from_elsewhere(site: Site, path: str) -> None:
    with site.client("viewer") as client:
        answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1
    policy = dict(part.strip().partition(" ")[::2] for part in policies[0].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in policy["script-src"]
    assert "http" not in policies[0]
    nonce = policy["script-src"].split("'nonce-")[1].split("'")[0]
    assert f'nonce="{nonce}"' in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_password_is_told_to_viewers(site: Site) -> None:
    told = site.graphql("viewer", "{ instance { info runLauncher { name } } }")
    text = json.dumps(told)
    assert "LocalRunLauncher" in text
    assert not [name for name, secret in site.home.secrets().items() if secret in text]


@pytest.mark.faults
def test_a_killed_web_comes_back(site: Site) -> None:
    site.processes["web"].stop(signal.SIGKILL)
    site.start_web()
    [location] = eventually(lambda: site.graphql("viewer", LOCATION)["workspaceOrError"]["locationEntries"])
    assert location["name"] == "batch_platform"


def test_a_session_that_ends_takes_its_websockets_along(site: Site) -> None:
    site.add_user("dagster-leaver", "viewer")
    with site.client() as client:
        sign_in(client, "dagster-leaver")
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        with websocket(site, None, origin=site.url, headers={"Cookie": cookies}) as socket:
            start(socket, SUBSCRIPTION)
            token = csrf_token(client, "/console")
            assert client.post("/logout", data={"csrf_token": token}).status_code == 303
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_a_token_that_is_revoked_or_expires_takes_its_websockets_along(site: Site) -> None:
    # clocks may be half a minute apart: this one is refused in some seconds
    revoked, expiring = token(site.home, "viewer"), token(site.home, "viewer", left=timedelta(seconds=-25))
    with (
        websocket(site, None, headers={"Authorization": f"Bearer {revoked}"}) as first,
        websocket(site, None, headers={"Authorization": f"Bearer {expiring}"}) as second,
        site.client("administrator") as administrator,
    ):
        for socket in (first, second):
            start(socket, SUBSCRIPTION)
        token_id = Tokens.of(site.home.secret("web").encode()).read(revoked, now=utc_now()).id
        assert administrator.post(f"/api/access-tokens/{token_id}/revoke").json()["data"]["changed"] is True
        for socket in (first, second):
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(30)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401


def sign_in(client: httpx.Client, name: str) -> None:
    token = csrf_token(client, "/login")
    answer = client.post("/login", data={"name": name, "password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 303, answer.text


def csrf_token(client: httpx.Client, path: str) -> str:
    page = client.get(path, headers={"accept": "text/html"}).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


# odd requests


@pytest.mark.parametrize(
    "body",
    [b"[]", b'[{"query": "{ version }"}]', b"1", b'"x"', b"{", b"\xff", b'{"query": 1}', b'{"variables": []}', b""],
)
def test_what_is_no_graphql_request_is_refused(site: Site, body: bytes) -> None:
    with site.client("administrator") as client:
        answer = client.post("/dagster/graphql", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/no-graphql-request"), answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/dagster/download_debug/x",
        "/dagster/download_debug/%00",
        "/dagster/logs/x",
        "/dagster/logs/x/compute_logs/y.out",
        "/dagster/logs/%00/x.out",
        "/dagster/logs/../../../etc/passwd",
        "/dagster/logs//",
        "/dagster/logs/" + "x" * 300 + "/y.out",
        "/dagster/_next/static/x.js",
        "/dagster/_next/static/%00",
        "/dagster/_next",
        "/dagster/notebook?repoLocName=x&path=y.ipynb",
        "/dagster/%ff",
        "/dagster/%00",
    ],
)
def test_no_path_below_dagster_fails(site: Site, path: str) -> None:
    with site.client("administrator") as client:
        answer = client.send(client.build_request("GET", raw(site, path)))
    assert answer.status_code in (200, 404, 422), answer.text


@pytest.mark.parametrize("body", [b"[]", b"1", b"{", b'{"metadata": 1}'])
@pytest.mark.parametrize("kind", ["materialization", "check", "observation"])
def test_no_report_of_an_asset_fails(site: Site, kind: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    with site.client("administrator") as client:
        answer = client.post(f"/dagster/report_asset_{kind}/small", content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize("path", ["/dagster/", "/dagster/server_info", "/console/jobs", "/api/admin/batch/jobs"])
def test_head_answers_as_get_without_a_body(site: Site, path: str) -> None:
    with site.client("viewer") as client:
        seen, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (seen.status_code, b"") == (200, b"")
    assert head.headers.keys() == seen.headers.keys()
