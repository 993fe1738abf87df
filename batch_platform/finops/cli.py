"""`batch-platform cur …`: projects, the two batches, and what they made of the money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.core.failures import PermanentFailure
from batch_platform.core.terminal import print_rows, showing, whole
from batch_platform.finops import cost_cli, project_cli
from batch_platform.finops.cli_work import AnyProjectId, DryRun, Json, Month, ProjectId, open_launcher
from batch_platform.finops.opening import open_work
from batch_platform.settings import load_settings

if TYPE_CHECKING:
    from batch_platform.finops.model import Connection
    from batch_platform.finops.service import Discovery, FinopsContext
    from batch_platform.operations.dagster.launch import RunResult

app = typer.Typer(no_args_is_help=True, help="AWS cost and usage reports: fetch, aggregate, report.")
app.add_typer(project_cli.app, name="projects")
app.command("archive")(project_cli.archive)
app.command("report")(cost_cli.report)
app.command("keys")(cost_cli.keys)
app.command("commitments")(cost_cli.commitments)
app.command("split")(cost_cli.split)


@app.command("fetch")
def fetch(
    project_id: AnyProjectId = None,
    since: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Months older than the last 13, from this one on.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Batch A: register what AWS delivered in the last 13 months, or since a month."""
    from batch_platform.finops import service
    from batch_platform.finops.jobs import FetchParameters, fetch_launch, parse_since

    settings = load_settings()
    with open_work(settings) as work:
        projects = [work.connection(project_id)] if project_id else work.enabled_connections()
        began = work.clock()
        oldest = parse_since(since, began)
        results: list[tuple[str, RunResult]] = []
        if dry_run:
            found = service.discover(work, projects, requested={}, at_most=10_000, since=oldest)
            told = [] if found.wanted or found.errors else _nothing_newer(work, projects, oldest)
            _print_discovery(found, told, as_json=as_json)
            return
        with open_launcher(settings) as launcher:
            for project in projects:
                asked = FetchParameters(project_id=project.project_id, since=f"{oldest:%Y-%m}" if oldest else None)
                launch = fetch_launch(work.store, asked, began)
                for name, keys in launch.dynamic_partitions.items():
                    launcher.instance.add_dynamic_partitions(name, list(keys))
                with showing(f"fetching {project.project_id}"):
                    ended = launcher.run(
                        launch.job,
                        partition_range=launch.partition_range,
                        partition=launch.partition,
                        config=launch.config,
                        tags=launch.tags,
                    )
                    results.append((project.project_id, ended))
        rows = [row for project in projects for row in _file_counts(work, project.project_id)]
        told = [sentence for project in projects for sentence in _fetch_notes(work, project.project_id, began)]
        succeeded = [project for project, (_, result) in zip(projects, results, strict=True) if result.success]
        told += _nothing_newer(work, succeeded, oldest)
    if rows or as_json or not told:
        print_rows(rows, as_json=as_json, empty="nothing is delivered")
    for sentence in told:
        typer.echo(sentence, err=as_json)
    _raise_failures(results)


