"""The use cases of finops: what assets, sensors, the API and the command line call.

context     what every use case works with
projects    connections: add, list, test
source      what lies in a project's bucket
fetch       Batch A: register what AWS delivered
poll        what the sensor polls: which project-months want a run
withdrawal  taking back what a former connection published
aggregate   Batch B, first half: delivered files -> normalised line items
lake        the line items of published months on local disk
publish     Batch B, second half: line items -> the month's cost tables
batches     both batches over every project, and what they would do
commitments the use of plans and reservations, and what containers took
cost_query  what is asked of published costs
costs       costs of any days by any groups
focus       costs as a file of FOCUS
insight     reports, anomalies, forecast
readers     published costs for many readers, kept in memory
budgets     what a month may cost
audit       where a change is recorded, in its own transaction
"""

from batch_platform.finops.service.aggregate import AggregateOutcome, read_files
from batch_platform.finops.service.batches import (
    AggregateStep,
    Failed,
    ReadyMonth,
    aggregate_all,
    fetch_all,
    ready_months,
)
from batch_platform.finops.service.budgets import budget_statuses, delete_budget, parse_amount, set_budget
from batch_platform.finops.service.commitments import MonthCommitments, SplitCosts, month_commitments, split_costs
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.cost_query import CostQuery, cost_query, listed, parse_day, typed_query
from batch_platform.finops.service.costs import (
    CostKeys,
    CostPage,
    CostRows,
    cost_keys,
    cost_rows,
    published_stamps,
)
from batch_platform.finops.service.fetch import (
    FetchOutcome,
    FetchStatus,
    fetch_month,
    fetch_project,
    file_counts,
    nothing_delivered,
    nothing_newer,
    older_only,
    waiting_for,
    waits,
)
from batch_platform.finops.service.focus import FocusFile, focus_file
from batch_platform.finops.service.insight import (
    Insight,
    anomalies_of,
    compute_anomalies,
    compute_forecast,
    daily_costs,
    forecast_of,
    month_costs,
    parse_month,
    report,
)
from batch_platform.finops.service.lake import LineItems, LineItemsLost, line_items
from batch_platform.finops.service.poll import Discovery, discover, late_deliveries, remember_unreadable
from batch_platform.finops.service.projects import (
    Removal,
    add_project,
    change_project,
    create_project,
    disable_project,
    remove_project,
    requeue,
    test_project,
)
from batch_platform.finops.service.publish import ChecksFailed, PublishOutcome, publish_month
from batch_platform.finops.service.published import MonthTotals, published_among, published_months
from batch_platform.finops.service.readers import CostReader

__all__ = [
    "AggregateOutcome",
    "AggregateStep",
    "ChecksFailed",
    "CostKeys",
    "CostPage",
    "CostQuery",
    "CostReader",
    "CostRows",
    "Discovery",
    "Failed",
    "FetchOutcome",
    "FetchStatus",
    "FinopsContext",
    "FocusFile",
    "Insight",
    "LineItems",
    "LineItemsLost",
    "MonthCommitments",
    "MonthTotals",
    "PublishOutcome",
    "ReadyMonth",
    "Removal",
    "SplitCosts",
    "add_project",
    "aggregate_all",
    "anomalies_of",
    "budget_statuses",
    "change_project",
    "compute_anomalies",
    "compute_forecast",
    "cost_keys",
    "cost_query",
    "cost_rows",
    "create_project",
    "daily_costs",
    "delete_budget",
    "disable_project",
    "discover",
    "fetch_all",
    "fetch_month",
    "fetch_project",
    "file_counts",
    "focus_file",
    "forecast_of",
    "late_deliveries",
    "line_items",
    "listed",
    "month_commitments",
    "month_costs",
    "nothing_delivered",
    "nothing_newer",
    "older_only",
    "parse_amount",
    "parse_day",
    "parse_month",
    "publish_month",
    "published_among",
    "published_months",
    "published_stamps",
    "read_files",
    "ready_months",
    "remember_unreadable",
    "remove_project",
    "report",
    "requeue",
    "set_budget",
    "split_costs",
    "test_project",
    "typed_query",
    "waiting_for",
    "waits",
]
