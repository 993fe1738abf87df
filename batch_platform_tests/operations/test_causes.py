"""Causes: kept as messages, said in the reader's language with what to look at, once for what is shared."""

import errno

import dagster as dg
import psycopg
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from batch_platform.core.aws_failures import aws_failures
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.core.known_errors import failure_of
from batch_platform.core.messages import Message
from batch_platform.kit.assets import Metadata, each_partition, fail, together
from batch_platform.operations import alerts, service
from batch_platform.operations.alerts import RULES
from batch_platform.operations.dagster.causes import cause_of, line_of
from batch_platform.operations.log_lines import that_matter
from batch_platform.operations.model import RANGE_END_TAG, RANGE_START_TAG, Incident
from batch_platform.operations.remedies import REMEDIES, remedies_of
from batch_platform.operations.waiting import REMINDERS
from batch_platform.registry import build_remedies, build_rules
from batch_platform.web import i18n
from batch_platform_tests.operations.world import World

FAILURES = next(rule for rule in RULES if rule.name == "job-failure")
ROLE = "role/reports"
ASSUMED = f"role arn:aws:iam::111122223333:{ROLE} cannot be assumed"


@pytest.fixture(scope="module")
def japanese() -> i18n.Language:
    return i18n.load(["batch_platform.web", "batch_platform.operations.web"])["ja"]


def incidents(world: World) -> list[Incident]:
    alerts.judge(world.ctx.pool, FAILURES, now=world.clock())
    return service.incidents(world.ctx)[0]


def test_a_cause_is_said_in_the_readers_language_with_what_to_look_at(world: World, japanese: i18n.Language) -> None:
    run_id = world.run("letters", ROLE, partition="a")
    world.sync()
    run = service.run(world.ctx, run_id).run
    [letter] = service.dead_letters(world.ctx)[0]
    [incident] = incidents(world)
    for text in (run.cause, letter.cause, incident.summary):
        assert isinstance(text, Message)
        assert ASSUMED in text
        [remedy] = remedies_of(text, REMEDIES)
        assert "trust policy" in remedy
        assert "external id" in remedy
        with i18n.speaking(japanese):
            said = i18n.translated(text)
            assert "引き受けられません" in said
            assert f"role arn:aws:iam::111122223333:{ROLE}" in said
            assert "信頼ポリシー" in i18n.translated(remedy)


def test_a_role_that_cannot_be_assumed_is_one_incident_of_all_its_runs(world: World, japanese: i18n.Language) -> None:
    for partition in "abc":
        world.run("letters", ROLE, partition=partition)
    world.run("plain", ROLE)
    world.run("letters", "role/other", partition="a")
    world.sync()
    assert len(service.dead_letters(world.ctx)[0]) == 5
    found = {incident.summary.id: incident for incident in incidents(world) if isinstance(incident.summary, Message)}
    both = [incident for incident in service.incidents(world.ctx)[0] if ROLE in incident.summary]
    assert len(both) == 1
    assert len(service.incidents(world.ctx)[0]) == 2
    assert set(found) == {"shared-cause"}
    assert "plain-work, write-letters" in both[0].summary
    assert both[0].summary.endswith(": 4)")
    with i18n.speaking(japanese):
        assert "4 件" in i18n.translated(both[0].summary)
    for letter in service.dead_letters(world.ctx)[0]:
        service.discard_dead_letter(world.ctx, letter.id, version=1, reason="mended", by="local:taro")
    assert incidents(world) == []


def test_rows_of_before_stay_readable(world: World, japanese: i18n.Language) -> None:
    run_id = world.run("letters", "permanent", partition="a")
    world.sync()
    incidents(world)
    for table in ("job_runs", "dead_letters"):
        world.execute(f"UPDATE operations.{table} SET cause = 'as of old', cause_message = NULL")
    world.execute("UPDATE operations.incidents SET summary = 'as of old', summary_message = NULL")
    with i18n.speaking(japanese):
        assert i18n.translated(service.run(world.ctx, run_id).run.cause or "") == "as of old"
        assert i18n.translated(service.incidents(world.ctx)[0][0].summary) == "as of old"
    [incident] = incidents(world)
    assert incident.summary == "write-letters failed for a after 1 attempt: as of old"


def test_what_matters_of_a_log_comes_first(world: World) -> None:
    run_id = world.run("letters", "transient", ROLE, partition="a")
    world.sync()
    lines = service.run(world.ctx, run_id).messages
    first = that_matter(lines)
    assert [line.kind for line in first][:2] == ["failure", "retry"]  # of the run itself there is no second line
    assert ASSUMED in first[0].text
    assert {line.kind for line in first} == {"failure", "retry", "progress"}
    assert [line.text for line in first if line.kind == "progress"] == ["13 months to look at"]
    assert any(line.kind == "other" for line in lines)
    assert [line.kind for line in first] == sorted(
        (line.kind for line in first), key=("failure", "retry", "warning", "progress").index
    )


