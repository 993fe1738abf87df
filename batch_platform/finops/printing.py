"""Tables of costs for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.table import Table

from batch_platform.core.terminal import console, print_rows

if TYPE_CHECKING:
    from batch_platform.finops.report import Report
    from batch_platform.finops.service import SplitCosts
    from batch_platform.finops.web.cost_schemas import CommitmentsAnswer

_NOTHING: Final = {"tag": "(no tag)", "cost_category": "(no category)"}


def report(page: Report) -> None:
    """A report, its total below."""
    out = console()
    out.print(
        f"[bold]{page.project_id} {page.month}[/] · {page.measure} in {page.currency or 'no currency'} · "
        f"{page.state} · manifest {page.manifest_version}",
        soft_wrap=True,
        markup=True,
    )
    table = Table(show_footer=True)
    for position, group in enumerate(page.group_by):
        table.add_column(group, footer="total" if position == 0 else "", overflow="fold")
    table.add_column("amount", justify="right", footer=f"{page.totals[page.measure]:f}", no_wrap=True)
    for *values, amount in page.rows.iter_rows():
        table.add_row(*map(_named, page.group_by, values), f"{amount:f}")
    out.print(table)


def commitments(month: CommitmentsAnswer) -> None:
    print_rows([use.model_dump() for use in month.commitments], empty="no commitments in the month")
    coverage = [service.model_dump() for service in (*month.coverage, *month.total_coverage)]
    named = [row | {"service": row["service"] or "total"} for row in coverage]
    print_rows(named, empty="no usage that commitments cover")


def split_totals(costs: SplitCosts) -> Iterator[str]:
    for row in costs.totals.iter_rows(named=True):
        amounts = f"{row['split_cost']:f} and {row['unused_cost']:f} unused"
        yield f"containers: {amounts} {row['currency']}, in no total"
    for row in costs.left_out_of.iter_rows(named=True):
        amounts = f"{row['unblended']:f} unblended, {row['amortized']:f} amortized"
        yield f"totals without them: {amounts} {row['currency']}"


def _named(group: str, value: object) -> str:
    return str(value) or _NOTHING.get(group.partition(":")[0], "")
