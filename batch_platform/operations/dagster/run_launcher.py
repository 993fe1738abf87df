"""Dagster's default launcher that also sees when the process of a run is dead: `dagster.yaml` names it.

A code server notices the death of a worker it has started, but only while it lives itself. When both are killed, or
the machine restarts, Dagster would count the run as started until its maximum runtime is over. The daemon's run
monitoring asks this class instead, fails such a run and has it retried like any other lost one.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG, MAX_RETRIES_TAG

from batch_platform.core import workers
from batch_platform.operations.dagster.launch import WORKER_TAG

if TYPE_CHECKING:
    from dagster._grpc.client import DagsterGrpcClient

_STARTED: Final = re.compile(r"Started process for run \(pid: (\d+)\)\.")
_RUNNING: Final = CheckRunHealthResult(WorkerStatus.RUNNING)
# A process that began this much after the run said it had started is another one with the same number.
_TOLERANCE_SECONDS: Final = 60


class LocalRunLauncher(DefaultRunLauncher):
    """For a code server on the daemon's machine; of runs anywhere else it assumes that they are well."""

    def __init__(self, inst_data: Any = None) -> None:
        super().__init__(inst_data)
        self._found_dead: set[str] = set()

    @property
    def supports_check_run_worker_health(self) -> Literal[True]:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED when the process was dead at two looks in a row and a code server is there for the retry.

        The second look leaves time to a living code server, which tells the exit code, and to the daemon to meet
        a restarted one: a retry that finds none is given up for good.
        """
        reason = self._death(run)
        if reason is None:
            self._found_dead.discard(run.run_id)
            return _RUNNING
        if run.run_id not in self._found_dead:
            self._found_dead.add(run.run_id)
            return _RUNNING
        self._found_dead.discard(run.run_id)
        return CheckRunHealthResult(WorkerStatus.FAILED, reason)

    def terminate(self, run_id: str) -> bool:
        """Also interrupts a run whose code server was replaced: the new one does not know it.

        The run is not tried again however it ends: a process that begins with it just now takes it out of CANCELING
        and calls its interruption a failure.
        """
        from dagster._core.errors import DagsterUserCodeProcessError

        self._instance.add_run_tags(run_id, {MAX_RETRIES_TAG: "0"})
        try:
            if super().terminate(run_id):  # type: ignore[no-untyped-call]
                self._cancel_unstarted(run_id)
                return True
            reason = "its code server says that it does not run"
        except DagsterUserCodeProcessError as error:
            reason = f"its code server cannot stop it: {str(error).splitlines()[0]}"
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or self._code_server(run) is None:
            return False
        pid = self._pid(run)
        alive = pid is not None and _alive(*pid)
        if pid is not None and alive:
            os.kill(pid[0], signal.SIGINT)
        end = f"process {pid[0]} was interrupted" if pid and alive else "its process does not run any more"
        self._instance.report_engine_event(f"The run is cancelled; {reason}; {end}.", run)
        return alive

    def _cancel_unstarted(self, run_id: str) -> None:
        """End a run whose process has not begun with it: that one then passes it over.

        It would pass over one in CANCELING too, but leave it open, and its code server then fails it.
        """
        record = self._instance.get_run_record_by_id(run_id)
        if record is None or record.start_time is not None:
            return
        if record.dagster_run.status is dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceled(record.dagster_run, "The run is cancelled before it has started.")

    def _death(self, run: dg.DagsterRun) -> str | None:
        if workers.is_dead(run.tags.get(WORKER_TAG, "")):
            return "the process that ran it was killed"
        client = self._code_server(run)
        pid = self._pid(run) if client else None
        if client is None or pid is None or _alive(*pid) or not _answers(client):
            return None
        return f"process {pid[0]} that ran it does not run any more"

    def _code_server(self, run: dg.DagsterRun) -> DagsterGrpcClient | None:
        """The code server that the run was launched on; None when it is not on this machine."""
        from dagster._grpc.client import DagsterGrpcClient

        place = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
        host = place.get("host", "")
        if not _is_here(host) or "port" not in place:
            return None
        return DagsterGrpcClient(port=place["port"], host=host, use_ssl=bool(place.get("use_ssl")))

    def _pid(self, run: dg.DagsterRun) -> tuple[int, float] | None:
        """The number of the run's process and the time at which it was told, in seconds of the epoch."""
        events = self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        for event in reversed(events):
            match = _STARTED.fullmatch(event.dagster_event.message or "") if event.dagster_event else None
            if match:
                return int(match[1]), event.timestamp
        return None


def _is_here(host: str) -> bool:
    if host in ("localhost", socket.gethostname()):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _answers(client: DagsterGrpcClient) -> bool:
    from dagster._core.errors import DagsterUserCodeUnreachableError

    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True


def _alive(pid: int, at: float) -> bool:
    """Whether the process that was running under this number at the time `told` still does; a zombie does not."""
    if not Path("/proc/self/stat").exists():
        return True  # nothing is known without a /proc
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    started = booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return fields[0] not in ("Z", "X") and started < at + _TOLERANCE_SECONDS
