"""`GET …/costs`: exact, says what it means, and answers 304 as long as nothing changed."""

from __future__ import annotations

import csv
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import polars as pl
import pytest

from batch_platform.finops import service
from batch_platform.finops.service import CostReader
from batch_platform.finops.service.readers import Kept
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project

AT = f"{MONTH:%Y-%m}"


@pytest.fixture
def published(project: Project) -> Project:
    rows = [
        project.line("Usage", "10.250000000001", {"product/regionCode": "ap-northeast-1"}),
        project.line("Usage", "2", {"product/servicecode": "AmazonS3"}, day=6),
        project.line("Tax", "0.09", {"product/servicecode": "AmazonS3"}),
    ]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    assert project.run().published is not None
    return project


def costs(client: httpx.Client, project: Project, headers: dict[str, str] | None = None, **query: str):
    return client.get(f"/api/projects/{project.id}/costs", params={"month": AT, **query}, headers=headers)


def test_every_answer_says_what_its_figures_mean(client: httpx.Client, published: Project) -> None:
    answer = costs(client, published)
    assert answer.status_code == 200
    [month] = service.report(published.context, published.id, MONTH, measure="unblended", group_by=["service"])
    body = answer.json()
    assert body["success"] is True
    data = body["data"]
    reports = data.pop("reports")
    assert data == {
        "projectId": published.id,
        "month": AT,
        "monthState": month.state,
        "manifestVersion": month.manifest_version,
        "measure": "unblended",
        "groupBy": ["service"],
    }
    [report] = reports
    assert report["currency"] == "USD"
    assert report["rows"] == [
        {"service": "AmazonEC2", "amount": "10.250000000001"},
        {"service": "AmazonS3", "amount": "2.090000000000"},
    ]
    assert report["totals"]["unblended"] == "12.340000000001"
    assert answer.headers["x-month-state"] == month.state
    assert answer.headers["x-manifest-version"] == month.manifest_version
    assert answer.headers["x-measure"] == "unblended"


@pytest.mark.parametrize("group_by", ["", "day,service", "account,region,charge_class"])
def test_groups_sum_to_the_total(client: httpx.Client, published: Project, group_by: str) -> None:
    [report] = costs(client, published, group_by=group_by, measure="amortized").json()["data"]["reports"]
    assert sum(Decimal(row["amount"]) for row in report["rows"]) == Decimal(report["totals"]["amortized"])
    assert all(set(row) == {*filter(None, group_by.split(",")), "amount"} for row in report["rows"])


def test_files_carry_every_digit_and_a_name(client: httpx.Client, published: Project) -> None:
    as_csv = costs(client, published, format="csv")
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [row["amount"] for row in rows] == ["10.250000000001", "2.090000000000"]
    assert (
        as_csv.headers["content-disposition"] == f'attachment; filename="{published.id}-{AT}-unblended-service.csv"'
    )
    frame = pl.read_parquet(io.BytesIO(costs(client, published, format="parquet").content))
    assert frame["amount"].to_list() == [Decimal("10.250000000001"), Decimal("2.09")]


def test_focus_as_csv_and_parquet(client: httpx.Client, published: Project) -> None:
    focus = costs(client, published, format="focus")
    rows = list(csv.DictReader(io.StringIO(focus.text)))
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("12.340000000001")
    assert (focus.headers["x-measure"], focus.headers["content-type"]) == (
        "billed, amortized, list",
        "text/csv; charset=utf-8",
    )
    name = f"{published.id}-{AT}-01-{AT}-31-focus.csv"
    assert focus.headers["content-disposition"] == f'attachment; filename="{name}"'
    again = costs(client, published, {"If-None-Match": focus.headers["etag"]}, format="focus", measure="amortized")
    assert (again.status_code, again.content) == (304, b"")
    parquet = costs(client, published, format="focus-parquet")
    assert pl.read_parquet(io.BytesIO(parquet.content))["BilledCost"].sum() == Decimal("12.340000000001")
    assert parquet.headers["etag"] != focus.headers["etag"]
    filtered = costs(client, published, format="focus", filter="service=AmazonS3").text
    assert {row["ChargeCategory"] for row in csv.DictReader(io.StringIO(filtered))} == {"Usage", "Tax"}
    days = {"start": f"{AT}-06", "end": f"{AT}-06"}
    answer = client.get(f"/api/projects/{published.id}/costs", params={**days, "format": "focus-parquet"})
    assert pl.read_parquet(io.BytesIO(answer.content))["BilledCost"].to_list() == [2]


