"""Reports of a month: what they say by hand, their versions, files and mails, and what a failed one leaves alone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client
from pypdf import PdfReader

from batch_platform.core import aws
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.proving.faults import Mortal, WorkerKilled, disturbed, quiet_deaths
from batch_platform.proving.postgres import disturbed_pool
from batch_platform.settings import Settings
from batch_platform.staffing.monthly_reports import values
from batch_platform.staffing.monthly_reports.values import Days
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.reports import monthly, reading
from batch_platform.staffing.store.originals import Originals
from batch_platform_tests.staffing.facts import rows
from batch_platform_tests.staffing.months import MONTH, write_month

NOW = datetime(2026, 10, 1, 22, tzinfo=UTC)  # 07:00 of the 2nd in Tokyo
ALL = {"company": 2, "engineer-activity": 1, "revenue": 1, "system": 1}


@pytest.fixture
def context(emptied: StaffingContext, provisioned: Settings) -> StaffingContext:
    write_month(emptied)
    return replace(emptied, clock=lambda: NOW, report_recipients=("ops@example.jp", "cfo@example.jp"))


def change(context: StaffingContext, statement: str) -> None:
    with context.store.transaction() as session:
        session.connection.execute(statement)  # type: ignore[call-overload]


def mails(context: StaffingContext) -> list[tuple[str, str]]:
    """Recipient and the attachment's name of each mail, in order of both."""
    return rows(
        context,
        "SELECT recipient, attachments -> 0 ->> 'filename' FROM outbox.notices WHERE domain = 'staffing' "
        "ORDER BY recipient, attachments -> 0 ->> 'filename' COLLATE \"C\"",
    )


def texts(context: StaffingContext, **of: Any) -> str:
    """All that the newest report says, as lines of words."""
    [row] = reading.reports(context, limit=2, month=MONTH, **of)[0]
    _, pdf = reading.pdf(context, str(row["id"]))
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def test_a_month_is_reported_stored_and_mailed_once(context: StaffingContext, s3: S3Client) -> None:
    planned = monthly.plan(context, MONTH)
    done = monthly.run(context, MONTH)
    assert (done.status, done.written, done.mailed, done.reports, done.unmailed) == ("ok", 5, 7, ALL, ["1"])
    assert [(each["kind"], each["company_id"]) for each in planned[:2]] == [("company", 1), ("company", "1")]
    operators = [f"monthly_report_{kind}_2026-09.pdf" for kind in ("engineer-activity", "revenue", "system")]
    expected = [(who, name) for who in ("cfo@example.jp", "ops@example.jp") for name in operators]
    expected.insert(3, ("keiri@a.example.jp", "monthly_report_1_2026-09.pdf"))
    assert mails(context) == expected
    files = rows(context, "SELECT company_id, name, bytes, object_key, sha256, deleted_at FROM files ORDER BY 1")
    assert [(file[0], file[1], file[5]) for file in files] == [
        ('"1"', "monthly_report_1_2026-09.pdf", None),
        ("1", "monthly_report_1_2026-09.pdf", None),
    ]
    for _, _, size, key, digest, _ in files:
        stored = s3.get_object(Bucket=context.report_files.bucket, Key=key)["Body"].read()
        assert (len(stored), sha256(stored).hexdigest(), key) == (size, digest, f"reports/{digest}.pdf")
    again = monthly.run(replace(context, clock=lambda: datetime(2027, 1, 5, tzinfo=UTC)), MONTH)
    assert (again.written, again.mailed, again.status, monthly.plan(context, MONTH)) == (0, 0, "ok", [])
    [row] = reading.reports(context, limit=2, kind="revenue")[0]  # type: ignore[arg-type]
    assert reading.render(context, str(row["id"])).sha256 == row["sha256"]