@pytest.mark.parametrize(
    ("error", "id"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "disk-full"),
        (MemoryError(), "memory-used-up"),
        (psycopg.errors.DiskFull("could not extend file"), "database-disk-full"),
        (psycopg.OperationalError("server closed the connection unexpectedly"), "database-failed"),
        (ClientError({"Error": {"Code": "SlowDown"}}, "GetObject"), "aws-busy"),
        (ClientError({"Error": {"Code": "ExpiredToken"}}, "GetObject"), "aws-credentials-expired"),
        (
            ClientError({"Error": {"Code": "NoSuchBucket", "BucketName": "b"}}, "GetObject"),
            "bucket-of-that-name-missing",
        ),
        (NoCredentialsError(), "no-aws-credentials"),
    ],
)
def test_errors_of_libraries_are_known_by_id_and_have_a_remedy(error: Exception, id: str) -> None:  # noqa: A002
    wrapped = RuntimeError("in between")
    wrapped.__cause__ = error
    for raised in (error, wrapped):
        failure = failure_of(raised)
        assert failure is not None
        assert failure.message.id == id
        assert remedies_of(failure.message, REMEDIES)
    assert failure_of(ZeroDivisionError("1/0")) is None


def test_a_full_disk_is_no_bug(world: World) -> None:
    run_id = world.run("letters", *["disk"] * 3, partition="a")
    world.sync()
    cause = service.run(world.ctx, run_id).run.cause
    assert cause == "the disk is full (/lake/x.parquet)"
    assert [remedy.id for remedy in remedies_of(cause, REMEDIES)] == ["disk-full-remedy"]


def test_what_several_partitions_have_in_common_is_said_once() -> None:
    same = [PermanentFailure("server-away", "the server {name} is away", name="a") for _ in range(13)]
    failure = together(same)
    assert isinstance(failure, PermanentFailure)
    assert failure.message.id == "server-away"
    other = TransientFailure("server-away", "the server {name} is away", name="b")
    assert str(together([*same, other])) == "the server a is away; the server b is away"


def test_every_rule_is_said_in_the_readers_language_and_has_what_to_look_at() -> None:
    known = build_remedies()
    for rule in build_rules():
        assert rule.text or rule.phrases or rule in REMINDERS, rule.name
        # a notice needs nobody; a failed job has the remedies of its cause, what waits the page of what waits
        if not rule.notice and rule is not FAILURES and rule not in REMINDERS:
            assert {rule.name, *rule.phrases} & {*known}, rule.name
    messages = {rule.name for rule in build_rules()} | {name for rule in build_rules() for name in rule.phrases}
    assert "role-not-assumable" in known
    assert len({*known} & messages) > 20


def test_the_statement_of_every_rule_can_be_judged(world: World) -> None:
    for rule in build_rules():
        assert alerts.judge(world.ctx.pool, rule, now=world.clock()) == (0, 0), rule.name


def test_thirteen_months_of_one_role_are_one_failure_and_one_line_of_the_log() -> None:
    """As a fetch of all polled months of a project whose role is refused."""
    months = dg.StaticPartitionsDefinition([f"2026-{month:02}" for month in range(1, 14)])
    tried: list[str] = []

    @dg.asset(partitions_def=months, backfill_policy=dg.BackfillPolicy.single_run())
    def polled(context: dg.AssetExecutionContext) -> None:
        def fetch(month: str) -> Metadata:
            tried.append(month)
            with aws_failures("role arn:aws:iam::111122223333:role/reports"):
                raise ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")

        places = [(key, key) for key in context.partition_keys]
        fail(context, each_partition(context, places, fetch, asset=dg.AssetKey("polled"), alone=True))

    tags = {RANGE_START_TAG: "2026-01", RANGE_END_TAG: "2026-13"}
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([polled], instance=instance, tags=tags, raise_on_error=False)
        lines = [line_of(entry) for entry in instance.all_logs(run.run_id)]
    cause = cause_of(run.all_events)
    assert len(tried) == 13
    assert isinstance(cause, Message)
    assert (cause.id, cause.count("arn:aws")) == ("role-not-assumable", 1)
    first = that_matter([line for line in lines if line])
    assert [line.kind for line in first if "cannot be assumed" in line.text] == ["failure", "failure"]  # log and step