@app.command("aggregate")
def aggregate(
    project_id: AnyProjectId = None,
    limit: Annotated[int, typer.Option(parser=whole(1), metavar="N", help="Files to claim at most.")] = 100,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Batch B: read registered files and publish the months they complete."""
    from batch_platform.finops.dagster.partitions import PROJECTS, partition_key

    settings = load_settings()
    with open_work(settings) as work:
        if project_id:
            work.connection(project_id)
        months = work.months_to_aggregate(project_id)
        if dry_run:
            rows = [{"project_id": m.project_id, "month": f"{m.month:%Y-%m}", "bytes": m.total_bytes} for m in months]
            print_rows(rows, as_json=as_json, empty="no files wait to be aggregated")
            return
        results: list[tuple[str, RunResult]] = []
        left = limit
        with open_launcher(settings) as launcher:
            launcher.instance.add_dynamic_partitions(PROJECTS.name or "", sorted({m.project_id for m in months}))
            for month in months:
                if left <= 0:
                    break
                place = f"{month.project_id} {month.month:%Y-%m}"
                before = _done(work, month.project_id, month.month)
                config = {"ops": {"finops__cur_line_items": {"config": {"limit": left}}}}
                with showing(f"aggregating {place}"):
                    key = partition_key(month.project_id, month.month)
                    results.append((place, launcher.run("cur_aggregate", partition=key, config=config)))
                left -= _done(work, month.project_id, month.month) - before
        rows = [row for m in months if (row := _month_row(work, m.project_id, m.month))]
    print_rows(rows, as_json=as_json, empty="no files wait to be aggregated")
    _raise_failures(results)


@app.command("requeue")
def requeue(
    project_id: AnyProjectId = None,
    file: Annotated[str | None, typer.Option(metavar="KEY", help="Only this object key.")] = None,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Only files of this billing month.")] = None,
    all_files: Annotated[
        bool, typer.Option("--all", help="Files of the project that were read well too; what is published stays.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Put files in ERROR back to PENDING; with --all every file, to be read by the rules of now."""
    from batch_platform.finops import service

    at = service.parse_month(month) if month else None
    with open_work() as work:
        rows = service.requeue(work, project_id, file, month=at, all_files=all_files, dry_run=dry_run)
    print_rows(rows, as_json=as_json, empty="no files are registered" if all_files else "no file is in ERROR")


@app.command("files")
def files(
    project_id: AnyProjectId = None,
    all_versions: Annotated[bool, typer.Option("--all", help="Superseded versions too.")] = False,
    as_json: Json = False,
) -> None:
    """Show the registered files, their state and errors."""
    with open_work() as work, work.store.transaction() as session:
        projects = [session.project(project_id)] if project_id else session.projects()
        rows = [
            {
                "project_id": project.project_id,
                "month": f"{row['billing_month']:%Y-%m}",
                "status": row["status"],
                "rows": row["row_count"],
                "bytes": row["size_bytes"],
                "attempts": row["attempts"],
                "object_key": row["object_key"],
                "error": row["error_message"],
            }
            for project in projects
            for row in session.files(project.project_id)
            if all_versions or row["status"] != "SUPERSEDED"
        ]
    print_rows(rows, as_json=as_json, empty="no files are registered")


@app.command("months")
def months(project_id: ProjectId, as_json: Json = False) -> None:
    """Show the published months with state and totals."""
    with open_work() as work:
        with work.store.transaction() as session:
            session.project(project_id)
            published = session.months(project_id)
        rows = [row for month in published if (row := _month_row(work, project_id, month.month))]
    print_rows(rows, as_json=as_json, empty=f"project {project_id} has no published month")


@app.command("restatements")
def restatements(project_id: ProjectId, as_json: Json = False) -> None:
    """Show money that changed after its month was final."""
    with open_work() as work, work.store.transaction() as session:
        session.project(project_id)
        rows = session.restatements(project_id).to_dicts()
    print_rows(rows, as_json=as_json, empty="no final month was restated")


@app.command("anomalies")
def anomalies(project_id: ProjectId, month: Month, as_json: Json = False) -> None:
    """Show the days on which a service cost far more or less than before."""
    from batch_platform.finops import service

    with open_work() as work:
        found = service.stored_anomalies(work, project_id, service.parse_month(month))
    print_rows(found.to_dicts(), as_json=as_json, empty=f"no anomalies in {month}")


@app.command("forecast")
def forecast(
    project_id: ProjectId,
    month: Annotated[str | None, typer.Argument(metavar="[YYYY-MM]", help="From which month; the newest.")] = None,
    as_json: Json = False,
) -> None:
    """Show what the coming days are expected to cost, and how far off the method was on past days."""
    from batch_platform.finops import service

    with open_work() as work:
        at = service.parse_month(month) if month else None
        expected = service.stored_forecast(work, project_id, at)
    print_rows(expected.to_dicts(), as_json=as_json, empty="no history to forecast from")


def _done(work: FinopsContext, project_id: str, month: date) -> int:
    with work.store.transaction() as session:
        files = session.files(project_id, month=month)
    return sum(1 for file in files if file["status"] in ("DONE", "ERROR"))


def _file_counts(work: FinopsContext, project_id: str) -> list[dict[str, Any]]:
    with work.store.transaction() as session:
        files = [file for file in session.files(project_id) if file["status"] != "SUPERSEDED"]
    counts: dict[date, dict[str, Any]] = {}
    for file in files:
        row = counts.setdefault(
            file["billing_month"],
            {"project_id": project_id, "month": f"{file['billing_month']:%Y-%m}", "version": file["version"]},
        )
        row[file["status"]] = row.get(file["status"], 0) + 1
    columns = ("PENDING", "PROCESSING", "DONE", "ERROR")
    return [{**row, **{name: row.get(name, 0) for name in columns}} for row in counts.values()]


def _month_row(work: FinopsContext, project_id: str, month: date) -> dict[str, Any] | None:
    from batch_platform.finops.summary import totals

    with work.store.transaction() as session:
        published = session.month(project_id, month)
        costs = session.costs(project_id, month, month)
    if published is None:
        return None
    sums = totals(costs)
    return {
        "project_id": project_id,
        "month": f"{month:%Y-%m}",
        "state": published.state.value,
        "final_from": published.final_from and published.final_from.isoformat(),
        "version": published.version,
        "line_items": published.row_count,
        "unblended": {currency: f"{by_measure['unblended']:f}" for currency, by_measure in sums.items()},
        "amortized": {currency: f"{by_measure['amortized']:f}" for currency, by_measure in sums.items()},
        "warnings": [f"{check.name}: {check.description}" for check in published.checks if not check.passed],
        "former_connection": published.of_former_connection,
    }


def _fetch_notes(work: FinopsContext, project_id: str, began: datetime) -> Iterator[str]:
    """What deliveries wait for, and what a fetch that `began` then has withdrawn."""
    from batch_platform.finops import service

    with work.store.snapshot() as session:
        under_way = session.deliveries_under_way(project_id)
        withdrawn = session.withdrawn_months(project_id)
    for row in under_way:
        if row["status"] == "WAITING":
            waits = service.waiting_for(work, tuple(row["missing_keys"]), row["first_seen_at"])
            yield f"{project_id} {row['billing_month']:%Y-%m}: {waits}"
    for month in withdrawn:
        if month.withdrawn_at >= began:
            yield f"{project_id} {month.published.month:%Y-%m}: withdrawn: {month.detail}"


def _nothing_newer(work: FinopsContext, projects: Sequence[Connection], since: date | None) -> list[str]:
    from batch_platform.finops import service

    told = [service.nothing_newer(work, project, since=since) for project in projects]
    return [sentence for sentence in told if sentence]


def _print_discovery(found: Discovery, told: Sequence[str], *, as_json: bool) -> None:
    rows = [{"project_id": m.project_id, "month": f"{m.month:%Y-%m}", "new": m.run_key} for m in found.wanted]
    if rows or as_json or not told:
        print_rows(rows, as_json=as_json, empty="every manifest is as it was registered")
    for sentence in told:
        typer.echo(sentence, err=as_json)
    for sentence in (*found.errors, *found.waiting):
        typer.echo(sentence, err=True)


def _raise_failures(results: Sequence[tuple[str, RunResult]]) -> None:
    failed = [result for _, result in results if not result.success]
    if failed:
        raise PermanentFailure(
            "run-failed", "{reason}", reason="; ".join(result.reason or result.run_id for result in failed)
        )
