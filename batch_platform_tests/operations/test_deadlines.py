"""What should have run and did not, judged from the registry and Dagster's own ticks."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._utils.error import SerializableErrorInfo, serializable_error_info_from_exc_info

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import PermanentFailure
from batch_platform.core.messages import Message, within
from batch_platform.operations import alerts, deadlines, service
from batch_platform.operations.model import DEADLINE, Incident, Missing, Registry, Schedule
from batch_platform.operations.web.schemas import overview_state
from batch_platform.resources.cron import due_after
from batch_platform.resources.failures import tick_failures
from batch_platform.web import i18n
from batch_platform_tests.operations.world import REGISTRY, World

KINDS = {"letters_schedule": InstigatorType.SCHEDULE, "plain_sensor": InstigatorType.SENSOR}


class Trigger:
    """A schedule or sensor as the daemon leaves it in Dagster's storage."""

    def __init__(self, world: World, name: str, status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE) -> None:
        self.world, self.name, self.kind = world, name, KINDS[name]
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tests"), "__repository__")
        data = (
            ScheduleInstigatorData("*/10 * * * *", None)
            if self.kind is InstigatorType.SCHEDULE
            else SensorInstigatorData()
        )
        self.state = InstigatorState(RemoteInstigatorOrigin(repository, name), self.kind, status, data)
        world.instance.add_instigator_state(self.state)

    def tick(
        self,
        at: datetime,
        status: TickStatus = TickStatus.SUCCESS,
        error: str | None = None,
        raised: SerializableErrorInfo | None = None,
    ) -> None:
        self.world.instance.create_tick(
            TickData(
                self.state.instigator_origin_id,
                self.name,
                self.kind,
                status,
                at.timestamp(),
                error=SerializableErrorInfo(error, [], "Exception") if error else raised,
                selector_id=self.state.selector_id,
                run_ids=[] if status is TickStatus.SUCCESS else None,
                skip_reason="nothing to do" if status is TickStatus.SKIPPED else None,
            )
        )

    def stop(self) -> None:
        self.world.instance.update_instigator_state(self.state.with_status(InstigatorStatus.STOPPED))

    def start(self) -> None:
        self.world.instance.update_instigator_state(self.state.with_status(InstigatorStatus.RUNNING))


def look(world: World) -> None:
    """What a monitor does about deadlines."""
    now = world.clock()
    with world.ctx.store.transaction() as session:
        session.save_jobs(list(world.ctx.registry), now=now)
    world.sync()
    deadlines.judge(world.ctx)
    for rule in alerts.RULES:
        alerts.judge(world.ctx.pool, rule, now=world.clock())


def at_half_past_a_due_moment(world: World) -> datetime:
    """Move the clock to five minutes after a due moment and register the jobs; the next due moment."""
    now = datetime.now(UTC)
    due = next(due_after("*/10 * * * *", now, BUSINESS_ZONE))
    world.clock.shift = due + timedelta(minutes=5) - now
    look(world)
    return due + timedelta(minutes=10)


def open_incidents(world: World, rule: str = "missed-run") -> list[Incident]:
    return [incident for incident in service.incidents(world.ctx)[0] if incident.rule == rule]


def missing(world: World) -> list[Missing]:
    return service.gaps(world.ctx, "write-letters")


def test_the_calendar_is_that_of_tokyo() -> None:
    after = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)  # 1 November, 01:00 in Tokyo
    assert list(islice(due_after("0 2 * * *", after, BUSINESS_ZONE), 2)) == [
        datetime(2026, 10, 31, 17, 0, tzinfo=UTC),
        datetime(2026, 11, 1, 17, 0, tzinfo=UTC),
    ]
    [monthly] = islice(due_after("0 6 1 * *", after, BUSINESS_ZONE), 1)
    assert monthly.astimezone(ZoneInfo("Asia/Tokyo")) == datetime(2026, 11, 1, 6, tzinfo=ZoneInfo("Asia/Tokyo"))


