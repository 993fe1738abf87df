"""Schedules and sensors, switched on and off in Dagster."""

from __future__ import annotations

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PermanentFailure
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import Schedule, Sensor


def switchable(ctx: OperationsContext, name: str, trigger: str, *, on: bool, reason: str) -> Schedule | Sensor:
    """The schedule or sensor of a job that can be switched so.

    Raises `NotFound`, `InvalidInput` for an empty reason and `Conflict` where Dagster has it so already.
    """
    job = ctx.registry.get(name)
    chosen = next((declared for declared in job.triggers if declared.name == trigger), None)
    if chosen is None:
        raise NotFound(
            "no-trigger-of-job",
            "{job} has no schedule or sensor {trigger}",
            job=job.name,
            trigger=trigger,
            field="trigger",
        )
    if not reason.strip():
        raise InvalidInput("switch-reason-needed", "say why it is switched", field="reason")
    state = ctx.dagster.triggers({trigger: ctx.clock()}).get(trigger)
    running = chosen.enabled if state is None else state.running
    if running and on:
        raise Conflict("trigger-on", "{trigger} is on already", trigger=trigger, field="trigger")
    if not running and not on:
        raise Conflict("trigger-off", "{trigger} is off already", trigger=trigger, field="trigger")
    return chosen


def switch(ctx: OperationsContext, trigger: str, *, on: bool) -> None:
    """Switch it in Dagster, and note it for whoever looks. Raises what the switch raises."""
    if ctx.triggers is None:
        raise PermanentFailure("no-switch", "this process cannot switch schedules and sensors: ask the web")
    ctx.triggers.switch(trigger, on=on)
    with ctx.store.transaction() as session:
        session.save_switch(trigger, running=on, now=ctx.clock())
