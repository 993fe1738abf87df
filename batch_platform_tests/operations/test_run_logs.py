"""What runs print is read wherever they ran: from S3, by a machine that never had the files."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_graphql.schema import create_schema
from mypy_boto3_s3 import S3Client

from batch_platform.operations.dagster.instance import dagster_yaml
from batch_platform.settings import Settings
from batch_platform_tests.databases import of_dagster
from batch_platform_tests.waiting import eventually

BUCKET = "local-batch-platform-run-logs"
_QUERY = "query($key: [String!]!) { capturedLogs(logKey: $key) { stdout stderr } }"
# A worker: it prints, says so, and then either ends or waits to be killed.
_WORKER = """
import sys, time
import dagster as dg

@dg.op
def talk():
    print("the first batch is done", flush=True)
    print("a warning", file=sys.stderr, flush=True)
    time.sleep(float(sys.argv[3]))

@dg.job
def talking():
    talk()

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    talking.execute_in_process(instance=instance, run_id=sys.argv[2])
"""


@pytest.fixture(scope="module")
def logs_in_s3(
    provisioned: Settings, databases: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Settings]]:
    """A folder for machines' homes, and the settings that keep logs in S3."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_POSTGRES_URL", of_dagster(databases[1]))
        yield tmp_path_factory.mktemp("machines"), provisioned.model_copy(update={"run_logs": "s3"})


def machine(logs_in_s3: tuple[Path, Settings], name: str) -> Path:
    """The DAGSTER_HOME of one of several machines; what a live run has printed is in S3 after a second."""
    folder, settings = logs_in_s3
    home = folder / name
    home.mkdir()
    text = dagster_yaml(settings.model_copy(update={"home": home}))
    (home / "dagster.yaml").write_text(text.replace("upload_interval: 10", "upload_interval: 1"))
    return home


def log_key(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    [event] = instance.all_logs(run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED)
    assert event.dagster_event is not None
    return [run_id, "compute_logs", event.dagster_event.logs_captured_data.file_key]


def shown(instance: dg.DagsterInstance, run_id: str) -> tuple[str, str]:
    """Both streams as Dagster's UI asks for them."""
    with WorkspaceProcessContext(instance, None) as process:
        answer = create_schema().execute(
            _QUERY,
            variable_values={"key": log_key(instance, run_id)},
            context_value=process.create_request_context(),
        )
    assert answer.errors is None
    assert answer.data is not None
    logs = answer.data["capturedLogs"]
    return logs["stdout"], logs["stderr"]


@pytest.mark.parametrize("killed", [False, True])
def test_logs_of_a_worker_that_is_gone(logs_in_s3: tuple[Path, Settings], s3: S3Client, killed: bool) -> None:
    there, here = machine(logs_in_s3, f"there-{killed}"), machine(logs_in_s3, f"here-{killed}")
    run_id = str(uuid4())
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, str(there), run_id, "600" if killed else "0"])
    with dg.DagsterInstance.from_config(str(here)) as instance:
        if killed:
            prefix = f"runs/storage/{run_id}/"
            eventually(lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 2)
            worker.send_signal(signal.SIGKILL)
        assert worker.wait() == (-signal.SIGKILL if killed else 0)
        shutil.rmtree(there)
        stdout, stderr = shown(instance, run_id)
        assert "the first batch is done\n" in stdout
        assert "a warning\n" in stderr
        key = log_key(instance, run_id)
        assert instance.compute_log_manager.is_capture_complete(key) is not killed
        instance.compute_log_manager.delete_logs(log_key=key)
        assert instance.compute_log_manager.get_log_data(key).stderr is None
        assert not list((here / "run-logs").rglob("*.err"))


def test_files_are_enough_on_one_machine(provisioned: Settings) -> None:
    assert "compute_logs" not in dagster_yaml(provisioned)
    assert "compute_logs" in dagster_yaml(provisioned.model_copy(update={"launcher": "ecs"}))
    assert "compute_logs" not in dagster_yaml(provisioned.model_copy(update={"launcher": "ecs", "run_logs": "files"}))
