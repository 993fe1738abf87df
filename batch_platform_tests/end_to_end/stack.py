"""What `batch-platform up` runs, as processes, asked by GraphQL as the UI asks it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx

from batch_platform.local import up
from batch_platform.local.processes import Process, free_port
from batch_platform_tests.end_to_end.machine import Machine
from batch_platform_tests.site import token
from batch_platform_tests.waiting import PATIENCE, eventually

T = TypeVar("T")

ASK = 0.5
"""Seconds between two questions to Dagster: each costs up to a tenth of that in processor time."""
PROJECT_TAG = "finops/project"
QUICK = "batch_platform_tests.end_to_end.quick_definitions"
_SERVER = "batch_platform.server"
_UP = f"""
import sys
from dataclasses import replace
from batch_platform.local import dagster_processes, up
from batch_platform.settings import load_settings

definitions, server, port = sys.argv[1:]
web = dagster_processes.web

def instead(*given):
    program = web(*given)
    return replace(program, command=tuple(server if part == "{_SERVER}" else part for part in program.command))

dagster_processes.web = instead
up.run(load_settings(), port=int(port), progress=lambda line: print(line, flush=True), module=definitions)
"""
_SENSOR = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "batch_platform",
    "sensorName": "cur_manifest_sensor",
}
_FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}

_RUNS = """
query($filter: RunsFilter) { runsOrError(filter: $filter) { __typename ... on Runs { results {
  runId jobName status tags { key value } } } } }
"""
_TICKS = """
query($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) { __typename ... on Sensor {
  sensorState { ticks(limit: 50) { timestamp status skipReason runIds error { message }
    logEvents { events { level message } } } } } } }
"""
_STEP_FAILURES = """
query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { __typename
  ... on ExecutionStepFailureEvent { stepKey error { message cause { message } } failureMetadata { description } }
  ... on ExecutionStepUpForRetryEvent { stepKey } } } } }
"""
_STOP_SENSOR = """
mutation($id: String!) { stopSensor(id: $id) { __typename } }
"""
_START_SENSOR = """
mutation($selector: SensorSelector!) { startSensor(sensorSelector: $selector) { __typename } }
"""
_SCHEDULE = """
query($selector: ScheduleSelector!) { scheduleOrError(scheduleSelector: $selector) { ... on Schedule { scheduleState {
  id status } } } }
"""
_STOP_SCHEDULE = """
mutation($id: String!) { stopRunningSchedule(id: $id) { __typename } }
"""
_START_SCHEDULE = """
mutation($selector: ScheduleSelector!) { startSchedule(scheduleSelector: $selector) { __typename } }
"""
_SENSOR_ID = """
query($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) { ... on Sensor { sensorState {
  id status } } } }
