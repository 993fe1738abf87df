"""`batch-platform cur report` and its neighbours: what published costs are made of."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import console, print_json, print_rows, whole
from batch_platform.finops.cli_work import Json, Month, ProjectId
from batch_platform.finops.opening import open_work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_platform.finops.report import Report
    from batch_platform.finops.service import CostQuery, CostRows, FinopsContext

AnyMonth = Annotated[
    str | None, typer.Argument(metavar="[YYYY-MM]", help="The billing month; or days by --start and --end.")
]
Start = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The first day (UTC), in any month.")]
End = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day, included.")]
Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="GROUP=VALUE", help="Only these rows, such as tag:team=web; repeatable."),
]

_NOTHING = {"tag": "(no tag)", "cost_category": "(no category)"}


class ReportFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    FOCUS = "focus"
    FOCUS_PARQUET = "focus-parquet"


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
    from batch_platform.finops import report as exports
    from batch_platform.finops import service

    wanted = ReportFormat.JSON if as_json else output
    groups = [group.strip() for group in group_by.split(",") if group.strip()]
    with open_work() as work:
        query = _query(project_id, month, start, end, measure=measure, group_by=groups, filters=filters or ())
        if wanted in (ReportFormat.FOCUS, ReportFormat.FOCUS_PARQUET):
            found = service.focus_file(
                work, service.CostReader(work.store), query, "csv" if wanted is ReportFormat.FOCUS else "parquet"
            )
            with found.file as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            return
        rows = service.cost_rows(work, service.CostReader(work.store), query, limit=limit)
    reports = rows.reports
    if wanted is ReportFormat.JSON:
        more = _missing(rows)
        answers = [
            exports.to_json(one) | more | ({} if limit is None else {"row_count": one.row_count}) for one in reports
        ]
        print_json(answers[0] if len(answers) == 1 else answers)
    elif wanted is ReportFormat.CSV:
        typer.echo(exports.to_csv(reports), nl=False)
    elif wanted is ReportFormat.PARQUET:
        sys.stdout.buffer.write(exports.to_parquet(reports))
    else:
        for one in reports:
            print_report(console(), one)
            if one.row_count > one.rows.height:
                typer.echo(f"{one.rows.height:,} of {one.row_count:,} rows")
    if rows.missing and wanted is not ReportFormat.JSON:
        typer.echo(f"not published: {', '.join(_missing(rows)['missing_months'])}", err=True)


def keys(
    project_id: ProjectId, month: AnyMonth = None, start: Start = None, end: End = None, as_json: Json = False
) -> None:
    """Show the tags and cost categories that `cur report --group-by` knows."""
    from batch_platform.finops import service

    with open_work() as work:
        months = _published(work, _query(project_id, month, start, end))
        found = service.cost_keys(work, project_id, months)
    groups = [*(f"tag:{name}" for name in found.tags), *(f"cost_category:{name}" for name in found.cost_categories)]
    if as_json:
        print_json({"tags": found.tags, "cost_categories": found.cost_categories})
        return
    typer.echo("\n".join(groups) or "the line items have no tags and no cost categories")


def commitments(project_id: ProjectId, month: Month, as_json: Json = False) -> None:
    """Show Savings Plans and reservations: used, unused, utilisation, savings; coverage by service."""
    from batch_platform.finops import service
    from batch_platform.finops.commitments import total_coverage

    with open_work() as work:
        found = service.month_commitments(
            work, service.CostReader(work.store), project_id, service.parse_month(month)
        )
    uses = [
        {
            "commitment": one.arn,
            "kind": one.kind,
            "currency": one.currency,
            **{name: getattr(one, name) for name in ("used", "unused", "total", "covered_cost", "on_demand_cost")},
            "utilization": one.utilisation,
            "savings": one.savings,
        }
        for one in found.commitments.uses
    ]
    coverage = [
        {
            "service": one.service,
            "currency": one.currency,
            "covered_by_savings_plans": one.by_savings_plans,
            "covered_by_reservations": one.by_reservations,
            "on_demand": one.on_demand,
            "coverage": one.share,
        }
        for one in (*found.commitments.coverage, *total_coverage(found.commitments.coverage))
    ]
    stamp = found.stamp
    if as_json:
        about = {"project_id": project_id, "month": f"{stamp.month:%Y-%m}", "state": stamp.state.value}
        coverage = [one | {"service": one["service"] or None} for one in coverage]
        print_json(about | {"manifest_version": stamp.version, "commitments": uses, "coverage": coverage})
        return
    typer.echo(f"{project_id} {stamp.month:%Y-%m} · amortized · {stamp.state} · manifest {stamp.version}")
    print_rows(uses, empty="no commitments in the month")
    named = [one | {"service": one["service"] or "total"} for one in coverage]
    print_rows(named, empty="no usage that commitments cover")


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
    from batch_platform.finops import service

    groups = [group.strip() for group in group_by.split(",") if group.strip()]
    with open_work() as work:
        query = _query(project_id, month, start, end, group_by=groups, filters=filters or ())
        found = service.split_costs(work, service.CostReader(work.store), query, limit=limit)
    outside = [
        {"currency": row["currency"], **{name: row[name] for name in ("unblended", "amortized")}}
        for row in found.left_out_of.iter_rows(named=True)
    ]
    if as_json:
        print_json(
            {
                "project_id": project_id,
                "start": query.start,
                "end": query.end,
                "months": [
                    {"month": f"{one.month:%Y-%m}", "state": one.state.value, "manifest_version": one.version}
                    for one in found.stamps
                ],
                "in_totals": False,
                "group_by": found.groups,
                "row_count": found.row_count,
                "rows": found.rows.to_dicts(),
                "totals": found.totals.to_dicts(),
                "left_out_of": outside,
            }
        )
        return
    print_rows(found.rows.to_dicts(), empty="no containers in these days")
    for row in found.totals.iter_rows(named=True):
        amounts = f"{row['split_cost']:f} and {row['unused_cost']:f} unused"
        typer.echo(f"containers: {amounts} {row['currency']}, in no total")
    for row in outside:
        amounts = f"{row['unblended']:f} unblended, {row['amortized']:f} amortized"
        typer.echo(f"totals without them: {amounts} {row['currency']}")


def print_report(out: Console, one: Report) -> None:
    """A report for the terminal, its total below."""
    out.print(
        f"[bold]{one.project_id} {one.month}[/] · {one.measure} in {one.currency or 'no currency'} · {one.state} · "
        f"manifest {one.manifest_version}",
        soft_wrap=True,
        markup=True,
    )
    table = Table(show_footer=True)
    for position, group in enumerate(one.group_by):
        table.add_column(group, footer="total" if position == 0 else "", overflow="fold")
    table.add_column("amount", justify="right", footer=f"{one.totals[one.measure]:f}", no_wrap=True)
    for *values, amount in one.rows.iter_rows():
        table.add_row(*map(_named, one.group_by, values), f"{amount:f}")
    out.print(table)


def _named(group: str, value: object) -> str:
    return str(value) or _NOTHING.get(group.partition(":")[0], "")


def _missing(rows: CostRows) -> dict[str, Any]:
    return {"missing_months": [f"{month:%Y-%m}" for month in rows.missing]} if rows.missing else {}


def _published(work: FinopsContext, query: CostQuery) -> Sequence[Any]:
    from batch_platform.finops import service

    stamps = service.published_stamps(work, service.CostReader(work.store), query)
    return [stamp.month for stamp in stamps]


def _query(project_id: str, month: str | None, start: str | None, end: str | None, **asked: Any) -> CostQuery:
    from batch_platform.finops import service

    if month is None and start is None and end is None:
        raise InvalidInput("month-or-days-needed", "name a month, or days by --start and --end", field="month")
    return service.cost_query(
        project_id,
        month=service.parse_month(month) if month is not None else None,
        start=service.parse_day(start, "start") if start is not None else None,
        end=service.parse_day(end, "end") if end is not None else None,
        **asked,
    )