def test_one_bad_calendar_stops_no_other_and_is_told_of_by_name(world: World) -> None:
    at_half_past_a_due_moment(world)
    [letters, plain] = REGISTRY
    # as a monitor of another version may have registered it: settings refuse it
    bad = replace(
        letters, name="bad-job", id="TEST_000", dagster_jobs=("plain",), schedules=(Schedule("bad", "every day"),)
    )
    both = world.with_(registry=Registry([bad, letters, replace(plain, dagster_jobs=())]))
    look(both)
    world.clock.pass_by(minutes=8)
    look(both)
    [incident] = open_incidents(world, "bad-calendar")
    assert (incident.job, incident.severity) == ("bad-job", "critical")
    assert "'every day' is not a cron expression" in incident.summary
    assert [found.subject for found in open_incidents(world)] == ["write-letters"]
    assert service.status(both.ctx, "bad-job").next_due_at is None
    good = replace(bad, schedules=(Schedule("bad", "@daily"),))
    mended = world.with_(registry=Registry([good, letters, replace(plain, dagster_jobs=())]))
    look(mended)
    assert open_incidents(world, "bad-calendar") == []
    assert service.status(mended.ctx, "bad-job").next_due_at is not None


@pytest.mark.parametrize("status", [TickStatus.SUCCESS, TickStatus.SKIPPED])
def test_a_tick_meets_its_moment(world: World, status: TickStatus) -> None:
    due = at_half_past_a_due_moment(world)
    schedule = Trigger(world, "letters_schedule")
    assert service.status(world.ctx, "write-letters").next_due_at == due
    world.clock.pass_by(minutes=6)
    look(world)
    assert missing(world) == [
        Missing("write-letters", due, due + timedelta(minutes=2), overdue=False, schedule="letters_schedule")
    ]
    schedule.tick(due, status)
    world.clock.pass_by(minutes=5)
    look(world)
    assert (missing(world), open_incidents(world)) == ([], [])
    assert service.status(world.ctx, "write-letters").deadline_at == due + timedelta(minutes=12)


def test_silence_is_noticed_once_and_resolves_itself(world: World) -> None:
    due = at_half_past_a_due_moment(world)
    schedule = Trigger(world, "letters_schedule")
    world.clock.pass_by(minutes=6, seconds=30)  # due a minute ago, the grace is two
    look(world)
    assert open_incidents(world) == []
    world.clock.pass_by(minutes=1)
    look(world)
    [incident] = open_incidents(world)
    assert (incident.subject, incident.severity) == ("write-letters", "critical")
    assert f"{due.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M} JST and did not: no tick" in incident.summary
    world.clock.pass_by(minutes=10)
    look(world)
    assert [found.id for found in open_incidents(world)] == [incident.id]
    assert [gap.due_at for gap in missing(world)] == [due, due + timedelta(minutes=10)]
    schedule.tick(due + timedelta(minutes=10))
    look(world)
    assert open_incidents(world) == []
    assert [gap.due_at for gap in missing(world)] == [due]  # the gap stays listed
    assert service.incidents(world.ctx, open_only=False)[0][0].resolution == "it runs by its schedule again"


def test_a_stopped_and_a_failing_schedule_say_so(world: World) -> None:
    due = at_half_past_a_due_moment(world)
    schedule = Trigger(world, "letters_schedule")
    schedule.stop()
    world.clock.pass_by(minutes=8)
    look(world)
    assert "the schedule letters_schedule is stopped" in open_incidents(world)[0].summary
    schedule.tick(due, TickStatus.FAILURE, "boom\nsecond line")
    look(world)
    assert open_incidents(world)[0].summary.endswith("its schedule failed: unexpected error: boom")


@pytest.mark.parametrize(
    ("job", "trigger", "kind"),
    [("write-letters", "letters_schedule", "schedule"), ("plain-work", "plain_sensor", "sensor")],
)
def test_what_is_stopped_is_told_at_once_and_still_missed(world: World, job: str, trigger: str, kind: str) -> None:
    at_half_past_a_due_moment(world)
    by_name = {overview.job.name: overview for overview in service.jobs(world.ctx)}
    assert (by_name[job].triggers_running, by_name[job].stopped) == ({}, False)  # not seen yet
    started = Trigger(world, trigger)
    look(world)
    assert open_incidents(world, f"{kind}-stopped") == []
    assert service.status(world.ctx, job).triggers_running == {trigger: True}
    started.stop()
    look(world)
    [incident] = open_incidents(world, f"{kind}-stopped")
    assert (incident.subject, incident.job, incident.severity) == (trigger, job, "warning")
    assert incident.summary == f"the {kind} {trigger} of {job} is stopped in Dagster"
    overview = service.status(world.ctx, job)
    assert (overview.stopped, overview.next_due_at) == (True, None)
    assert overview_state(overview, world.clock()) == "stopped"
    world.clock.pass_by(minutes=10)
    look(world)
    overdue = service.status(world.ctx, job)
    assert overview_state(overdue, world.clock()) == "late"
    assert open_incidents(world, "missed-run" if kind == "schedule" else "sensor-lag")
    started.start()
    look(world)
    assert open_incidents(world, f"{kind}-stopped") == []
    assert not service.status(world.ctx, job).stopped
    [told] = [found for found in service.incidents(world.ctx, open_only=False)[0] if found.rule == f"{kind}-stopped"]
    assert told.resolution == "it runs again"


