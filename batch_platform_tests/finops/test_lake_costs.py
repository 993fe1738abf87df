"""Costs by tag, cost category, resource, usage type: exact, the same for every spelling, summing to the summary."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.finops import keys, service
from batch_platform.finops.model import REPORT_MEASURES, Format
from batch_platform.finops.service import CostReader, CostRows, FinopsContext, cost_keys, cost_query, cost_rows
from batch_platform_tests.finops.bucket import MONTH, File, as_cur2, csv_gz, parquet
from batch_platform_tests.finops.conftest import Project


@pytest.fixture
def context(context: FinopsContext, tmp_path: Path) -> FinopsContext:
    return replace(context, scratch=tmp_path)


def ask(project: Project, group_by: str, *, first: int = 0, limit: int | None = None, **query: Any) -> CostRows:
    groups = [group for group in group_by.split(",") if group]
    period = {} if "start" in query else {"month": MONTH}
    asked = cost_query(project.id, group_by=groups, **period, **query)
    return cost_rows(project.context, CostReader(project.context.store), asked, first=first, limit=limit)


def amounts(rows: CostRows) -> dict[tuple[str, ...], Decimal]:
    [report] = rows.reports
    return {tuple(map(str, keys)): amount for *keys, amount in report.rows.iter_rows()}


TAGS = {"resourceTags/user:team": "web", "resourceTags/user:CostCenter": "77", "costCategory/Env": "prod"}


def tagged(project: Project, cost: str, **tags: str) -> dict[str, str]:
    return project.line(cost=cost, more={f"resourceTags/user:{name}": value for name, value in tags.items()})


def test_costs_by_tag_and_day(project: Project) -> None:
    rows = [
        project.line(cost="1.25", day=3, more={"resourceTags/user:team": "web"}),
        project.line(cost="2.5", day=3, more={"resourceTags/user:team": "web"}),
        project.line(cost="0.000000000001", day=4, more={"resourceTags/user:team": "web"}),
        project.line("Tax", cost="0.1", day=4),
    ]
    project.bucket.deliver(MONTH, [csv_gz(rows[:2]), csv_gz(rows[2:])])
    project.run()
    found = ask(project, "tag:team,day")
    assert list(amounts(found).items()) == [
        (("web", "2024-10-03"), Decimal("3.75")),
        (("", "2024-10-04"), Decimal("0.1")),
        (("web", "2024-10-04"), Decimal("0.000000000001")),
    ]
    assert found.reports[0].totals["unblended"] == Decimal("3.850000000001")
    assert amounts(ask(project, "tag:team")) == {("web",): Decimal("3.750000000001"), ("",): Decimal("0.1")}


CUR2_TAGS = {
    "resource_tags": json.dumps({"user_team": "web", "user_cost_center": "77"}),
    "cost_category": json.dumps({"env": "prod"}),
}
FLAT_TAGS = {"resource_tags_user_team": "web", "resource_tags_user_cost_center": "77", "cost_category_env": "prod"}
ALL_TAGS = {
    "tags": json.dumps({"resourceTags/team": "web", "resourceTags/CostCenter": "77", "costCategory/Env": "prod"})
}
FOCUS_TAGS = {
    "Tags": json.dumps({"user:team": "web", "user:CostCenter": "77"}),
    "x_CostCategories": json.dumps({"Env": "prod"}),
}


@pytest.mark.parametrize("spelling", ["legacy", "cur2", "cur2 parquet", "flat", "all tags", "focus"])
def test_one_name_finds_a_tag_in_every_export(make_project: Any, spelling: str) -> None:
    project = make_project({"legacy": Format.CUR_LEGACY, "focus": Format.FOCUS}.get(spelling, Format.CUR2))
    if spelling == "legacy":
        project.bucket.deliver(MONTH, [csv_gz([project.line(cost="5", more=TAGS), project.line(cost="1")])])
    elif spelling == "focus":
        project.bucket.export(MONTH, [csv_gz([project.focus("Usage", "5", None, FOCUS_TAGS), project.focus()])])
    else:
        tags = {"flat": FLAT_TAGS, "all tags": ALL_TAGS}.get(spelling, CUR2_TAGS)
        rows = [as_cur2(project.line(cost="5")) | tags, as_cur2(project.line(cost="1"))]
        project.bucket.export(MONTH, [parquet(rows) if spelling == "cur2 parquet" else csv_gz(rows)])
    project.run()
    for group, value in [("tag:team", "web"), ("tag:user:team", "web"), ("cost_category:Env", "prod")]:
        assert amounts(ask(project, group)) == {(value,): Decimal(5), ("",): Decimal(1)}, group
    assert amounts(ask(project, "tag:CostCenter")) == {("77",): Decimal(5), ("",): Decimal(1)}
    keys = cost_keys(project.context, project.id, [MONTH])
    assert {"".join(c for c in name.split(":")[-1].lower() if c.isalnum()) for name in keys.tags} == {
        "team",
        "costcenter",
    }
    assert [name.lower() for name in keys.cost_categories] == ["env"]


def test_true_maps_hold_any_key(make_project: Any) -> None:
    project, month = make_project(Format.CUR2), date(2026, 9, 1)
    data = Path(__file__).parent.parent / "data" / "cur_parquet"
    files = [File((data / name).read_bytes(), "snappy.parquet") for name in ("int96.parquet", "micros.parquet")]
    project.bucket.export(month, files)
    project.run(month)
    days: dict[str, Any] = {"start": month, "end": date(2026, 9, 30)}
    a, second, third = Decimal("0.1"), Decimal("0.3000000001"), Decimal("845116936.9904683") + 2
    assert amounts(ask(project, "tag:team", **days)) == {('a,"b"',): a, ("second",): second, ("",): third}
    assert amounts(ask(project, "tag:User_Team", **days)) == {("c\nd",): a, ("",): second + third}
    assert amounts(ask(project, "tag:aws:x/y~z", **days)) == {("あ",): a, ("",): second + third}
    names = cost_keys(project.context, project.id, [month])
    assert names.tags == ("User_Team", "aws:x/y~z", "user:n", "user:team")
    assert names.cost_categories == ("cc",)


@pytest.mark.parametrize(
    ("column", "asked", "found"),
    [
        ("resourceTags/user:CostCenter", "CostCenter", True),
        ("resourceTags/user:CostCenter", "cost_center", False),
        ("resource_tags_user_cost_center", "user:CostCenter", True),
        ("resource_tags_aws_created_by", "aws:createdBy", True),
        ("resource_tags_user_部門", "部門", True),
        ("resource_tags_user_部門", "営業", False),
        ("accountTag/team", "accountTag/team", True),
        ("accountTag/team", "team", False),
        ("costCategory/Cost Center", "Cost Center", True),
    ],
)
def test_names_of_keys(column: str, asked: str, found: bool) -> None:
    key = keys.of_column(column)
    assert key is not None
    assert (keys.find(key.family, asked, [key]) is key) is found


@pytest.mark.parametrize("entry", ["user_CostCenter", "user_cost_center", "user:CostCenter"])
def test_entries_of_the_map_of_tags(entry: str) -> None:
    key = keys.of_entry("resource_tags", entry)
    assert key is not None
    assert keys.find("tag", "CostCenter", [key]) is key


def test_keys_that_differ_by_case_stay_apart_in_any_order(project: Project) -> None:
    one = [tagged(project, "1", team="a", Team="b"), tagged(project, "2", team="c")]
    names = list(one[0])
    swapped = [*names[:-2], names[-1], names[-2]]
    project.bucket.deliver(
        MONTH, [csv_gz(one, names), csv_gz(one, swapped), csv_gz([tagged(project, "4", TEAM="d")])]
    )
    project.run()
    assert amounts(ask(project, "tag:team")) == {("a",): Decimal(2), ("c",): Decimal(4), ("",): Decimal(4)}
    assert amounts(ask(project, "tag:Team")) == {("b",): Decimal(2), ("",): Decimal(8)}
    assert amounts(ask(project, "tag:TEAM,tag:Team")) == {("d", ""): 4, ("", "b"): 2, ("", ""): 4}
    with pytest.raises(InvalidInput, match=r"no tag 'tEam'; known are user:TEAM, user:Team, user:team"):
        ask(project, "tag:tEam")


def test_resource_usage_type_and_operation(project: Project) -> None:
    def used(cost: str, resource: str, usage: str, operation: str) -> dict[str, str]:
        names = ("lineItem/ResourceId", "lineItem/UsageType", "lineItem/Operation")
        return project.line(cost=cost, more=dict(zip(names, (resource, usage, operation), strict=True)))

    rows = [
        used("3", "i-1", "BoxUsage", "RunInstances"),
        used("1", "i-1", "Bytes", "Out"),
        used("2", "", "Bytes", "Out"),
    ]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    assert amounts(ask(project, "resource")) == {("i-1",): 4, ("",): 2}
    assert amounts(ask(project, "usage_type,operation")) == {("BoxUsage", "RunInstances"): 3, ("Bytes", "Out"): 3}
    assert amounts(ask(project, "resource", filters=["usage_type=Bytes"])) == {("",): 2, ("i-1",): 1}


def month_rows(project: Project) -> list[dict[str, str]]:
    """One row of every kind a measure has a rule for, and some that fall out of it, with tags on half of them."""
    plan = f"arn:aws:savingsplans::{project.account}:savingsplan/1"
    reserved = f"arn:aws:ec2:ap-northeast-1:{project.account}:reserved-instances/1"
    of_plan = {"savingsPlan/SavingsPlanARN": plan}
    kinds: list[tuple[str, str, Mapping[str, str]]] = [
        ("Usage", "10.123456789012", {"pricing/publicOnDemandCost": "11"}),
        ("DiscountedUsage", "0", {"reservation/EffectiveCost": "3.3", "reservation/ReservationARN": reserved}),
        (
            "RIFee",
            "4",
            {
                "reservation/ReservationARN": reserved,
                "reservation/UnusedRecurringFee": "0.7",
                "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "0",
                "reservation/AmortizedUpfrontFeeForBillingPeriod": "0",
            },
        ),
        (
            "SavingsPlanCoveredUsage",
            "8",
            {"savingsPlan/SavingsPlanEffectiveCost": "5", "savingsPlan/SavingsPlanARN": plan},
        ),
        ("SavingsPlanNegation", "-8", {"savingsPlan/SavingsPlanARN": plan}),
        (
            "SavingsPlanRecurringFee",
            "6",
            {
                **of_plan,
                "savingsPlan/TotalCommitmentToDate": "6",
                "savingsPlan/UsedCommitment": "5",
                "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": "0",
                "savingsPlan/NetRecurringCommitmentForBillingPeriod": "4",
                "savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod": "0",
            },
        ),
        ("Tax", "1.1", {}),
        ("Credit", "-0.5", {}),
        ("Refund", "-0.25", {}),
        ("EdpDiscount", "-0.01", {}),
        ("Usage", "99", {"splitLineItem/ParentResourceId": "i-1"}),
    ]
    chance = random.Random(1)
    rows = []
    for number in range(121):
        kind, cost, more = kinds[number % len(kinds)]
        tags = {"resourceTags/user:team": chance.choice(["", "web", "db"]), "lineItem/ResourceId": f"i-{number % 7}"}
        rows.append(project.line(kind, cost, {**tags, "product/region": "eu-west-1", **more}, day=1 + number % 28))
    return rows


@pytest.mark.parametrize(
    "group_by", ["tag:team", "tag:team,day", "resource,charge_class", "service,tag:team,account"]
)
def test_any_grouping_adds_up_to_the_summary(project: Project, group_by: str) -> None:
    project.bucket.deliver(MONTH, [csv_gz(month_rows(project))])
    project.run()
    [total] = ask(project, "").reports
    for measure, column in REPORT_MEASURES.items():
        [report] = ask(project, group_by, measure=measure).reports
        assert report.rows["amount"].sum() == total.totals[measure], (measure, column)
        assert report.totals == total.totals
    by_tag = amounts(ask(project, "tag:team", filters=["charge_class=usage"], measure="amortized"))
    expected: dict[tuple[str], Decimal] = defaultdict(Decimal)
    for row in month_rows(project):
        if row["lineItem/LineItemType"] in (
            "Usage",
            "DiscountedUsage",
            "SavingsPlanCoveredUsage",
            "SavingsPlanNegation",
        ):
            if row.get("splitLineItem/ParentResourceId"):
                continue
            amount = {
                "Usage": row["lineItem/UnblendedCost"],
                "DiscountedUsage": "3.3",
                "SavingsPlanCoveredUsage": "5",
            }.get(row["lineItem/LineItemType"], "0")
            expected[(row["resourceTags/user:team"],)] += Decimal(amount)
    assert by_tag == expected


def test_random_groups_and_filters_add_up(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz(month_rows(project)[:60]), csv_gz(month_rows(project)[60:])])
    project.run()
    chance = random.Random(2)
    known = ["service", "account", "region", "charge_class", "day", "resource", "usage_type", "operation", "tag:team"]
    [total] = ask(project, "").reports
    for _ in range(6):
        groups = chance.sample(known, chance.randint(1, 4))
        measure = chance.choice(list(REPORT_MEASURES))
        parts = [
            ask(project, ",".join(groups), measure=measure, filters=[f"tag:team={team}"]) for team in ("", "web")
        ]
        parts.append(ask(project, ",".join(groups), measure=measure, filters=["tag:team=db", "tag:team=none"]))
        sums = [page.rows["amount"].sum() for part in parts for page in part.reports]
        assert sum(sums) == total.totals[measure], (groups, measure)
        assert (
            sum(page.totals["net_amortized"] for part in parts for page in part.reports)
            == (total.totals["net_amortized"])
        )


def test_days_across_months(project: Project) -> None:
    before = date(2024, 9, 1)
    project.bucket.deliver(before, [csv_gz([project.line(cost=str(day), month=before, day=day) for day in (28, 30)])])
    rows = [project.line(cost=str(100 + day), day=day, more={"resourceTags/user:team": "web"}) for day in (1, 2, 3)]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run(before)
    project.run()
    days: dict[str, Any] = {"start": date(2024, 9, 29), "end": date(2024, 10, 2)}
    assert amounts(ask(project, "day", **days)) == {("2024-09-30",): 30, ("2024-10-01",): 101, ("2024-10-02",): 102}
    found = ask(project, "tag:team", **days)
    assert amounts(found) == {("web",): 203, ("",): 30}
    assert [stamp.month for stamp in found.stamps] == [before, MONTH]
    assert found.reports[0].month == "2024-09-29/2024-10-02"
    assert found.reports[0].totals["unblended"] == 233
    late = ask(project, "service", start=date(2024, 10, 3), end=date(2024, 11, 2))
    assert (amounts(late), late.missing) == ({("AmazonEC2",): 103}, (date(2024, 11, 1),))
    with pytest.raises(NotFound, match="2024-11"):
        ask(project, "service", start=date(2024, 11, 1), end=date(2024, 11, 2))


def test_pages_make_the_whole(project: Project) -> None:
    names = [f"r{number:03}" for number in range(25)]
    rows = [
        project.line(cost=str(number % 5), more={"lineItem/ResourceId": name}) for number, name in enumerate(names)
    ]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    for group in ("resource", "resource,day"):
        whole = list(amounts(ask(project, group)).items())
        assert whole == sorted(whole, key=lambda row: (-row[1], row[0]))
        paged, at = [], 0
        while at is not None:
            page = ask(project, group, first=at, limit=7)
            assert (page.row_count, page.reports[0].totals["unblended"]) == (25, 50)
            paged += list(amounts(page).items())
            at = page.next_row
        assert paged == whole


def test_currencies_and_accounts_outside_the_project_stay_apart(make_project: Any) -> None:
    ours = make_project(account_scope=("111111111111",))
    mine: dict[str, Any] = {"account": "111111111111"}
    team = {"resourceTags/user:team": "web"}
    rows = [
        ours.line(cost="1", more=team, **mine),
        ours.line(cost="7", more={"lineItem/CurrencyCode": "CNY", **team}, **mine),
        ours.line(cost="50", more=team, account="222222222222"),
    ]
    ours.bucket.deliver(MONTH, [csv_gz(rows)])
    ours.run()
    found = ask(ours, "tag:team")
    assert [(page.currency, page.rows["amount"].to_list()) for page in found.reports] == [("CNY", [7]), ("USD", [1])]
    none = ask(ours, "tag:team", filters=["tag:team="])
    assert [(page.currency, page.row_count, page.totals["unblended"]) for page in none.reports] == [
        ("CNY", 0, 0),
        ("USD", 0, 0),
    ]


def test_a_month_read_before_a_column_was_kept_says_what_to_do(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(more=TAGS)])])
    project.run()
    older(project, without=["usage_type"])
    with pytest.raises(Conflict, match=f"before usage_type was kept.*requeue {project.id} --month 2024-10 --all"):
        ask(project, "usage_type")
    assert amounts(ask(project, "tag:team")) == {("web",): 1}


def older(project: Project, without: Sequence[str] = (), changed: Iterable[pl.Expr] = ()) -> None:
    """Make the month's files what an older version of the platform wrote."""
    for file in project.files():
        path = project.context.scratch / "older.parquet"
        path.write_bytes(project.lake(file["line_items_key"]))
        frame = pl.read_parquet(path).drop(without).with_columns(*changed)
        frame.write_parquet(path)
        body = path.read_bytes()
        project.context.lake.put_object(Bucket=project.context.lake_bucket, Key=file["line_items_key"], Body=body)
        rewrite_hash(project, file, body)


