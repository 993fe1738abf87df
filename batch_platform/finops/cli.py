"""`batch-platform cur …`: projects, the two batches, and what they made of the money."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from batch_platform.core.failures import PermanentFailure, PlatformError
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import chosen, print_json, print_rows
from batch_platform.finops import printing, service
from batch_platform.finops import report as reports
from batch_platform.finops.jobs import FILES_OF_A_RUN, AggregateParameters, FetchParameters, parse_since
from batch_platform.finops.model import Connection, Format
from batch_platform.finops.opening import open_context
from batch_platform.finops.service import CostReader, FinopsContext
from batch_platform.finops.service.audit import CHANGE, CREATE, REMOVE, REQUEUE
from batch_platform.finops.web import cost_schemas, lists, schemas
from batch_platform.kit.lists import List, command, show, written
from batch_platform.kit.options import DryRun, Json, whole
from batch_platform.kit.session import of_command
from batch_platform.operations.actions import EXECUTE
from batch_platform.settings import load_settings

if TYPE_CHECKING:
    from batch_platform.kit.session import Session
    from batch_platform.operations.model import JobParameters

app = typer.Typer()
projects = typer.Typer(no_args_is_help=True, help="Where the projects' reports lie.")
app.add_typer(projects, name="projects")

PROJECT: Final = typer.Argument(metavar="ID", help="The project.")
ANY_PROJECT: Final = typer.Argument(metavar="[ID]", help="The project; all when left out.")
ProjectId = Annotated[str, PROJECT]
AnyProjectId = Annotated[str | None, ANY_PROJECT]
Month = Annotated[str, typer.Argument(metavar="YYYY-MM", help="The billing month.")]
AnyMonth = Annotated[
    str | None, typer.Argument(metavar="[YYYY-MM]", help="The billing month; or days by --start and --end.")
]
Start = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The first day (UTC), in any month.")]
End = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day, included.")]
Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="GROUP=VALUE", help="Only these rows, such as tag:team=web; repeatable."),
]


class ReportFormat(StrEnum):
    TABLE, JSON, CSV, PARQUET = "table", "json", "csv", "parquet"
    FOCUS, FOCUS_PARQUET = "focus", "focus-parquet"


def _list(
    listing: List[FinopsContext, Any, Any], name: str, doc: str, group: typer.Typer = app, **options: Any
) -> None:
    command(group, listing, name, doc=doc, opened=open_context, options=options)


_list(lists.PROJECTS, "list", "List the projects.", projects)
_list(lists.MONTHS, "months", "Show the published months with state and totals.", project_id=PROJECT)
_list(lists.RESTATEMENTS, "restatements", "Show money that changed after its month was final.", project_id=PROJECT)
_list(
    lists.PROJECT_FILES,
    "files",
    "Show the registered files, their state and errors.",
    project_id=ANY_PROJECT,
    all=typer.Option("--all", help="Superseded versions too."),
)
_list(
    lists.PROJECT_ARCHIVE,
    "archive",
    "Show the months that were withdrawn, and those of removed projects.",
    project_id=ANY_PROJECT,
)


@projects.command("add")
@writes(CREATE, CHANGE)
def add_project(
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
    without_manifest: Annotated[
        bool,
        typer.Option("--without-manifest", help="Only data files are there: take a listing that stands still."),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a project, or change it."""
    connection = Connection(
        *(project_id, name or project_id, bucket, prefix, report_name, region or load_settings().aws_region),
        format=chosen("format", report_format, Format),
        role_arn=role_arn,
        external_id=external_id,
        account_scope=tuple(account) if account else None,
        enabled=not disabled,
        without_manifest=without_manifest,
    )
    with of_command(open_context) as session:
        changed = service.add_project(session.context, connection, dry_run=dry_run, record=session.log.record)
    if as_json:
        print_json({"projectId": project_id, "changed": changed, "dryRun": dry_run})
        return
    verb = "would be saved" if dry_run else "saved"
    typer.echo(f"project {project_id} {verb if changed else 'is already so'}")


@projects.command("test")
def try_project(project_id: ProjectId, as_json: Json = False) -> None:
    """Try what the batches will do: role, bucket, newest manifest, files. Writes nothing."""
    with open_context() as context:
        answer = schemas.TestAnswer.of_steps(project_id, service.test_project(context, project_id))
    if as_json:
        print_json(written(answer))
    for step in [] if as_json else answer.steps:
        typer.echo(f"{'ok  ' if step.passed else 'FAIL'}  {step.name}: {step.detail}")
    if not answer.passed:
        raise typer.Exit(1)


