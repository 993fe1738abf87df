"""Utilisation and coverage of Savings Plans and reservations, by the definitions of AWS Cost Explorer.

utilisation     used commitment / total commitment. Of a reservation, whose every hour costs the same, the share of
                its amortised cost is the share of its hours.
coverage        usage that a commitment covered / (that + usage on demand that one could have covered), both at
                their public on-demand cost, so that a discount moves no share.
savings         what the covered usage costs on demand, less its amortised cost, less the unused commitment ("net
                savings").

Amounts are exact; shares have 4 decimals, half-even (`budgets.share_of`). Currencies stay apart.
Sources: AWS Cost Management user guide (Savings Plans and RI utilisation and coverage reports), Savings Plans user
guide (which usage plans apply to), AWS CUR user guide (savingsPlan and reservation columns).
"""

# DuckDB views over file and column names take no parameters; what users write is bound
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core.sql import load
from batch_platform.finops.budgets import share_of
from batch_platform.finops.columns import CUR_MONEY, FOCUS_MONEY
from batch_platform.finops.lake_costs import Month, require_column
from batch_platform.finops.line_items import LineItemFiles
from batch_platform.finops.model import Format
from batch_platform.finops.summary import LINE_ITEM_COLUMNS, open_engine, select_line_items

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COULD_BE_COVERED: Final = (
    (
        ("AmazonEC2", "Amazon Elastic Compute Cloud"),
        r"^([A-Z0-9]+-)*(BoxUsage|DedicatedUsage|HostUsage|UnusedBox|UnusedDed)",
    ),
    (("AmazonECS", "Amazon Elastic Container Service"), r"^([A-Z0-9]+-)*Fargate-([A-Za-z]+-)?(vCPU|GB)-Hours"),
    (("AmazonEKS", "Amazon Elastic Kubernetes Service"), r"^([A-Z0-9]+-)*Fargate-([A-Za-z]+-)?(vCPU|GB)-Hours"),
    (("AWSLambda", "AWS Lambda"), r"^([A-Z0-9]+-)*Lambda-(GB-Second|Provisioned)"),
    (("AmazonSageMaker", "Amazon SageMaker"), r":ml\."),
    (
        ("AmazonRDS", "Amazon Relational Database Service"),
        r"^([A-Z0-9]+-)*(InstanceUsage|Multi-AZUsage|Multi-AZClusterUsage):db\.",
    ),
    (("AmazonElastiCache", "Amazon ElastiCache"), r"^([A-Z0-9]+-)*NodeUsage:"),
    (("AmazonES", "Amazon OpenSearch Service"), r"^([A-Z0-9]+-)*ESInstance:"),
    (("AmazonRedshift", "Amazon Redshift"), r"^([A-Z0-9]+-)*Node:"),
    (("AmazonMemoryDB", "Amazon MemoryDB"), r"^([A-Z0-9]+-)*NodeUsage:"),
    (("AmazonDynamoDB", "Amazon DynamoDB"), r"^([A-Z0-9]+-)*(Read|Write)CapacityUnit-Hrs"),
)
"""Service (CUR, FOCUS) and usage type of what Compute, EC2 and SageMaker Savings Plans or a reservation apply to.

Sources: Savings Plans user guide ("What are Savings Plans": EC2, Fargate, Lambda, SageMaker), the services' pages on
reserved instances, nodes and capacity. Spot usage, storage, requests and data transfer are never covered; Database
Savings Plans are not in the table.
"""


