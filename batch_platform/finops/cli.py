"""`batch-platform cur …`: projects, the two batches, and what they made of the money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.core.terminal import print_json, print_rows, showing, whole
from batch_platform.finops import cost_cli
from batch_platform.finops.cli_work import AnyProjectId, DryRun, Json, Month, ProjectId, open_work
from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.finops.service import Discovery, FinopsContext
    from batch_platform.operations.launch import Launcher, RunResult

app = typer.Typer(no_args_is_help=True, help="AWS cost and usage reports: fetch, aggregate, report.")
projects_app = typer.Typer(no_args_is_help=True, help="Where the projects' reports lie.")
app.add_typer(projects_app, name="projects")

app.command("report")(cost_cli.report)
app.command("keys")(cost_cli.keys)
app.command("commitments")(cost_cli.commitments)
app.command("split")(cost_cli.split)


@projects_app.command("add")
def projects_add(
    project_id: ProjectId,
    bucket: Annotated[str, typer.Option(help="The bucket of the reports.")],
    prefix: Annotated[str, typer.Option(help="The key prefix before the report's folder.")],
    report_name: Annotated[str, typer.Option(help="The report's or export's name.")],
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    region: Annotated[str | None, typer.Option(help="The bucket's region; default: the platform's.")] = None,
    role_arn: Annotated[str | None, typer.Option(help="The role to assume.")] = None,
    external_id: Annotated[str | None, typer.Option(help="The external id its trust policy asks for.")] = None,
    report_format: Annotated[str, typer.Option("--format", help="auto, cur_legacy, cur2 or focus.")] = "auto",
    account: Annotated[list[str] | None, typer.Option(help="Only this usage account; repeatable.")] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Keep it, but do not poll it.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a project, or change it."""
    from batch_platform.finops import service
    from batch_platform.finops.model import Connection, Format

    if report_format not in list(Format):
        raise InvalidInput(f"--format is {', '.join(Format)}, not {report_format}", field="format")
    settings = load_settings()
    connection = Connection(
        project_id=project_id,
        name=name or project_id,
        bucket=bucket,
        prefix=prefix.strip("/"),
        report_name=report_name,
        region=region or settings.aws_region,
        format=Format(report_format),
        role_arn=role_arn,
        external_id=external_id,
        account_scope=tuple(account) if account else None,
        enabled=not disabled,
    )
    with open_work(settings) as work:
        changed = service.add_project(work, connection, dry_run=dry_run)
    if as_json:
        print_json({"project_id": project_id, "changed": changed, "dry_run": dry_run})
        return
    verb = "would be saved" if dry_run else "saved"
    typer.echo(f"project {project_id} {verb if changed else 'is already so'}")


@projects_app.command("list")
def projects_list(as_json: Json = False) -> None:
    """List the projects."""
    with open_work() as work, work.store.transaction() as session:
        projects = session.projects()
    rows = [
        {
            "project_id": p.project_id,
            "name": p.name,
            "location": f"s3://{p.bucket}/{p.prefix}/{p.report_name}",
            "format": p.format.value,
            "role": p.role_arn,
            "accounts": None if p.account_scope is None else list(p.account_scope),
            "enabled": p.enabled,
        }
        for p in projects
    ]
    print_rows(rows, as_json=as_json, empty="no projects; add one with: batch-platform cur projects add")


@projects_app.command("test")
def projects_test(project_id: ProjectId, as_json: Json = False) -> None:
    """Try what the batches will do: role, bucket, newest manifest, files. Writes nothing."""
    from batch_platform.finops import service

    with open_work() as work:
        steps = service.test_project(work, project_id)
    passed = all(step.passed for step in steps)
    if as_json:
        print_json({"project_id": project_id, "passed": passed, "steps": [vars(step) for step in steps]})
    for step in [] if as_json else steps:
        typer.echo(f"{'ok  ' if step.passed else 'FAIL'}  {step.name}: {step.detail}")
    if not passed:
        raise typer.Exit(1)


@app.command("fetch")
def fetch(project_id: AnyProjectId = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Batch A: register what AWS delivered in the last 13 months."""
    from batch_platform.finops import service
    from batch_platform.finops.manifest import POLLED_MONTHS
    from batch_platform.finops.months import shift
    from batch_platform.finops.partitions import PROJECTS, partition_key

    settings = load_settings()
    with open_work(settings) as work:
        projects = [work.connection(project_id)] if project_id else work.enabled_connections()
        if dry_run:
            _print_discovery(service.discover(work, projects, requested={}, at_most=10_000), as_json=as_json)
            return
        last = work.clock().date().replace(day=1)
        first = shift(last, 1 - POLLED_MONTHS)
        results: list[tuple[str, RunResult]] = []
        with _launcher(settings) as launcher:
            launcher.instance.add_dynamic_partitions(PROJECTS.name or "", [p.project_id for p in projects])
            for project in projects:
                keys = (partition_key(project.project_id, first), partition_key(project.project_id, last))
                with showing(f"fetching {project.project_id}"):
                    results.append((project.project_id, launcher.run("cur_fetch", partition_range=keys)))
        rows = [_file_counts(work, project.project_id) for project in projects]
    print_rows([row for group in rows for row in group], as_json=as_json, empty="nothing is delivered")
    _raise_failures(results)


@app.command("aggregate")
def aggregate(
    project_id: AnyProjectId = None,
    limit: Annotated[int, typer.Option(parser=whole(1), metavar="N", help="Files to claim at most.")] = 100,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Batch B: read registered files and publish the months they complete."""
    from batch_platform.finops.partitions import PROJECTS, partition_key

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
        with _launcher(settings) as launcher:
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


@contextmanager
def _launcher(settings: Settings) -> Iterator[Launcher]:
    from batch_platform.operations.launch import Launcher

    with showing("loading the jobs"):
        launcher = Launcher(settings)
    launcher.end_dead_runs()
    yield launcher


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
        "unblended": {currency: str(by_measure["unblended"]) for currency, by_measure in sums.items()},
        "amortized": {currency: str(by_measure["amortized"]) for currency, by_measure in sums.items()},
        "warnings": [f"{check.name}: {check.description}" for check in published.checks if not check.passed],
    }


def _print_discovery(found: Discovery, *, as_json: bool) -> None:
    rows = [{"project_id": m.project_id, "month": f"{m.month:%Y-%m}", "new": m.run_key} for m in found.wanted]
    print_rows(rows, as_json=as_json, empty="every manifest is as it was registered")
    for sentence in (*found.errors, *found.waiting):
        typer.echo(sentence, err=True)


def _raise_failures(results: Sequence[tuple[str, RunResult]]) -> None:
    failed = [result for _, result in results if not result.success]
    if failed:
        raise PermanentFailure("; ".join(result.reason or result.run_id for result in failed))