@projects.command("remove")
@writes(REMOVE)
def remove_project(project_id: ProjectId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Remove a project: its costs are archived, its accounts and payers are free for another."""
    with of_command(open_context) as session:
        removal = service.remove_project(session.context, project_id, dry_run=dry_run, record=session.log.record)
    answer = schemas.RemovalAnswer.of(removal, dry_run=dry_run)
    if as_json:
        print_json(written(answer))
        return
    if not removal.changed:
        would = "is already removed; archived"
    else:
        would = "would be removed; to be archived" if dry_run else "removed; archived"
    typer.echo(f"project {project_id} {would}: {', '.join(answer.archived_months) or 'no month'}")


@app.command("fetch")
@writes(EXECUTE)
def fetch(
    project_id: AnyProjectId = None,
    since: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Months older than the last 13, from this one on.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Batch A: register what AWS delivered in the last 13 months, or since a month."""
    with of_command(open_context) as session:
        context = session.context
        connections = [context.connection(project_id)] if project_id else context.enabled_connections()
        began = context.clock()
        oldest = parse_since(since, began)
        if dry_run:
            news = service.discover(context, connections, requested={}, at_most=10_000, since=oldest)
            notes = [] if news.runs or news.errors else service.older_only(context, connections, since=oldest)
            rows = [{"project_id": m.project_id, "month": f"{m.month:%Y-%m}", "new": m.run_key} for m in news.runs]
            _print(rows, notes, as_json=as_json, empty="every manifest is as it was registered")
            for sentence in (*news.errors, *news.waiting):
                typer.echo(sentence, err=True)
            return
        parameters = FetchParameters(project_id=project_id, since=f"{oldest:%Y-%m}" if oldest else None)
        failure = _run(session, "cur-fetch", parameters) if connections else None
        rows = [row for connection in connections for row in service.file_counts(context, connection.project_id)]
        notes = service.waits(context, connections, since=began)
        notes += [] if failure else service.older_only(context, connections, since=oldest)
    _print(rows, notes, as_json=as_json, empty="nothing is delivered")
    if failure:
        raise failure


@app.command("aggregate")
@writes(EXECUTE)
def aggregate(
    project_id: AnyProjectId = None,
    limit: Annotated[int, typer.Option(parser=whole(1), metavar="N", help="Files to claim at most.")] = 100,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Batch B: read registered files and publish the months they complete."""
    empty = "no files wait to be aggregated"
    with of_command(open_context) as session:
        context = session.context
        connections = [context.connection(project_id)] if project_id else context.enabled_connections()
        months = context.months_to_aggregate(project_id)
        notes = [] if months else service.waits(context, connections)
        if dry_run:
            rows = [{"project_id": m.project_id, "month": f"{m.month:%Y-%m}", "bytes": m.total_bytes} for m in months]
            _print(rows, notes, as_json=as_json, empty=empty)
            return
        parameters = AggregateParameters(project_id=project_id, limit=min(limit, FILES_OF_A_RUN))
        failure = _run(session, "cur-aggregate", parameters) if months else None
        published = service.published_among(context, [(month.project_id, month.month) for month in months])
    if published or as_json or not notes:
        show(lists.PROJECT_MONTHS, published, as_json=as_json, empty=empty)
    for note in notes:
        typer.echo(note, err=as_json)
    if failure:
        raise failure


@app.command("requeue")
@writes(REQUEUE)
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
    at = service.parse_month(month) if month else None
    with of_command(open_context) as session:
        how = {"all_files": all_files, "dry_run": dry_run}
        rows = service.requeue(session.context, project_id, file, month=at, record=session.log.record, **how)
    if as_json:
        print_json([written(schemas.ProjectRequeuedAnswer.of(row)) for row in rows])
    else:
        print_rows(rows, empty="no files are registered" if all_files else "no file is in ERROR")


@app.command("anomalies")
def anomalies(project_id: ProjectId, month: Month, as_json: Json = False) -> None:
    """Show the days on which a service cost far more or less than before."""
    with open_context() as context:
        insight = service.anomalies_of(context, project_id, service.parse_month(month))
    if as_json:
        print_json(written(schemas.AnomaliesAnswer.of(insight)))
    else:
        print_rows(insight.rows.to_dicts(), empty=f"no anomalies in {month}")


@app.command("forecast")
def forecast(
    project_id: ProjectId,
    month: Annotated[str | None, typer.Argument(metavar="[YYYY-MM]", help="From which month; the newest.")] = None,
    as_json: Json = False,
) -> None:
    """Show what the coming days are expected to cost, and how far off the method was on past days."""
    with open_context() as context:
        insight = service.forecast_of(context, project_id, service.parse_month(month) if month else None)
    if as_json:
        print_json(written(schemas.ForecastAnswer.of(insight)))
    else:
        print_rows(insight.rows.to_dicts(), empty="no history to forecast from")


@app.command("report")
def report(
    project_id: ProjectId,
    month: AnyMonth = None,
    start: Start = None,
    end: End = None,
    measure: Annotated[
        str, typer.Option(help="unblended, amortized, net_unblended, net_amortized, billed or list.")
    ] = "unblended",
    group_by: Annotated[
        str,
        typer.Option(
            help="Any of service,account,region,charge_class,day; tag:KEY,cost_category:NAME,resource,usage_type,"
            "operation (see `cur keys`)."
        ),
    ] = "service",
    filters: Filters = None,
    limit: Annotated[
        int | None,
        typer.Option(parser=whole(1), metavar="N", help="Rows at most, the largest first; totals are of all."),
    ] = None,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="How to print it; focus: CSV in the columns of FOCUS 1.2.")
    ] = ReportFormat.TABLE,
    as_json: Json = False,
) -> None:
    """Print costs by group; every answer states measure, currency, state and manifest version."""
    output = ReportFormat.JSON if as_json else output
    with open_context() as context:
        reader = CostReader(context.store)
        query = service.typed_query(project_id, month, start, end, group_by, measure=measure, filters=filters or ())
        if output in (ReportFormat.FOCUS, ReportFormat.FOCUS_PARQUET):
            focus = service.focus_file(context, reader, query, "csv" if output is ReportFormat.FOCUS else "parquet")
            with focus.file as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            return
        rows = service.cost_rows(context, reader, query, limit=limit)
    if output is ReportFormat.JSON:
        print_json(written(cost_schemas.CostRowsAnswer.of(rows, next_cursor=None)))
        return
    if output is ReportFormat.CSV:
        typer.echo(reports.to_csv(rows.reports), nl=False)
    elif output is ReportFormat.PARQUET:
        sys.stdout.buffer.write(reports.to_parquet(rows.reports))
    else:
        for page in rows.reports:
            printing.report(page)
            if page.row_count > page.rows.height:
                typer.echo(f"{page.rows.height:,} of {page.row_count:,} rows")
    if rows.missing:
        typer.echo(f"not published: {', '.join(f'{month:%Y-%m}' for month in rows.missing)}", err=True)


@app.command("keys")
def show_keys(
    project_id: ProjectId, month: AnyMonth = None, start: Start = None, end: End = None, as_json: Json = False
) -> None:
    """Show the tags and cost categories that `cur report --group-by` knows."""
    with open_context() as context:
        query = service.typed_query(project_id, month, start, end)
        months = [stamp.month for stamp in service.published_stamps(context, CostReader(context.store), query)]
        keys = service.cost_keys(context, project_id, months)
    answer = cost_schemas.CostKeysAnswer.of(keys, project_id=project_id, months=months)
    if as_json:
        print_json(written(answer))
        return
    names = [*(f"tag:{name}" for name in answer.tags), *(f"cost_category:{name}" for name in answer.cost_categories)]
    typer.echo("\n".join(names) or "the line items have no tags and no cost categories")


@app.command("commitments")
def show_commitments(project_id: ProjectId, month: Month, as_json: Json = False) -> None:
    """Show Savings Plans and reservations: used, unused, utilisation, savings; coverage by service."""
    with open_context() as context:
        at = service.parse_month(month)
        commitments = service.month_commitments(context, CostReader(context.store), project_id, at)
    answer = cost_schemas.CommitmentsAnswer.of(commitments)
    if as_json:
        print_json(written(answer))
        return
    typer.echo(f"{project_id} {answer.month} · amortized · {answer.month_state} · manifest {answer.manifest_version}")
    printing.commitments(answer)


@app.command("split")
def split(
    project_id: ProjectId,
    month: AnyMonth = None,
    start: Start = None,
    end: End = None,
    group_by: Annotated[
        str, typer.Option(help="As of `cur report`; left out: AWS's own tags of cluster, namespace and service.")
    ] = "",
    filters: Filters = None,
    limit: Annotated[
        int | None, typer.Option(parser=whole(1), metavar="N", help="Rows at most; the totals are of all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what containers took of their machines: copies of costs, in no total, beside those totals."""
    with open_context() as context:
        query = service.typed_query(project_id, month, start, end, group_by, filters=filters or ())
        costs = service.split_costs(context, CostReader(context.store), query, limit=limit)
    if as_json:
        print_json(written(cost_schemas.SplitAnswer.of(costs, next_cursor=None)))
        return
    print_rows(costs.rows.to_dicts(), empty="no containers in these days")
    for line in printing.split_totals(costs):
        typer.echo(line)


def _run(session: Session[FinopsContext], job: str, parameters: JobParameters) -> PlatformError | None:
    """Run the job here; why it failed, which is to be raised after what was done all the same is told."""
    try:
        session.run(job, parameters)
    except PlatformError as failure:
        return PermanentFailure("run-failed", "{reason}", reason=failure.message)
    return None


def _print(rows: Sequence[dict[str, Any]], notes: Sequence[str], *, as_json: bool, empty: str) -> None:
    """The rows, then what is to be said of them: beside the JSON on standard error."""
    if rows or as_json or not notes:
        print_rows(rows, as_json=as_json, empty=empty)
    for note in notes:
        typer.echo(note, err=as_json)
