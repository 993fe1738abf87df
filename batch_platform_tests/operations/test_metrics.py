"""What Prometheus reads: the specs' three metrics and ours, from durable state alone."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from batch_platform.operations import metrics
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.metrics import BUCKETS
from batch_platform.operations.monitor import Monitor, MonitorOptions
from batch_platform_tests.operations.world import REGISTRY, World

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "batch-platform.json"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(ctx: OperationsContext) -> Samples:
    families = text_string_to_metric_families(metrics.exposition(ctx).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def of(samples: Samples, metric: str, /, **labels: str) -> float:
    return samples[metric, frozenset(labels.items())]


def ended(world: World, job: str, status: str, seconds: float, *, dry_run: bool = False) -> None:
    """A run of that outcome and duration in the ledger."""
    world.execute(
        "INSERT INTO operations.job_runs (run_id, job, dagster_job, parameters, trigger, dry_run, status, "
        "created_at, started_at, ended_at, updated_at, attempts, root_run_id, config, tags) "
        "SELECT id, %s, 'x', '{}', 'manual', %s, %s, at, at, at + make_interval(secs => %s), at, 1, id, '{}', '{}' "
        "FROM (SELECT gen_random_uuid()::text AS id, timestamptz '2026-10-01 00:00+00' AS at) new",
        job,
        dry_run,
        status,
        seconds,
    )


def test_durations_and_counts_are_those_of_the_ledger(world: World) -> None:
    for seconds in (0.5, 1, 1.5, 59.9, 60, 14_400, 20_000):
        ended(world, "write-letters", "success", seconds)
    ended(world, "write-letters", "failure", 7)
    ended(world, "write-letters", "canceled", 7)
    ended(world, "write-letters", "success", 7, dry_run=True)
    samples = scraped(world.ctx)
    success = {"job_name": "write-letters", "status": "success"}
    expected = {1: 2, 5: 3, 15: 3, 30: 3, 60: 5, 120: 5, 7200: 5, 14_400: 6}
    found = {
        bound: of(samples, "batch_job_duration_seconds_bucket", **success, le=f"{bound}.0") for bound in expected
    }
    assert found == expected
    assert of(samples, "batch_job_duration_seconds_bucket", **success, le="+Inf") == 7
    assert of(samples, "batch_job_duration_seconds_count", **success) == 7
    assert of(samples, "batch_job_duration_seconds_sum", **success) == pytest.approx(34_522.9)
    assert of(samples, "batch_job_total", **success) == 7
    assert of(samples, "batch_job_total", job_name="write-letters", status="failure") == 1
    assert (BUCKETS[0], BUCKETS[-1]) == (1, 4 * 3600)


def test_every_registered_job_has_its_series_from_the_start(world: World) -> None:
    samples = scraped(world.ctx)
    for job in REGISTRY:
        for status in ("success", "failure"):
            assert of(samples, "batch_job_total", job_name=job.name, status=status) == 0
            assert of(samples, "batch_job_duration_seconds_count", job_name=job.name, status=status) == 0


def test_the_whole_state_is_shown_right_after_a_restart(world: World) -> None:
    good = world.run("letters", partition="a")
    world.run("letters", "permanent", partition="b")
    for _ in range(3):
        world.queued()
    Monitor(world.ctx, MonitorOptions()).once()
    # as in a process that has just begun: nothing but the database is asked
    samples = scraped(world.ctx)
    job = {"job_name": "write-letters"}
    [[ended_at]] = world.rows("SELECT ended_at FROM operations.job_runs WHERE run_id = %s", good)
    assert of(samples, "batch_job_total", **job, status="success") == 1
    assert of(samples, "batch_queue_size", queue_name="runs") == 3
    assert of(samples, "batch_job_last_success_timestamp_seconds", **job) == pytest.approx(ended_at.timestamp())
    assert of(samples, "batch_dead_letters", **job) == 1
    assert of(samples, "batch_dead_letters", job_name="plain-work") == 0
    assert of(samples, "batch_incidents", severity="critical") == 1
    assert of(samples, "batch_incidents", severity="warning") == 0
    assert of(samples, "batch_incidents", severity="info") == 0
    assert of(samples, "batch_notifications_waiting") == 1
    assert 0 <= of(samples, "batch_sensor_lag_seconds", sensor="plain_sensor") < 60
    assert of(samples, "batch_sensor_lag_limit_seconds", sensor="plain_sensor") == 90
    now = world.clock().timestamp()
    assert now < of(samples, "batch_job_deadline_timestamp_seconds", **job) <= now + 12 * 60
    assert now - 60 < of(samples, "batch_monitor_last_pass_timestamp_seconds") <= now
    assert of(samples, "batch_job_max_duration_seconds", **job) == 3600
    world.clock.pass_by(minutes=20)
    late = scraped(world.ctx)
    assert of(late, "batch_job_deadline_timestamp_seconds", **job) < world.clock().timestamp()
    assert of(late, "batch_sensor_lag_seconds", sensor="plain_sensor") >= timedelta(minutes=20).total_seconds()


def test_run_ids_are_no_labels(world: World) -> None:
    run_id = world.run("letters", "permanent", partition="a")
    Monitor(world.ctx, MonitorOptions()).once()
    text = metrics.exposition(world.ctx).decode()
    assert run_id not in text
    labels = set(re.findall(r'(\w+)="', text))
    assert labels == {"job_name", "status", "le", "queue_name", "severity", "sensor"}


def test_the_dashboard_and_the_rules_ask_for_metrics_that_exist(world: World) -> None:
    Monitor(world.ctx, MonitorOptions()).once()
    shown = {name for name, _ in scraped(world.ctx)} | {"batch_job_last_success_timestamp_seconds"}
    asked = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            asked |= set(re.findall(r"\bbatch_\w+", target["expr"]))
    asked |= set(re.findall(r"\bbatch_\w+(?=[ )>])", (DASHBOARD.parents[1] / "prometheus/rules.yaml").read_text()))
    assert asked
    assert asked - shown == set()
