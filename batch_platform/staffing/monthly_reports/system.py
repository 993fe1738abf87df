"""The report of the whole system: how it answered, how long it was up, how much it carried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from batch_platform.staffing.documents.report_model import Chart, Figure, Report, Section, Series, Table
from batch_platform.staffing.monthly_reports import values
from batch_platform.staffing.monthly_reports.values import Days, Number, Row
from batch_platform.staffing.months import last_day

TITLE: Final = "月次システムレポート"
_FEATURES: Final = 10
_MINUTES: Final = 1440


@dataclass(frozen=True, kw_only=True)
class SystemMonth:
    """The system's month. `days` (of `system_stats`) and `approaches` are of this month and the one before.

    `features` and `companies` have the most used first.
    """

    month: date
    days: Sequence[Row]
    approaches: Sequence[Row]
    features: Sequence[Row]
    companies: Sequence[Row]


def missing_days(given: SystemMonth) -> list[date]:
    """Days of the month that were not aggregated."""
    there = {row["day"] for row in given.days}
    return [day for day in values.days_of(given.month) if day not in there]


def report(given: SystemMonth, *, author: str) -> Report:
    """What those who operate the system read."""
    return Report(
        title=TITLE,
        subtitle="システム全体の稼働と利用",
        period_start=given.month,
        period_end=last_day(given.month),
        made_on=values.made_on(given.month),
        author=author,
        sections=tuple(_sections(given)),
    )


def _sections(given: SystemMonth) -> Iterator[Section]:
    days = Days(given.month, [_with_shares(row) for row in given.days])
    missing = missing_days(given)
    yield Section(
        heading=f"{values.month_text(given.month)}のまとめ",
        figures=(
            _uptime(days),
            days.sum_figure("requests", "リクエスト", "回"),
            _weighted(days, "response_time_avg", "平均応答時間", "ms", 2),
            _weighted(days, "errors", "エラー率", "%", 2),
            days.last_figure("total_companies", "企業", "社"),
            days.last_figure("total_users", "ユーザー", "人"),
            days.last_figure("total_engineers", "エンジニア", "人"),
            days.sum_figure("total_approaches", "アプローチ", "件"),
        ),
        note=f"集計が完了していない日があります: {values.days_text(missing)}" if missing else "",
    )
    yield _drawn("日別のリクエスト数", days.chart("bars", "回", requests="リクエスト"))
    yield _drawn(
        "応答時間",
        days.chart(
            "lines",
            "ms",
            response_time_p50="中央値",
            response_time_p95="95パーセンタイル",
            response_time_p99="99パーセンタイル",
        ),
        "リクエストのない日は示していません。",
    )
    yield _drawn("エラー率", days.chart("lines", "%", errors="5xx応答の割合"), none="5xx応答はありませんでした。")
    yield _drawn(
        "稼働を確認できなかった時間",
        days.chart("bars", "分", unseen="確認できなかった時間"),
        "1分ごとの稼働記録（ハートビート）がなかった時間です。",
        "すべての時間で稼働を確認しました。" if days.values("unseen").count(None) == 0 else "記録がありません。",
    )
    yield _drawn("利用ユーザー", days.chart("lines", "人", active_users="利用ユーザー"))
    yield _drawn(
        "アプローチ",
        Days(given.month, given.approaches).chart("bars", "件", sent="送信", opened="開封", replied="返信"),
    )
    yield _companies(given)
    most = given.features[:_FEATURES]
    chart = Chart(
        kind="ranking",
        labels=tuple(str(row["feature"]) for row in most),
        series=(Series(name="利用回数", values=tuple(int(row["calls"]) for row in most)),),
        unit="回",
    )
    yield _drawn("よく使われた機能", chart if most else None)


def _companies(given: SystemMonth) -> Section:
    rows = tuple(
        (row["company"], values.counted(int(row["calls"]), "回"), values.counted(int(row["logins"] or 0), "回"))
        for row in given.companies
    )
    return Section(
        heading="利用の多い企業",
        table=Table(columns=("企業", "API利用", "ログイン"), rows=rows, numeric=frozenset({1, 2})) if rows else None,
        note="" if rows else "対象月の記録はありません。",
    )


def _with_shares(row: Row) -> Row:
    """With the error rate in percent, and minutes without a heartbeat."""
    rate, uptime = row["error_rate"], row["system_uptime"]
    unseen = int(values.rounded((1 - uptime) * _MINUTES, 0))
    return {**row, "errors": None if rate is None else rate * 100, "unseen": unseen}


def _uptime(days: Days) -> Figure:
    share = _mean([value for value in days.values("system_uptime") if value is not None])
    before = days.values("system_uptime", days.before)
    change = ""
    if share is not None and None not in before:
        moved = share - (_mean([value for value in before if value is not None]) or Decimal(0))
        change = f"前月比 {values.rounded(moved * 100, 2):+}ポイント"
    shown = values.NONE if share is None else f"{values.rounded(share * 100, 2)}%"
    return Figure(label="稼働率", value=shown, change=change)


def _weighted(days: Days, name: str, label: str, unit: str, places: int) -> Figure:
    """The mean of days, each by its requests."""
    value, before = (_mean_by_requests(days, name, month) for month in (days.month, days.before))
    if value is None:
        return Figure(label=label, value=values.NONE)
    change = "" if before is None else f"前月比 {values.rounded(value - before, places):+}{unit}"
    return Figure(label=label, value=f"{values.rounded(value, places):,}{unit}", change=change)


def _mean_by_requests(days: Days, name: str, month: date) -> Decimal | None:
    pairs = [
        (Decimal(value), Decimal(weight))
        for value, weight in zip(days.values(name, month), days.values("requests", month), strict=True)
        if value is not None and weight
    ]
    weights = sum(weight for _, weight in pairs)
    return sum((value * weight for value, weight in pairs), Decimal(0)) / weights if weights else None


def _mean(values: Sequence[Number]) -> Decimal | None:
    return Decimal(sum(values)) / len(values) if values else None


def _drawn(heading: str, chart: Chart | None, note: str = "", none: str = "対象月の記録はありません。") -> Section:
    return Section(heading=heading, chart=chart, note=note if chart else none)
