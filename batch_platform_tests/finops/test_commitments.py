"""Use of commitments and split costs of containers, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batch_platform.core.failures import Conflict
from batch_platform.finops import service
from batch_platform.finops.commitments import Commitments, total_coverage
from batch_platform.finops.model import Format
from batch_platform.finops.service import CostReader, FinopsContext, SplitCosts, cost_query
from batch_platform_tests.finops.bucket import MONTH, as_cur2, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.test_lake_costs import older

PLAN = "arn:aws:savingsplans::123456789012:savingsplan/1"
FOREIGN = "arn:aws:savingsplans::999999999999:savingsplan/2"
RESERVED = "arn:aws:ec2:ap-northeast-1:123456789012:reserved-instances/1"


@pytest.fixture
def context(context: FinopsContext, tmp_path: Path) -> FinopsContext:
    return replace(context, scratch=tmp_path)


def use_of(project: Project) -> Commitments:
    return service.month_commitments(
        project.context, CostReader(project.context.store), project.id, MONTH
    ).commitments


def used(project: Project, kind: str, cost: str, usage: str = "", **more: str) -> dict[str, str]:
    names = {
        "plan": "savingsPlan/SavingsPlanARN",
        "effective": "savingsPlan/SavingsPlanEffectiveCost",
        "total": "savingsPlan/TotalCommitmentToDate",
        "used": "savingsPlan/UsedCommitment",
        "upfront": "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod",
        "reservation": "reservation/ReservationARN",
        "ri_effective": "reservation/EffectiveCost",
        "ri_unused": "reservation/UnusedRecurringFee",
        "ri_unused_upfront": "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
        "ri_upfront": "reservation/AmortizedUpfrontFeeForBillingPeriod",
        "list": "pricing/publicOnDemandCost",
        "term": "pricing/term",
        "service": "product/servicecode",
    }
    place = {"lineItem/UsageType": usage, **{names[name]: text for name, text in more.items()}}
    return project.line(kind, cost, place)


def rows_of(project: Project) -> list[dict[str, str]]:
    return [
        used(project, "SavingsPlanCoveredUsage", "10", "APN1-BoxUsage:m5.large", plan=PLAN, effective="6", list="10"),
        used(project, "SavingsPlanNegation", "-10", plan=PLAN),
        used(project, "SavingsPlanRecurringFee", "8", plan=PLAN, total="8", used="6", upfront="0"),
        used(project, "DiscountedUsage", "0", "BoxUsage:m5", reservation=RESERVED, ri_effective="3", list="5"),
        used(
            project,
            "RIFee",
            "4",
            reservation=RESERVED,
            ri_unused="1",
            ri_unused_upfront="0",
            ri_upfront="0",
        ),
        used(project, "Usage", "5", "APN1-BoxUsage:c5.large", list="5", term="OnDemand"),
        used(project, "Usage", "7", "APN1-SpotUsage:c5.large", list="21", term="Spot"),
        used(project, "Usage", "2", "APN1-EBS:VolumeUsage.gp3", list="2", term="OnDemand"),
        used(project, "Usage", "1.5", "EU-Fargate-vCPU-Hours:perCPU", list="1.5", service="AmazonECS"),
        used(project, "Usage", "1", "APN1-SpotUsage-Fargate-vCPU-Hours:perCPU", list="1", service="AmazonECS"),
        used(project, "Usage", "3", "USW2-Multi-AZUsage:db.r5.large", list="3", service="AmazonRDS"),
        used(project, "Usage", "0.5", "TimedStorage-ByteHrs", list="0.5", service="AmazonS3"),
        used(project, "Usage", "99", "BoxUsage:m5", list="99") | {"splitLineItem/ParentResourceId": "i-1"},
    ]


@pytest.mark.parametrize("layout", [Format.CUR_LEGACY, Format.CUR2])
def test_utilisation_and_coverage(make_project: Any, layout: Format) -> None:
    project = make_project(layout)
    if layout is Format.CUR_LEGACY:
        project.bucket.deliver(MONTH, [csv_gz(rows_of(project))])
    else:
        names = {"lineItem/UsageType": "line_item_usage_type", "pricing/term": "pricing_term"}
        rows = [{names.get(name, name): text for name, text in as_cur2(row).items()} for row in rows_of(project)]
        project.bucket.export(MONTH, [csv_gz(rows)])
    project.run()
    found = use_of(project)
    plan, reserved = found.uses
    assert (plan.arn, plan.kind, plan.used, plan.unused, plan.total) == (PLAN, "savings_plan", 6, 2, 8)
    assert (plan.utilisation, plan.savings) == (Decimal("0.75"), 10 - 6 - 2)
    assert (reserved.kind, reserved.used, reserved.unused, reserved.total) == ("reservation", 3, 1, 4)
    assert (reserved.utilisation, reserved.savings) == (Decimal("0.75"), 5 - 3 - 1)
    coverage = {one.service: (one.by_savings_plans, one.by_reservations, one.on_demand) for one in found.coverage}
    assert coverage == {
        "AmazonEC2": (10, 5, 5),
        "AmazonECS": (0, 0, Decimal("1.5")),
        "AmazonRDS": (0, 0, 3),
    }
    shares = {one.service: one.share for one in found.coverage}
    assert shares == {"AmazonEC2": Decimal("0.75"), "AmazonECS": 0, "AmazonRDS": 0}
    [total] = total_coverage(found.coverage)
    assert (total.by_savings_plans, total.by_reservations, total.on_demand) == (10, 5, Decimal("9.5"))
    assert total.share == Decimal("0.6122")  # 15 / 24.5


def test_focus_tells_the_same(make_project: Any) -> None:
    project = make_project(Format.FOCUS)

    def charge(category: str, billed: str, effective: str, listed: str, **more: str) -> dict[str, str]:
        names = {"id": "CommitmentDiscountId", "status": "CommitmentDiscountStatus", "meter": "x_UsageType"}
        place = {"ListCost": listed, "PricingCategory": "Standard", "x_UsageType": ""}
        return project.focus(category, billed, effective, place | {names[name]: text for name, text in more.items()})

    rows = [
        charge("Usage", "0", "6", "10", id=PLAN, status="Used", meter="APN1-BoxUsage:m5.large"),
        charge("Usage", "0", "2", "0", id=PLAN, status="Unused"),
        charge("Purchase", "8", "0", "8", id=PLAN),
        charge("Usage", "5", "5", "5", meter="APN1-BoxUsage:c5.large"),
        charge("Usage", "2", "2", "2", meter="APN1-EBS:VolumeUsage.gp3"),
    ]
    project.bucket.export(MONTH, [csv_gz(rows)])
    project.run()
    found = use_of(project)
    [plan] = found.uses
    assert (plan.used, plan.unused, plan.utilisation, plan.savings) == (6, 2, Decimal("0.75"), 2)
    [coverage] = found.coverage
    assert (coverage.by_savings_plans, coverage.on_demand, coverage.share) == (10, 5, Decimal("0.6667"))


def test_what_the_report_does_not_tell_is_not_made_up(project: Project) -> None:
    rows = [
        used(project, "SavingsPlanCoveredUsage", "10", plan=FOREIGN, effective="6"),
        used(project, "SavingsPlanNegation", "-10", plan=FOREIGN),
        used(project, "SavingsPlanRecurringFee", "6", plan=PLAN, total="6", used="6", upfront="0"),
        used(project, "Usage", "5"),
    ]
    for row in rows:
        row.pop("lineItem/UsageType")
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    ours, foreign = sorted(use_of(project).uses, key=lambda one: one.arn)
    assert (foreign.used, foreign.unused, foreign.total, foreign.utilisation, foreign.savings) == (6, *[None] * 4)
    assert foreign.on_demand_cost == 10
    assert (ours.utilisation, ours.on_demand_cost) == (1, 0)
    [coverage] = use_of(project).coverage
    assert (coverage.on_demand, coverage.share) == (None, None)


def test_plans_without_plan_columns_are_not_told(project: Project) -> None:
    of_plan = {"savingsPlan/SavingsPlanARN": PLAN, "lineItem/UsageType": ""}
    kinds = {"SavingsPlanCoveredUsage": "10", "SavingsPlanNegation": "-10", "SavingsPlanRecurringFee": "6"}
    project.bucket.deliver(MONTH, [csv_gz([project.line(kind, cost, of_plan) for kind, cost in kinds.items()])])
    project.run()
    [plan] = use_of(project).uses
    assert (plan.used, plan.unused, plan.total, plan.utilisation, plan.savings) == (None,) * 5


def test_a_reservation_that_nobody_used(project: Project) -> None:
    fee = {"ri_unused": "4", "ri_unused_upfront": "0", "ri_upfront": "0"}
    project.bucket.deliver(MONTH, [csv_gz([used(project, "RIFee", "4", reservation=RESERVED, **fee)])])
    project.run()
    [reserved] = use_of(project).uses
    assert (reserved.used, reserved.unused, reserved.utilisation, reserved.savings) == (0, 4, 0, -4)


def test_an_older_lake_says_what_to_do(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.run()
    older(project, without=["usage_type"])
    for question in (lambda: use_of(project), lambda: split_of(project)):
        with pytest.raises(Conflict, match=f"requeue {project.id} --month 2024-10 --all"):
            question()


# containers


def split_of(project: Project, group_by: str = "", **asked: Any) -> SplitCosts:
    groups = [group for group in group_by.split(",") if group]
    page = {name: asked.pop(name) for name in ("first", "limit") if name in asked}
    query = cost_query(project.id, month=MONTH, group_by=groups, **asked)
    return service.split_costs(project.context, CostReader(project.context.store), query, **page)


def pod(project: Project, split: str, unused: str, namespace: str, **more: str) -> dict[str, str]:
    return project.line(
        "Usage",
        "",
        {
            "splitLineItem/ParentResourceId": "i-1",
            "splitLineItem/SplitCost": split,
            "splitLineItem/UnusedCost": unused,
            "resourceTags/aws:eks:cluster-name": "tokyo",
            "resourceTags/aws:eks:namespace": namespace,
            "lineItem/Operation": "EKSPod-EC2",
            **{f"splitLineItem/{name}": text for name, text in more.items()},
        },
    )


def test_split_costs_stand_beside_the_totals_they_are_left_out_of(project: Project) -> None:
    rows = [
        project.line(cost="10", more={"lineItem/ResourceId": "i-1"}),
        pod(project, "3.000000000001", "0.5", "shop", NetSplitCost="2"),
        pod(project, "1", "0.25", "shop"),
        pod(project, "4", "1.25", "bank"),
    ]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    found = split_of(project)
    assert found.groups == ("tag:aws:eks:cluster-name", "tag:aws:eks:namespace")
    assert found.rows.rows() == [
        ("tokyo", "shop", "USD", Decimal("4.000000000001"), Decimal("0.75"), 3, Decimal("0.75"), 2),
        ("tokyo", "bank", "USD", 4, Decimal("1.25"), 4, Decimal("1.25"), 1),
    ]
    assert found.totals.select("split_cost", "unused_cost", "rows").row(0) == (Decimal("8.000000000001"), 2, 3)
    assert found.left_out_of["unblended"].to_list() == [10]
    by_day = split_of(project, "day,tag:aws:eks:namespace", filters=["tag:aws:eks:namespace=bank"])
    assert [(f"{day}", space, cost) for day, space, _, cost, *_ in by_day.rows.iter_rows()] == [
        ("2024-10-05", "bank", 4)
    ]
    first = split_of(project, limit=1)
    assert (first.rows.height, first.row_count, first.next_row) == (1, 2, 1)
    assert split_of(project, first=1, limit=1).next_row is None


def test_a_month_without_containers_has_none(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="10")])])
    project.run()
    found = split_of(project)
    assert (found.groups, found.rows.height, found.row_count) == (("operation",), 0, 0)
    assert found.left_out_of["unblended"].to_list() == [10]