@dataclass(frozen=True)
class CommitmentUse:
    """One commitment in the month; amounts in `currency`. None is what the report does not tell.

    `unused` stands in the fee rows, which are in the report of the account that bought it. `used` of a plan is of all
    accounts; `covered_cost` (amortised) and `on_demand_cost` are of the covered usage in this report.
    """

    arn: str
    kind: str
    currency: str | None
    used: Decimal | None
    unused: Decimal | None
    covered_cost: Decimal | None
    on_demand_cost: Decimal | None

    @property
    def total(self) -> Decimal | None:
        return None if self.used is None or self.unused is None else self.used + self.unused

    @property
    def utilisation(self) -> Decimal | None:
        return share_of(self.used, self.total) if self.used is not None and self.total else None

    @property
    def savings(self) -> Decimal | None:
        if self.unused is None or self.covered_cost is None or self.on_demand_cost is None:
            return None
        return self.on_demand_cost - self.covered_cost - self.unused


@dataclass(frozen=True)
class Coverage:
    """Usage of one service that commitments covered, and that they could have (`on_demand`); public on-demand cost.

    `on_demand` is None where the export tells no usage types.
    """

    service: str
    currency: str | None
    by_savings_plans: Decimal
    by_reservations: Decimal
    on_demand: Decimal | None

    @property
    def share(self) -> Decimal | None:
        """None where nothing could be covered, or it is not told."""
        if self.on_demand is None:
            return None
        covered = self.by_savings_plans + self.by_reservations
        total = covered + self.on_demand
        return share_of(covered, total) if total else None


@dataclass(frozen=True)
class Commitments:
    """A month's commitments, and the coverage of each service that has usage they apply to."""

    uses: tuple[CommitmentUse, ...]
    coverage: tuple[Coverage, ...]


def commitments(month: Month, scratch: Path) -> Commitments:
    """Of the line items in scope. Raises `Conflict` for a month that was read before usage types were kept."""
    if not month.files:
        return Commitments((), ())
    layout = "focus" if month.format is Format.FOCUS else "cur"
    statements = load("batch_platform.finops.sql")
    with open_engine(scratch) as engine:
        items = LineItemFiles(engine, month.files)
        for column in ("usage_type", "pricing_term"):
            require_column(items, column, month)
        engine.execute("SET VARIABLE accounts = ?", [list(month.accounts)])
        engine.execute(f"CREATE TEMP VIEW line_items AS {_line_items(items)}")
        uses = _rows(engine, statements[f"{layout}_commitment_use"].as_string())
        usage = statements[f"{layout}_usage_by_cover"].as_string()
        engine.execute(f"CREATE TEMP TABLE usage_by_cover AS {usage}")
        engine.execute("CREATE TEMP TABLE could_be_covered (service VARCHAR, pattern VARCHAR)")
        rules = [[name, pattern] for names, pattern in COULD_BE_COVERED for name in names]
        engine.executemany("INSERT INTO could_be_covered VALUES (?, ?)", rules)
        covered = _rows(engine, statements["coverage"].as_string())
    return Commitments(tuple(CommitmentUse(**row) for row in uses), tuple(Coverage(**row) for row in covered))


def total_coverage(coverage: tuple[Coverage, ...]) -> list[Coverage]:
    """Of all services, one a currency."""
    totals = []
    for currency in sorted({service.currency or "" for service in coverage}):
        services = [service for service in coverage if (service.currency or "") == currency]
        on_demand = [service.on_demand for service in services if service.on_demand is not None]
        totals.append(
            Coverage(
                "",
                services[0].currency,
                sum((service.by_savings_plans for service in services), Decimal(0)),
                sum((service.by_reservations for service in services), Decimal(0)),
                sum(on_demand, Decimal(0)) if len(on_demand) == len(services) else None,
            )
        )
    return totals


def _line_items(items: LineItemFiles) -> str:
    money = [name for name in (*CUR_MONEY, *FOCUS_MONEY) if name in items.columns]
    more = ("usage_type", "pricing_term")
    rows = select_line_items(items.relation((*LINE_ITEM_COLUMNS, *money, *more), {}), {*money}, more)
    return f"SELECT * FROM ({rows}) WHERE coalesce(usage_account_id, '') IN (SELECT unnest(getvariable('accounts')))"


def _rows(engine: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = engine.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