def test_unchanged_costs_are_not_sent_again(client: httpx.Client, published: Project) -> None:
    first = costs(client, published)
    tag = first.headers["etag"]
    assert not tag.startswith("W/")
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = costs(client, published, headers={"If-None-Match": named})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert costs(client, published, headers={"If-None-Match": '"other"'}).status_code == 200
    assert costs(client, published, measure="amortized").headers["etag"] != tag
    published.bucket.deliver(MONTH, [csv_gz([published.line("Usage", "1")])], assembly="second")
    published.run()
    changed = costs(client, published, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert changed.json()["data"]["reports"][0]["totals"]["unblended"] == "1.000000000000"


def test_costs_that_code_computes_otherwise_are_seen_too(client: httpx.Client, published: Project) -> None:
    """The same delivery, other sums: what a mended formula would publish."""
    before = costs(client, published)
    with published.context.store.transaction() as session:
        month = session.month(published.id, MONTH)
        assert month is not None
        summary = session.costs(published.id, MONTH, MONTH).with_columns(unblended=pl.col("unblended") * 2)
        session.replace_costs(
            published.id, MONTH, month.version, summary=summary, by_service=service_rows(session, published)
        )
    after = costs(client, published, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["data"]["reports"][0]["totals"]["unblended"] == "24.680000000002"


def service_rows(session, project: Project) -> pl.DataFrame:
    from batch_platform.finops.summary import service_monthly

    return service_monthly(session.costs(project.id, MONTH, MONTH))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"measure": "free"}, "measure"),
        ({"group_by": "service,tag"}, "group_by"),
        ({"group_by": "day,day"}, "group_by"),
        ({"format": "xlsx"}, "format"),
        ({"format": "focus", "limit": "5"}, "limit"),
        ({"format": "focus", "filter": "team"}, "filter"),
        ({"month": "2024-13"}, "month"),
        ({"month": "0"}, "month"),
        ({"groupby": "day"}, "groupby"),
    ],
)
def test_bad_questions_are_refused_by_field(
    client: httpx.Client, published: Project, query: dict[str, str], field: str
) -> None:
    answer = costs(client, published, **query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_what_is_not_there_is_404(client: httpx.Client, published: Project) -> None:
    assert costs(client, published, month="2019-01").status_code == 404
    assert client.get("/api/projects/nobody/costs", params={"month": AT}).status_code == 404
    assert (
        client.get("/api/projects/nobody/costs", params={"month": AT}, headers={"Authorization": ""}).status_code
        == 401
    )


def test_readers_beside_a_publication_see_one_version_or_the_other(published: Project) -> None:
    """Stamp and costs are of one moment, however often the month is replaced between the reads."""
    reader = CostReader(published.context.store)
    rounds, sums = 6, {}
    done = threading.Event()

    def publish() -> None:
        try:
            for number in range(rounds):
                published.bucket.deliver(
                    MONTH, [csv_gz([published.line("Usage", str(number))])], assembly=f"a{number}"
                )
                outcome = published.run()
                assert outcome.published is not None
                sums[outcome.published.version] = Decimal(number)
        finally:
            done.set()

    def read() -> list[tuple[str, Decimal]]:
        seen = []
        while not done.is_set():
            stamp, frame = reader.costs(reader.stamp(published.id, MONTH))
            seen.append((stamp.version, frame["unblended"].sum()))
        return seen

    first = reader.stamp(published.id, MONTH).version
    with ThreadPoolExecutor(4) as pool:
        readings = [pool.submit(read) for _ in range(3)]
        pool.submit(publish).result()
    sums[first] = Decimal("12.340000000001")
    for version, total in [one for reading in readings for one in reading.result()]:
        assert sums[version] == total


def test_kept_values_are_made_once_and_bounded() -> None:
    made: list[int] = []
    kept: Kept[bytes] = Kept(10, len)
    barrier = threading.Barrier(8)

    def make() -> bytes:
        made.append(1)
        return b"12345"

    def ask() -> bytes:
        barrier.wait()
        return kept.get("a", make)

    with ThreadPoolExecutor(8) as pool:
        assert {future.result() for future in [pool.submit(ask) for _ in range(8)]} == {b"12345"}
    assert len(made) == 1
    kept.get("b", lambda: b"12345")
    kept.get("a", make)
    kept.get("c", lambda: b"1234")
    assert kept.peek("b") is None
    assert kept.peek("a") == b"12345"
    with pytest.raises(ZeroDivisionError):
        kept.get("broken", lambda: b"1" * (1 // 0))
    assert kept.get("broken", lambda: b"ok") == b"ok"
