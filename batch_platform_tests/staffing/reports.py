"""A report with everything a report can have."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from batch_platform.staffing.documents.report_model import Chart, Figure, Report, Section, Series, Table

DAYS = tuple(f"{day}日" for day in range(1, 31))
REPORT = Report(
    title="月次利用レポート",
    subtitle="株式会社𠮷田髙﨑システムズ",
    period_start=date(2026, 9, 1),
    period_end=date(2026, 9, 30),
    made_on=date(2026, 10, 2),
    author="スキルブリッジ株式会社",
    sections=(
        Section(
            heading="利用状況",
            figures=(
                Figure(label="登録ユーザー", value="128人", change="前月比 +4人"),
                Figure(label="登録エンジニア", value="1,024人", change="前月比 -2人"),
                Figure(label="送信アプローチ", value="345件", change="前月比 +12.5%"),
                Figure(label="ストレージ", value="12,345.67 MB"),
            ),
            chart=Chart(
                kind="lines",
                labels=DAYS,
                series=(
                    Series(name="稼働ユーザー", values=tuple(40 + day * 7 % 23 for day in range(30))),
                    Series(
                        name="稼働エンジニア",
                        values=tuple(None if day in (9, 10) else Decimal(60 + day * 5 % 17) for day in range(30)),
                    ),
                ),
                unit="人",
            ),
            note="9月10日と11日は稼働エンジニア数を計測できませんでした。",
        ),
        Section(
            heading="売上の増減",
            chart=Chart(
                kind="bars",
                labels=("7月", "8月", "9月"),
                series=(
                    Series(name="新規", values=(1_200_000, 800_000, 2_450_000)),
                    Series(name="解約・返還", values=(-300_000, -1_100_000, 0)),
                ),
                unit="円",
            ),
        ),
        Section(
            heading="売上上位の企業",
            chart=Chart(
                kind="ranking",
                labels=("株式会社山田商店", "とても長い名前の" * 4 + "株式会社", "合同会社#*_[x]"),
                series=(Series(name="売上", values=(1_234_567, 700_000, None)),),
                unit="円（税抜）",
            ),
            table=Table(
                columns=("企業", "請求書番号", "税抜金額", "消費税額"),
                rows=tuple(
                    (f"第{number}株式会社", f"INV-2026-{number:06d}", f"{number * 12345:,}", f"{number * 1234:,}")
                    for number in range(1, 61)
                ),
                numeric=frozenset({2, 3}),
            ),
        ),
    ),
)
