"""What /metrics shows, counted from PostgreSQL at each scrape: right after a restart it tells the whole history.

Labels are jobs, outcomes, queues, sensors and severities; run ids never are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from psycopg.rows import dict_row

from batch_platform.core import postgres
from batch_platform.core.sql import load
from batch_platform.operations.gauges import Gauge

if TYPE_CHECKING:
    from batch_platform.core.clock import Clock
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.model import Registry

_SQL: Final = load("batch_platform.operations.sql")

BUCKETS: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400)
"""Upper bounds of the duration histogram in seconds: from 1 s to 4 h."""

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

QUEUES: Final = Gauge("batch_queue_size", "Runs and notices that wait.", "queue_name", _SQL["queue_sizes"])
"""Domains add queues of their own."""

_OUTCOMES: Final = ("success", "failure")
_Rows = list[dict[str, Any]]


class OperationsCollector(Collector):
    """The operations' metrics; every registered job has its series from the start, so that rates can be taken."""

    def __init__(self, pool: postgres.Pool, registry: Registry, clock: Clock, gauges: Sequence[Gauge] = ()) -> None:
        self._pool = pool
        self._gauges = (QUEUES, *gauges)
        self._jobs = tuple(job.name for job in registry)
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing: to be registered it need not reach the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Raises what the database raises: a scrape that cannot count must fail, not show nothing."""
        now, negated = self._clock(), sorted(-float(bound) for bound in BUCKETS)
        names = ("gauges", "sensors", "open_incidents", "waiting_notifications", "last_pass")
        with postgres.transaction(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            runs = cursor.execute(_SQL["durations"], {"negated": negated}).fetchall()
            rows = {name: cursor.execute(_SQL[name], {"now": now}).fetchall() for name in names}
            figures = [(gauge, cursor.execute(gauge.statement, {"now": now}).fetchall()) for gauge in self._gauges]
        yield from self._outcomes(runs)
        yield from _job_gauges(rows["gauges"])
        yield from _sensor_gauges(rows["sensors"])
        yield from _declared(figures)
        yield _gauge(
            "batch_incidents", "Open incidents.", ("severity", "severity", "incidents"), rows["open_incidents"]
        )
        waiting = GaugeMetricFamily("batch_notifications_waiting", "Notifications that no destination has taken.")
        waiting.add_metric([], rows["waiting_notifications"][0]["waiting"])
        yield waiting
        passed = GaugeMetricFamily(
            "batch_monitor_last_pass_timestamp_seconds", "When the monitor last did all its duties."
        )
        for row in rows["last_pass"]:
            passed.add_metric([], row["at"])
        yield passed

    def _outcomes(self, rows: _Rows) -> Iterator[Metric]:
        labels = ("job_name", "status")
        durations = HistogramMetricFamily("batch_job_duration_seconds", "Duration of batch jobs.", labels=labels)
        total = CounterMetricFamily("batch_job", "Batch jobs executed.", labels=labels)
        for job in sorted({*self._jobs, *(row["job"] for row in rows)}):
            for outcome in _OUTCOMES:
                mine = [row for row in rows if (row["job"], row["status"]) == (job, outcome)]
                count = sum(row["runs"] for row in mine)
                # a run is counted under each of the `bounds` largest bounds
                within = [
                    (str(float(bound)), sum(row["runs"] for row in mine if row["bounds"] >= len(BUCKETS) - index))
                    for index, bound in enumerate(BUCKETS)
                ]
                durations.add_metric(
                    [job, outcome], buckets=[*within, ("+Inf", count)], sum_value=sum(row["seconds"] for row in mine)
                )
                total.add_metric([job, outcome], count)
        yield durations
        yield total


def exposition(ctx: OperationsContext) -> bytes:
    """The text for Prometheus, of media type `CONTENT_TYPE`."""
    collectors = CollectorRegistry()
    collectors.register(OperationsCollector(ctx.pool, ctx.registry, ctx.clock, ctx.gauges))
    return generate_latest(collectors)


def _declared(figures: Iterable[tuple[Gauge, _Rows]]) -> Iterable[Metric]:
    """One metric a name, with the samples of all gauges of that name."""
    metrics: dict[str, GaugeMetricFamily] = {}
    for gauge, rows in figures:
        made = GaugeMetricFamily(gauge.name, gauge.documentation, labels=[gauge.label])
        metric = metrics.setdefault(gauge.name, made)
        for row in rows:
            metric.add_metric([row["label"]], row["value"])
    return metrics.values()


def _job_gauges(rows: _Rows) -> Iterator[Metric]:
    gauges = {
        "last_success": ("batch_job_last_success_timestamp_seconds", "When the job last succeeded."),
        "deadline": (
            "batch_job_deadline_timestamp_seconds",
            "Until when the job, or its sensor's look, must have been seen; in the past it is overdue.",
        ),
        "dead_letters": ("batch_dead_letters", "Dead letters that wait to be settled."),
        "running": ("batch_job_running_seconds", "How long the job's oldest present run has been running."),
        "max_duration": ("batch_job_max_duration_seconds", "How long a run of the job may take."),
    }
    for column, (name, documentation) in gauges.items():
        yield _gauge(name, documentation, ("job_name", "job", column), rows)


def _sensor_gauges(rows: _Rows) -> Iterator[Metric]:
    lag = "Seconds since the sensor last looked."
    yield _gauge("batch_sensor_lag_seconds", lag, ("sensor", "sensor", "sensor_lag"), rows)
    limit = "How long a sensor may take to look again."
    yield _gauge("batch_sensor_lag_limit_seconds", limit, ("sensor", "sensor", "sensor_limit"), rows)


def _gauge(name: str, documentation: str, columns: tuple[str, str, str], rows: _Rows) -> Metric:
    """`columns`: the label, and the columns of its value and of the figure; a figure that is unknown is left out."""
    label, of, figure = columns
    gauge = GaugeMetricFamily(name, documentation, labels=[label])
    for row in rows:
        if row[figure] is not None:
            gauge.add_metric([row[of]], row[figure])
    return gauge
