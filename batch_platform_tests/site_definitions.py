"""A small code location for the tests of the web: an asset job by partitions, a job with config."""

import dagster as dg

MONTHS = dg.StaticPartitionsDefinition(["2026-09", "2026-10"])
PROJECTS = dg.DynamicPartitionsDefinition(name="site_project")
PLACES = dg.MultiPartitionsDefinition({"month": MONTHS, "project": PROJECTS})


@dg.asset(partitions_def=PLACES, backfill_policy=dg.BackfillPolicy.single_run())
def small() -> None: ...


@dg.op(config_schema={"rows": int})
def count() -> None: ...


@dg.job(tags={"site/kind": "counting"})
def counting() -> None:
    count()


@dg.op
def nothing() -> None: ...


@dg.job
def plain() -> None:
    nothing()


@dg.asset(partitions_def=MONTHS, key=["zengin", "mended"], owners=["team:zengin"])
def mended() -> None: ...


@dg.asset(partitions_def=MONTHS, key=["btc", "coins"], owners=["team:btc"])
def coins() -> None: ...


@dg.job(owners=["team:zengin"])
def mending() -> None:
    nothing()


@dg.job(owners=["team:btc"])
def coining() -> None:
    nothing()


small_job = dg.define_asset_job("small_job", [small])


@dg.schedule(job=counting, cron_schedule="0 0 1 1 *")
def yearly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    at = context.scheduled_execution_time.isoformat()
    return dg.RunRequest(run_config={"ops": {"count": {"config": {"rows": 1}}}}, tags={"site/at": at})


@dg.sensor(job=counting)
def watcher() -> dg.SkipReason:
    return dg.SkipReason("nothing")


defs = dg.Definitions(
    assets=[small, mended, coins],
    jobs=[small_job, counting, plain, mending, coining],
    schedules=[yearly],
    sensors=[watcher],
)