def rewrite_hash(project: Project, file: dict[str, Any], body: bytes) -> None:
    from hashlib import sha256

    with project.context.store.transaction() as session:
        session.connection.execute(
            "UPDATE finops.finops_billing_files SET line_items_sha256 = %s WHERE project_id = %s AND object_key = %s",
            (sha256(body).hexdigest(), file["project_id"], file["object_key"]),
        )


def test_costs_that_other_rules_published_are_not_mixed(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(more=TAGS)])])
    project.run()
    older(project, changed=[pl.col("unblended_cost") + 1])
    with pytest.raises(Conflict, match="published again"):
        ask(project, "tag:team")


QUESTIONS: list[tuple[Callable[[], Any], str]] = [
    (lambda: cost_query("p", group_by=["service"]), "either a month"),
    (lambda: cost_query("p", month=MONTH, start=MONTH, end=MONTH), "either a month"),
    (lambda: cost_query("p", start=MONTH), "a start and an end"),
    (lambda: cost_query("p", start=MONTH, end=date(2024, 9, 1)), "before the start"),
    (lambda: cost_query("p", start=MONTH, end=date(2026, 9, 1)), "400 days at most"),
    (lambda: cost_query("p", month=MONTH, measure="blended"), "measure must be one of"),
    (lambda: cost_query("p", month=MONTH, group_by=["team"]), "group_by knows service, .*, tag:KEY, .*, not 'team'"),
    (lambda: cost_query("p", month=MONTH, group_by=["tag:"]), "not 'tag:'"),
    (lambda: cost_query("p", month=MONTH, group_by=["tag:a", "tag:a"]), "twice"),
    (lambda: cost_query("p", month=MONTH, group_by=[f"tag:{n}" for n in range(7)]), "6 groups at most"),
    (lambda: cost_query("p", month=MONTH, filters=["tag:team"]), "GROUP=VALUE"),
    (lambda: cost_query("p", month=MONTH, filters=["day=2024-10-01"]), "start and end"),
    (lambda: service.parse_day("2024-1-1", "start"), "not a day"),
    (lambda: service.parse_day("2024-W01-1", "start"), "not a day"),
]


@pytest.mark.parametrize(("question", "message"), QUESTIONS)
def test_a_wrong_question_is_refused(question: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        question()
