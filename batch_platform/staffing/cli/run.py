"""`staffing run`: a job of staffing, in this process and to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from batch_platform.core.failures import NotFound
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, print_rows, say, showing, shown
from batch_platform.kit import session
from batch_platform.kit.options import DryRun, Json
from batch_platform.operations.actions import EXECUTE
from batch_platform.staffing.opening import open_context

if TYPE_CHECKING:
    from batch_platform.operations.model import Job, Registry

_DOMAIN: Final = "staffing"

JobName = Annotated[str, typer.Argument(metavar="JOB", help="Its name or id, such as DAILY_001.")]
TargetDate = Annotated[
    str | None,
    typer.Option(
        "--date", metavar="YYYY-MM-DD", help="The target date: it chooses the partition; default: the newest."
    ),
]


@writes(EXECUTE)
def run_command(job_name: JobName, date: TargetDate = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Run a job of staffing now, as its schedule does. It stands in the history as any other run."""
    from batch_platform.operations import actions, service
    from batch_platform.operations.parameters import parse

    with session.of_command(open_context) as mine:
        operations = mine.operations()
        job = _job(operations.registry, job_name)
        parameters = parse(job, {} if date is None else {"targetDate": date}, dry_run=dry_run)
        with showing(f"running {job.name}"):
            result = actions.run_here(operations, mine.log, job.name, parameters)
        detail = service.run(operations, result.run_id)
    if as_json:
        would = (
            {"summary": detail.dry_run_summary, "rows": detail.dry_run_rows}
            if dry_run
            else {"outcome": result.outcome}
        )
        print_json({"job": job.name, "place": detail.run.place, "run_id": result.run_id, "dry_run": dry_run, **would})
        return
    if dry_run:
        say(detail.dry_run_summary or "")
        print_rows(detail.dry_run_rows or [], empty="nothing would be written")
        return
    say(f"{job.name} {detail.run.place or ''}: done")
    for name, value in (result.outcome or {}).items():
        say(f"{name.replace('_', ' ')}: {_text(value)}")


def _text(value: Any) -> str:
    """A list of records is told record by record, each with its fields."""
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return "".join(f"\n  {', '.join(f'{name} {shown(part)}' for name, part in each.items())}" for each in value)
    return shown(value)


def _job(registry: Registry, name: str) -> Job:
    own = [job for job in registry if job.domain == _DOMAIN]
    entry = next((job for job in own if name in (job.name, job.id)), None)
    if entry is None:
        raise NotFound(
            "unknown-staffing-job",
            "no job {job} of staffing; there are {jobs}",
            job=name,
            jobs=[job.name for job in own],
            field="job",
        )
    return entry
