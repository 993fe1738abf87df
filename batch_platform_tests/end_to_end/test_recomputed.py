"""A month computed again gives the same rows, whatever was published between the two times."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from batch_platform.finops import service
from batch_platform_tests.end_to_end.machine import Machine, ended_months
from batch_platform_tests.finops.bucket import CurBucket, csv_gz, line

ACCOUNT = "200000000060"


def test_months_that_arrive_in_any_order_end_alike(machine: Machine) -> None:
    """The sensor asks for a new project's months at once, and four runs at a time race for who is first."""
    months = ended_months(2)
    bucket = machine.bucket()
    for number, month in enumerate(months):
        deliver(bucket, month, Decimal(10 + 40 * number))
    dumps = []
    for project_id, order in (("in-order", months), ("newest-first", months[::-1])):
        machine.forget()
        machine.add_project(project_id, bucket.name, enabled=False)
        for month in order:
            run_month(machine, project_id, month)
        shown = machine.dump(project_id)
        dumps.append(
            [
                row.replace(project_id, "-")
                for table in ("finops_cost_anomalies", "finops_cost_forecasts")
                for row in shown[table]
            ]
        )
    assert sorted(dumps[0]) == sorted(dumps[1])


def deliver(bucket: CurBucket, month: date, amount: Decimal) -> None:
    bucket.deliver(
        month, [csv_gz([line("Usage", str(amount), account=ACCOUNT, month=month, day=day) for day in range(1, 29)])]
    )


def run_month(machine: Machine, project_id: str, month: date) -> None:
    """What a run of `cur_month` does, step by step."""
    with machine.open_context() as context:
        connection = context.connection(project_id)
        service.fetch_month(context, connection, month)
        service.read_files(context, project_id=project_id, month=month)
        assert service.publish_month(context, connection, month).published is not None
        service.compute_anomalies(context, project_id, month)
        service.compute_forecast(context, project_id, month)