def test_other_data_makes_a_version_that_is_mailed_when_asked(context: StaffingContext) -> None:
    monthly.run(context, MONTH)
    before = mails(context)
    change(context, "UPDATE usage_days SET active_users = 44 WHERE company_id = '1' AND date = '2026-09-03'")
    done = monthly.run(context, MONTH)
    assert (done.written, done.mailed, mails(context)) == (1, 0, before)
    versions, _ = reading.reports(context, limit=9, company="1", every_version=True)
    [nobody] = [row for row in versions if row["company_id"] != "1"]
    second, first = (row for row in versions if row["company_id"] == "1")
    assert (first["version"], second["version"]) == (1, 2)
    live = rows(context, "SELECT id, deleted_at IS NULL FROM files WHERE company_id = '1' ORDER BY 2")
    assert live == [(f"report:{first['id']}", False), (f"report:{second['id']}", True)]
    audit: list[Any] = []
    for _ in range(2):
        mailed = reading.mail(context, str(second["id"]), lambda *row: audit.append(row[1:]))
    assert mailed["mailed_to"] == ["keiri@a.example.jp"]
    assert len(mails(context)) == len(before) + 1
    assert audit[0] == (reading.MAIL, str(second["id"]), None, {"recipients": ["keiri@a.example.jp"]})
    with pytest.raises(Conflict, match="nobody is known to mail report"):
        reading.mail(context, str(nobody["id"]), lambda *_: None)


def test_what_is_missing_is_said_and_the_mail_waits_for_it(context: StaffingContext) -> None:
    change(context, "UPDATE usage_days SET aggregated_at = NULL WHERE company_id = '1' AND date = '2026-09-02'")
    change(context, "DELETE FROM system_stats WHERE date >= '2026-09-29'")
    change(context, "UPDATE contracts SET ends_on = '2026-09-01' WHERE contract_id = 'k1'")
    change(
        context,
        "INSERT INTO contracts (contract_id, company_id, starts_on, terms, payment) "
        "VALUES ('k3', '1', '2026-09-30', '[]', '{}')",
    )
    done = monthly.run(context, MONTH)
    said = {(each.kind, each.company_id): each.reason for each in done.incomplete}
    assert said == {
        ("company", 1): "days not aggregated yet: 2026-09-02",
        ("system", None): "days not aggregated yet: 2026-09-29, 2026-09-30",
        ("revenue", None): "contracts not invoiced yet: 1",
    }
    assert (done.status, done.mailed, done.failed) == ("partial", 2, [])
    assert "9月2日" in texts(context, kind="company", state="incomplete")
    assert "未発行の契約が1件" in texts(context, kind="revenue")
    change(context, "UPDATE usage_days SET aggregated_at = now()")
    change(context, "DELETE FROM contracts WHERE contract_id = 'k3'")
    done = monthly.run(context, MONTH)
    assert (done.written, done.mailed) == (2, 3)  # the company's, and revenue to two
    assert [each.kind for each in done.incomplete] == ["system"]


def test_revenue_is_net_of_the_month_billed_and_credit_notes_of_their_issue(context: StaffingContext) -> None:
    monthly.run(context, MONTH)
    said = texts(context, kind="revenue")
    # 50,000 + 20,000 − 12,000; August: 100,000 − 5,000
    for expected in (
        "¥58,000\n前月比 -38.9%",
        "¥70,000\n請求書 2件",
        "-¥12,000\n返還インボイス 1件",
        "¥63,800",  # with tax
        "月額 ¥60,000",
        "INV-CN-2",
        "10月2日現在の残高（税込）\n¥73,700",  # 55,000 + 22,000 − 3,300
    ):
        assert expected in said
    assert "999,000" not in said
    assert "INV-CN-3" not in said
    companies = said[said.index("企業別の売上") : said.index("プラン別の請求")]
    assert "¥38,000" in companies
    assert "新規" in companies


def test_a_company_and_engineers_by_hand(context: StaffingContext) -> None:
    monthly.run(context, MONTH)
    [row] = [row for row in reading.reports(context, limit=9, company="1")[0] if row["company_id"] == "1"]
    _, pdf = reading.pdf(context, str(row["id"]))
    said = "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    # 30 days of 3 beside 31 of 2
    for expected in ("株式会社𠮷田髙﨑 御中", "11人\n前月末比 +1人", "90回\n前月比 +45.2%", "33.3%", "12.5 MB"):
        assert expected in said
    engineers = texts(context, kind="engineer-activity")
    assert "稼働中 → 待機中" in engineers
    assert "山﨑 太郎" in engineers
    assert "2026/09/10" in engineers
    assert "21日" in engineers
    system = texts(context, kind="system")
    for expected in ("99.93%", "290回", "10.00%", "120.25ms"):
        assert expected in system


