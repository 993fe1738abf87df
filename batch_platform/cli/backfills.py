"""`batch-platform jobs backfill` and `jobs backfills …`: a job's runs over a range of days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.cli import jobs
from batch_platform.cli.jobs import JobName, Limit
from batch_platform.cli.jobs import jobs_app as jobs_app
from batch_platform.core import progress
from batch_platform.core.failures import PermanentFailure
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, print_rows, showing
from batch_platform.kit.options import DryRun, Json

if TYPE_CHECKING:
    from batch_platform.operations.backfill_store import Backfill, BackfillRun

backfills_app = typer.Typer(no_args_is_help=True, help="A job's runs over a range of days.")
jobs_app.add_typer(backfills_app, name="backfills")

BackfillId = Annotated[str, typer.Argument(metavar="ID", help="The backfill; see `jobs backfills list`.")]


@jobs_app.command("backfill")
@writes("job.backfill")
def backfill(
    name: JobName,
    first_day: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")],
    last_day: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day, included.")],
    param: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A job's own parameter; repeatable.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Run a job for each partition of some days, in this process; the platform helps when it is up."""
    from batch_platform.operations import backfills, service
    from batch_platform.operations.parameters import read
    from batch_platform.operations.web.schemas import BackfillDetailAnswer, BackfillRunAnswer, written

    texts = dict(jobs.pair(text) for text in param or [])
    with jobs.operations_opened(runs=not dry_run) as operations:
        job = operations.registry.get(name)
        days = backfills.read_day(first_day, "from"), backfills.read_day(last_day, "to")
        plan = backfills.planned(operations, job.name, *days, read(job.parameters, texts))
        if dry_run:
            rows = [{"day": day.isoformat(), "partition": partition} for day, partition in plan.partitions.items()]
            jobs.print_answer(rows, rows, as_json=as_json, empty="nothing would run")
            return
        made = backfills.start(operations, jobs.log_here(operations), plan)
        with showing(f"running {job.name}"):
            while made.planned:
                before = made.planned
                made = backfills.advance(operations, made.id, at_most=1)
                progress.report(f"{job.name}: {made.ended} of {made.total} runs")
                if made.planned == before:  # others are at work, as many as may be
                    break
        service.sync(operations)
        made, runs = backfills.backfill(operations, made.id)
    if as_json:
        answers = [BackfillRunAnswer.of(run) for run in runs]
        print_json(written(BackfillDetailAnswer.of(made, runs=answers)))
    else:
        print_rows([_run_row(run) for run in runs], empty="")
    if made.failed:
        raise PermanentFailure(
            "backfill-failed", "{failed} of {total} runs failed", failed=made.failed, total=made.total
        )


@backfills_app.command("list")
def list_backfills(
    job: Annotated[str | None, typer.Option(help="Only those of this job.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List backfills with their progress, newest first."""
    from batch_platform.operations import backfills
    from batch_platform.operations.web.schemas import BackfillAnswer, written

    with jobs.operations_opened() as operations:
        rows, _ = backfills.backfills(operations, job=job, limit=limit)
    answers = [written(BackfillAnswer.of(row)) for row in rows]
    jobs.print_answer([_row(row) for row in rows], answers, as_json=as_json, empty="no backfill")


@backfills_app.command("show")
def show_backfill(backfill_id: BackfillId, as_json: Json = False) -> None:
    """Show a backfill's runs, by day."""
    from batch_platform.operations import backfills
    from batch_platform.operations.web.schemas import BackfillDetailAnswer, BackfillRunAnswer, written

    with jobs.operations_opened() as operations:
        shown, runs = backfills.backfill(operations, backfill_id)
    answer = BackfillDetailAnswer.of(shown, runs=[BackfillRunAnswer.of(run) for run in runs])
    jobs.print_answer([_run_row(run) for run in runs], written(answer), as_json=as_json, empty="")


@backfills_app.command("cancel")
@writes("backfill.cancel")
def cancel_backfill(backfill_id: BackfillId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Ask for no further run; those that go on are stopped by the platform."""
    from batch_platform.operations import backfills
    from batch_platform.operations.web.schemas import BackfillAnswer, written

    with jobs.operations_opened(runs=not dry_run) as operations:
        canceled, _ = backfills.backfill(operations, backfill_id)
        if not dry_run:
            canceled = backfills.cancel(operations, jobs.log_here(operations), backfill_id)
    jobs.print_answer([_row(canceled)], written(BackfillAnswer.of(canceled)), as_json=as_json, empty="")


def _row(backfill: Backfill) -> dict[str, Any]:
    return {
        "id": backfill.id,
        "job": backfill.job,
        "from": backfill.first_day.isoformat(),
        "to": backfill.last_day.isoformat(),
        "state": backfill.status.value,
        "ended": f"{backfill.ended}/{backfill.total}",
        "failed": backfill.failed,
        "by": backfill.requested_by,
    }


def _run_row(run: BackfillRun) -> dict[str, Any]:
    return {
        "day": run.day.isoformat(),
        "partition": run.partition,
        "run": run.run_id,
        "status": run.status,
        "cause": run.cause,
    }