def test_what_is_off_by_its_declaration_is_not_stopped(world: World) -> None:
    [letters, plain] = REGISTRY
    off = replace(letters, schedules=(Schedule("letters_schedule", "*/10 * * * *", enabled=False),))
    without = world.with_(registry=Registry([off, plain]))
    Trigger(world, "letters_schedule").stop()
    look(without)
    assert open_incidents(world, "schedule-stopped") == []
    assert service.status(without.ctx, "write-letters").triggers_running == {"letters_schedule": False}
    world.clock.pass_by(hours=1)
    look(without)
    assert open_incidents(world, "trigger-off") == []


def test_what_matters_may_be_off_for_half_an_hour(world: World) -> None:
    at_half_past_a_due_moment(world)
    schedule = Trigger(world, "letters_schedule")
    assert REGISTRY.get("write-letters").off_limit == timedelta(minutes=30)  # it declares a deadline
    schedule.stop()
    look(world)
    world.clock.pass_by(minutes=29)
    look(world)
    assert open_incidents(world, "trigger-off") == []
    world.clock.pass_by(minutes=2)
    look(world)
    [incident] = open_incidents(world, "trigger-off")
    assert (incident.subject, incident.job, incident.severity) == ("letters_schedule", "write-letters", "critical")
    assert "is off since" in incident.summary
    schedule.start()
    look(world)
    assert open_incidents(world, "trigger-off") == []


def test_where_nothing_depends_on_it_a_trigger_may_be_off(world: World) -> None:
    letters, plain = REGISTRY
    at_leisure = replace(plain, deadline=DEADLINE)
    unhurried = world.with_(registry=Registry([letters, at_leisure]))
    look(unhurried)
    Trigger(world, "plain_sensor").stop()
    look(unhurried)
    world.clock.pass_by(hours=2)
    look(unhurried)
    assert open_incidents(world, "trigger-off") == []


def test_a_run_by_hand_makes_up_for_the_moment_before_it(world: World) -> None:
    due = at_half_past_a_due_moment(world)
    world.clock.pass_by(minutes=20)
    look(world)
    assert len(missing(world)) == 2
    world.run("letters", partition="a")
    world.execute("UPDATE operations.job_runs SET created_at = created_at")  # none yet: the copy follows
    world.sync()
    world.execute("UPDATE operations.job_runs SET created_at = %s", world.clock())
    look(world)
    assert open_incidents(world) == []
    assert [gap.due_at for gap in missing(world)] == [due]


def test_a_schedule_that_is_off_owes_nothing_and_is_judged_from_when_it_is_on(world: World) -> None:
    at_half_past_a_due_moment(world)
    [letters, plain] = REGISTRY
    off = world.with_(
        registry=Registry([replace(letters, schedules=(Schedule("letters_schedule", "*/10 * * * *", False),))])
    )
    world.clock.pass_by(minutes=30)
    look(off)
    assert (missing(off), open_incidents(off)) == ([], [])
    assert service.status(off.ctx, "write-letters").deadline_at is None
    world.clock.pass_by(minutes=30)
    look(world)
    assert missing(world) == []
    world.clock.pass_by(minutes=13)
    look(world)
    assert len(open_incidents(world)) == 1
    hourly = world.with_(
        registry=Registry([replace(letters, schedules=(Schedule("letters_schedule", "7 3 * * *"),)), plain])
    )
    look(hourly)
    assert (missing(hourly), open_incidents(hourly)) == ([], [])