def test_a_report_that_fails_is_a_dead_letter_of_its_own(context: StaffingContext) -> None:
    change(context, "UPDATE companies SET name = '絵文字😀' WHERE company_id = '1'")
    change(context, """UPDATE usage_days SET feature_usage = '{"a": "many"}' WHERE company_id = '"1"'""")
    done = monthly.run(context, MONTH)
    reasons = {(each.kind, each.company_id): each.reason for each in done.failed}
    assert reasons.keys() == {("company", 1), ("company", "1"), ("system", None)}
    assert "😀 (U+1F600)" in reasons["company", 1]
    assert reasons["company", "1"].startswith("the database refuses its data: invalid input syntax for type bigint")
    assert (done.status, done.reports) == ("partial", {"engineer-activity": 1, "revenue": 1})
    assert "絵文字〓" in texts(context, kind="revenue")
    assert monthly.missing(context, MONTH) == ["1", "1", "system"]
    assert monthly.run(context, MONTH).written == 0
    [failed] = [row for row in reading.reports(context, limit=9)[0] if row["company_id"] == "1"]
    with pytest.raises(Conflict, match="has failed: there is no PDF of it"):
        reading.pdf(context, str(failed["id"]))
    change(context, "UPDATE companies SET name = '絵文字' WHERE company_id = '1'")
    done = monthly.run(context, MONTH)
    assert (done.written, done.mailed) == (3, 1)  # with engineers and revenue, which name it


def test_other_days_are_refused(context: StaffingContext) -> None:
    with pytest.raises(InvalidInput, match=r"2026-09-02 is not the first .* those of 2026-09-01"):
        monthly.run(context, date(2026, 9, 2))
    with pytest.raises(InvalidInput, match="the month 2026-10 is reported from 2026-11-01 on"):
        monthly.run(context, date(2026, 10, 1))
    with pytest.raises(NotFound, match="there is no report nobody"):
        reading.report(context, "nobody")
    assert monthly.unreported(context, date(2026, 10, 2)) == [MONTH]
    monthly.run(context, MONTH)
    assert monthly.unreported(context, date(2026, 12, 2)) == [date(2026, 10, 1), date(2026, 11, 1)]


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return {}


def left(context: StaffingContext) -> Any:
    """All that a run has left, but for what is random."""
    return (
        rows(context, "SELECT kind, company_id, version, state, sha256, mailed_to FROM reports ORDER BY 1, 2"),
        rows(context, "SELECT company_id, name, sha256, deleted_at FROM files ORDER BY 1"),
        mails(context),
    )


@pytest.mark.parametrize("at", [1, 3, 5, 7])
def test_who_dies_at_a_write_is_followed_by_another(
    context: StaffingContext, staffing_settings: Settings, kept: dict[str, Any], at: int
) -> None:
    hazard = Mortal(at, after=at % 4 == 1)
    client = disturbed(aws.client("s3", staffing_settings), hazard)
    dying = Originals(lambda: client, context.report_files.bucket)
    with (
        closing(disturbed_pool(staffing_settings.database(), hazard)) as pool,
        quiet_deaths(),
        pytest.raises(WorkerKilled),
    ):
        monthly.run(replace(context, pool=pool, report_files=dying), MONTH)
    assert monthly.run(context, MONTH).status == "ok"
    assert kept.setdefault("left", left(context)) == left(context)


def test_changes_are_said_in_words() -> None:
    assert values.growth(3, 2) == "前月比 +50.0%"
    assert values.growth(2, 3) == "前月比 -33.3%"
    assert values.growth(0, 0) == "前月比 ±0%"
    assert values.growth(5, 0) == "前月比 －"
    assert values.growth(5, None) == ""
    assert values.difference(1000, 0, "人") == "前月末比 +1,000人"
    assert values.difference(1, None, "人") == ""
    assert values.yen(-1234) == "-¥1,234"
    assert values.rounded(Decimal("-0.25"), 1) == Decimal("-0.3")
    days = Days(date(2026, 3, 1), [{"day": date(2026, 3, 31), "n": 2}, {"day": date(2026, 2, 28), "n": 1}])
    assert (days.total("n"), days.total_before("n"), days.last("n"), days.last_before("n")) == (2, None, 2, 1)
