"""Dagster's schedules and sensors: switched as its own UI does, and schedules evaluated what they would launch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from batch_platform.core.failures import NotFound
from batch_platform.operations.dagster.queue import require_loaded
from batch_platform.operations.dagster.reachable import reachable
from batch_platform.operations.model import Launch

if TYPE_CHECKING:
    from datetime import datetime

    from dagster._core.remote_representation.external import RemoteRepository
    from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext


class DagsterTriggers:
    """The `Triggers` of a process that has the code locations open."""

    def __init__(self, process_context: WorkspaceProcessContext) -> None:
        self._process_context = process_context
        self._instance = process_context.instance

    @reachable()
    def switch(self, trigger: str, *, on: bool) -> None:
        """Raises `NotFound`, and `TransientFailure` while the code location is not loaded."""
        with self._process_context.create_request_context() as context:
            for repository in _repositories(context):
                if repository.has_schedule(trigger):
                    return self._switch_schedule(repository, trigger, on=on)
                if repository.has_sensor(trigger):
                    return self._switch_sensor(repository, trigger, on=on)
            require_loaded(context)
        raise NotFound(
            "unknown-trigger", "Dagster has no schedule or sensor {trigger}", trigger=trigger, field="trigger"
        )

    def _switch_schedule(self, repository: RemoteRepository, name: str, *, on: bool) -> None:
        schedule = repository.get_schedule(name)
        if on:
            self._instance.start_schedule(schedule)
        else:
            self._instance.stop_schedule(schedule.get_remote_origin_id(), schedule.selector_id, schedule)

    def _switch_sensor(self, repository: RemoteRepository, name: str, *, on: bool) -> None:
        sensor = repository.get_sensor(name)
        if on:
            self._instance.start_sensor(sensor)
        else:
            self._instance.stop_sensor(sensor.get_remote_origin_id(), sensor.selector_id, sensor)

    @reachable()
    def launches(self, schedule: str, at: datetime) -> list[Launch]:
        """What the schedule asks for at a moment, evaluated anew by the code server. Raises as `switch` does."""
        from dagster._core.definitions.timestamp import TimestampWithTimezone
        from dagster._core.storage.tags import SCHEDULE_NAME_TAG

        with self._process_context.create_request_context() as context:
            for repository in _repositories(context):
                if not repository.has_schedule(schedule):
                    continue
                declared = repository.get_schedule(schedule)
                location = context.get_code_location(repository.handle.location_name)
                evaluated = location.get_schedule_execution_data(
                    self._instance,
                    repository.handle,
                    schedule,
                    TimestampWithTimezone(at.timestamp(), declared.execution_timezone or "UTC"),
                    None,
                )
                tags = {SCHEDULE_NAME_TAG: schedule}
                return [
                    Launch(
                        request.job_name or declared.job_name,
                        partition=request.partition_key,
                        config=request.run_config,
                        tags={**request.tags, **tags},
                    )
                    for request in evaluated.run_requests or ()
                ]
            require_loaded(context)
        raise NotFound("unknown-schedule", "Dagster has no schedule {schedule}", schedule=schedule, field="schedule")


def _repositories(context: WorkspaceRequestContext) -> Iterator[RemoteRepository]:
    for entry in context.get_code_location_entries().values():
        if entry.code_location is not None:
            yield from entry.code_location.get_repositories().values()