def test_each_schedule_of_a_job_is_judged_in_its_own_time_zone(world: World) -> None:
    at_half_past_a_due_moment(world)
    [letters, plain] = REGISTRY
    utc = Schedule("daily_in_utc", "0 0 * * *", time_zone="UTC")
    both = world.with_(registry=Registry([replace(letters, schedules=(*letters.schedules, utc)), plain]))
    look(both)
    overview = service.status(both.ctx, "write-letters")
    assert [trigger.name for trigger in overview.job.triggers] == ["letters_schedule", "daily_in_utc"]
    # the next one due is that of the nearest schedule
    assert overview.next_due_at is not None
    assert overview.next_due_at - world.clock() < timedelta(minutes=10)
    start = world.clock()
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    world.clock.shift += midnight + timedelta(minutes=3) - start
    look(both)
    schedule = Trigger(world, "letters_schedule")
    schedule.tick(midnight)
    look(both)
    [incident] = open_incidents(world)
    assert incident.subject == "write-letters/daily_in_utc"
    assert f"{midnight:%Y-%m-%d} 00:00 UTC and did not" in incident.summary
    assert service.gaps(both.ctx, "write-letters")[-1].schedule == "daily_in_utc"
    assert service.status(both.ctx, "write-letters").deadline_at == midnight + timedelta(minutes=2)
    # a schedule that is gone owes nothing
    look(world)
    assert [gap.schedule for gap in missing(world) if gap.due_at == midnight] == []
    assert open_incidents(world) == []


def test_a_calendar_is_made_up_after_a_long_absence(world: World) -> None:
    at_half_past_a_due_moment(world)
    world.clock.pass_by(days=40)
    look(world)
    written = world.value("SELECT count(*) FROM operations.due_moments")
    assert written == 35 * 24 * 6
    look(world)
    assert world.value("SELECT count(*) FROM operations.due_moments") == written


def test_a_sensor_must_look_within_its_interval_and_grace(world: World) -> None:
    look(world)
    sensor = Trigger(world, "plain_sensor")
    sensor.tick(world.clock())
    world.clock.pass_by(seconds=60)
    look(world)
    assert open_incidents(world, "sensor-lag") == []
    world.clock.pass_by(seconds=60)
    sensor.tick(world.clock(), TickStatus.FAILURE, "no such bucket password=hunter2")
    look(world)
    [incident] = open_incidents(world, "sensor-lag")
    assert incident.subject == "plain_sensor"
    assert incident.summary.endswith("it fails: unexpected error: no such bucket password=***")
    overview = service.status(world.ctx, "plain-work")
    assert overview.sensor_lag is not None
    assert overview.sensor_lag > timedelta(seconds=110)
    sensor.tick(world.clock(), TickStatus.SKIPPED)
    look(world)
    assert open_incidents(world, "sensor-lag") == []


@dg.op
def nothing() -> None: ...


@dg.job
def idle() -> None:
    nothing()


@pytest.mark.parametrize(
    ("error", "message_id", "japanese"),
    [
        (PermanentFailure("no-bucket", "no such bucket: {name}", name="a"), "no-bucket", "no such bucket: a"),
        (DagsterUserCodeUnreachableError("Could not reach it"), "code-server-silent", "コードサーバー"),
        (ZeroDivisionError("1/0"), "unexpected-error", "予期しないエラー"),
    ],
)
def test_why_a_look_failed_is_said_in_the_readers_language(
    world: World,
    error: Exception,
    message_id: str,
    japanese: str,
) -> None:
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        with tick_failures():
            raise error

    sensor = dg.SensorDefinition(name="plain_sensor", job=idle, evaluation_fn=evaluate)
    look(world)
    try:
        sensor.evaluate_tick(dg.build_sensor_context(instance=world.instance))
    except Exception:  # noqa: BLE001 (as the daemon has it)
        raised = serializable_error_info_from_exc_info(sys.exc_info())
    world.clock.pass_by(minutes=2)
    Trigger(world, "plain_sensor").tick(world.clock(), TickStatus.FAILURE, raised=raised)
    look(world)
    [incident] = open_incidents(world, "sensor-lag")
    assert isinstance(incident.summary, Message)
    assert message_id in [message.id for message in within(incident.summary)]
    with i18n.speaking(i18n.load(["batch_platform.web", "batch_platform.operations.web"])["ja"]):
        assert japanese in i18n.translated(incident.summary)


def test_a_sensor_that_never_looked_is_late_from_its_registration(world: World) -> None:
    look(world)
    world.clock.pass_by(seconds=80)
    look(world)
    assert open_incidents(world, "sensor-lag") == []
    world.clock.pass_by(seconds=20)
    look(world)
    assert len(open_incidents(world, "sensor-lag")) == 1
