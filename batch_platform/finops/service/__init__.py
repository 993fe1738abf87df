"""The use cases of finops: what assets, sensors, the API and the command line call.

context     what every use case works with
projects    connections: add, list, test
fetch       Batch A: find and register what AWS delivered
aggregate   Batch B, first half: delivered files -> normalised line items
publish     Batch B, second half: line items -> the month's cost tables
insight     reports, anomalies, forecast
"""

from batch_platform.finops.service.aggregate import AggregateOutcome, read_files
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.fetch import (
    Discovery,
    FetchOutcome,
    FetchStatus,
    discover,
    fetch_month,
    fetch_project,
    late_deliveries,
)
from batch_platform.finops.service.insight import (
    compute_anomalies,
    compute_forecast,
    daily_costs,
    month_costs,
    parse_month,
    report,
    stored_anomalies,
    stored_forecast,
)
from batch_platform.finops.service.projects import add_project, requeue, test_project
from batch_platform.finops.service.publish import PublishOutcome, publish_month

__all__ = [
    "AggregateOutcome",
    "Discovery",
    "FetchOutcome",
    "FetchStatus",
    "FinopsContext",
    "PublishOutcome",
    "add_project",
    "compute_anomalies",
    "compute_forecast",
    "daily_costs",
    "discover",
    "fetch_month",
    "fetch_project",
    "late_deliveries",
    "month_costs",
    "parse_month",
    "publish_month",
    "read_files",
    "report",
    "requeue",
    "stored_anomalies",
    "stored_forecast",
    "test_project",
]