"""
_BACKFILL = """
mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) { __typename
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
_BACKFILL_STATUS = """
query($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename ... on PartitionBackfill {
  status numPartitions error { message } } } }
"""


@dataclass
class Stack:
    """Code server, daemon and web on a machine; use it in a `with` block.

    `definitions` is what the code server loads, `server` the module that is the web.
    """

    machine: Machine
    more: Mapping[str, str] = field(default_factory=dict)
    definitions: str = QUICK
    server: str = _SERVER
    process: subprocess.Popen[str] | None = None
    began: float = 0

    @cached_property
    def token(self) -> str:
        return token(self.machine.home, "administrator")

    @property
    def output(self) -> Path:
        return self.machine.home.logs / "up.txt"

    def __enter__(self) -> Stack:
        self.began = time.time()
        with self.output.open("w") as output:
            # stacks that start at the same time would all find port 8000 free
            port = free_port()
            command = ("-c", _UP, self.definitions, self.server, str(port))
            self.process = self.machine.spawn(*command, more=self.more, output=output)
        try:
            eventually(lambda: f"ready: http://127.0.0.1:{port}" in self._said())
            eventually(self._sensor)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        finally:
            up.stop_orphans(self.machine.home)

    def _said(self) -> str:
        assert self.process is not None
        output = self.output.read_text()
        assert self.process.poll() is None, output
        return output

    @property
    def url(self) -> str:
        url = up.UpState.load(self.machine.home).url
        assert url is not None
        return url

    @cached_property
    def password(self) -> str:
        """The first administrator's, as `up` prints it."""
        match = eventually(lambda: re.search(r"sign in as admin with the password (\S+) ", self._said()))
        return match[1]

    def client(self, role: str | None, **more: Any) -> httpx.Client:
        """A client of the web with a role's bearer token, or with none."""
        headers = {"Authorization": f"Bearer {token(self.machine.home, role)}"} if role else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False, **more)

    def running(self, name: str) -> Process:
        """The code-server, daemon or web of this moment."""
        return eventually(lambda: up.UpState.load(self.machine.home).processes.get(name))

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        url = f"{self.url}/dagster/graphql"
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(url, body, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def runs(self, project_id: str) -> list[dict[str, Any]]:
        """The runs a sensor or schedule asked for on behalf of a project, oldest first."""
        return self.tagged(PROJECT_TAG, project_id)

    def tagged(self, key: str, value: str) -> list[dict[str, Any]]:
        """The runs with a tag, oldest first, each with its tags as a dict."""
        runs = self.ask(_RUNS, filter={"tags": [{"key": key, "value": value}]})["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in reversed(runs)]

    def finished(self, project_id: str, count: int) -> list[dict[str, Any]]:
        """Wait for that many finished runs of a project; more than that is a failure."""

        def all_ended() -> bool:
            statuses = self.machine.run_statuses(PROJECT_TAG, project_id)
            assert len(statuses) <= count, [(run["jobName"], run["tags"]) for run in self.runs(project_id)]
            return len(statuses) == count and _FINISHED.issuperset(statuses)

        eventually(all_ended, pause=ASK, hint=lambda: (self.runs(project_id), self.ticks()[-3:]))
        return self.runs(project_id)

    def ended(self, project_id: str) -> list[dict[str, Any]]:
        """The finished runs of a project, oldest first."""
        return [run for run in self.runs(project_id) if run["status"] in _FINISHED]

    def ticks(self, *, since: float = 0) -> list[dict[str, Any]]:
        """The sensor's finished ticks that began at or after `since`, oldest first."""
        return [tick for tick in self._ticks(since) if tick["status"] != "STARTED"]

    def _ticks(self, since: float) -> list[dict[str, Any]]:
        ticks = self.ask(_TICKS, selector=_SENSOR)["sensorOrError"]["sensorState"]["ticks"]
        return [tick for tick in reversed(ticks) if tick["timestamp"] >= since]

    def await_ticks(self, count: int, *, since: float) -> list[dict[str, Any]]:
        return eventually(lambda: ticks if len(ticks := self.ticks(since=since)) >= count else None, pause=ASK)

    def failures(self, run_id: str) -> tuple[list[str], int]:
        """The sentence of each failed step of a run, and how many steps were tried again."""
        events = self.ask(_STEP_FAILURES, run=run_id)["logsForRun"]["events"]
        sentences = [
            (event["failureMetadata"] or {}).get("description") or event["error"]["message"]
            for event in events
            if event["__typename"] == "ExecutionStepFailureEvent"
        ]
        return sentences, sum(event["__typename"] == "ExecutionStepUpForRetryEvent" for event in events)

    def stop_sensor(self) -> None:
        """No look begins any more, and the one that had begun has ended: nothing is requested from here on."""

        def stopped() -> bool:
            self.ask(_STOP_SENSOR, id=self._sensor()["id"])
            # one that an earlier daemon left unfinished on this machine stays so
            eventually(lambda: all(tick["status"] != "STARTED" for tick in self._ticks(self.began)), pause=ASK)
            # at its end a look writes the sensor's state as it was at its beginning
            return bool(self._sensor()["status"] == "STOPPED")

        eventually(stopped, pause=ASK)

    def start_sensor(self) -> None:
        self.ask(_START_SENSOR, selector=_SENSOR)
        assert self._sensor()["status"] == "RUNNING"

    def _sensor(self) -> dict[str, Any]:
        state: dict[str, Any] = self.ask(_SENSOR_ID, selector=_SENSOR)["sensorOrError"].get("sensorState") or {}
        return state

    def stop_schedule(self, name: str) -> None:
        self.ask(_STOP_SCHEDULE, id=self._schedule(name)["id"])
        assert self._schedule(name)["status"] == "STOPPED"

    def start_schedule(self, name: str) -> None:
        self.ask(_START_SCHEDULE, selector=_schedule(name))
        assert self._schedule(name)["status"] == "RUNNING"

    def _schedule(self, name: str) -> dict[str, Any]:
        state: dict[str, Any] = self.ask(_SCHEDULE, selector=_schedule(name))["scheduleOrError"]["scheduleState"]
        return state

    def launch_backfill(self, assets: list[str], partitions: list[str]) -> str:
        """As the launchpad of the asset page does it; the backfill's id."""
        selection = [{"path": ["finops", name]} for name in assets]
        params = {"assetSelection": selection, "partitionNames": partitions, "fromFailure": False}
        answer = self.ask(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        backfill_id: str = answer["backfillId"]
        return backfill_id

    def backfill(self, backfill_id: str) -> dict[str, Any]:
        backfill: dict[str, Any] = self.ask(_BACKFILL_STATUS, id=backfill_id)["partitionBackfillOrError"]
        return backfill


def _schedule(name: str) -> dict[str, str]:
    place = {name: value for name, value in _SENSOR.items() if name != "sensorName"}
    return {**place, "scheduleName": name}
