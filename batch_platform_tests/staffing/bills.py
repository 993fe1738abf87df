"""Bills to print: the worked examples of the domain, a credit note, and one over several pages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from batch_platform.staffing.contracts import STANDARD, PriceType
from batch_platform.staffing.documents.assembly import credit_note_bill
from batch_platform.staffing.documents.model import Bill, Discount, Issuer, Line, Recipient
from batch_platform.staffing.tax import Rate, RateTotal

TEN = Decimal(10)
EIGHT = Decimal(8)
ISSUER = Issuer(
    name="スキルブリッジ株式会社",
    registration_number="T7010401022916",
    address="〒100-0005\n東京都千代田区丸の内1-9-2",
    phone="03-6206-0001",
    email="billing@skillbridge.example.jp",
    bank_account="あおば銀行 丸の内支店 普通 1234567",
)
RECIPIENT = Recipient(
    name="株式会社𠮷田髙﨑システムズ", address="東京都渋谷区渋谷2-24-12", email="keiri@example.co.jp"
)


def line(
    name: str,
    days: tuple[int, int],
    figures: tuple[int, int, int],
    rate: Rate = TEN,
    *,
    category: str = STANDARD,
    prorated: bool = False,
) -> Line:
    """A line of September 2026; figures are quantity, unit price and amount."""
    first, last = days
    quantity, unit_price, amount = figures
    return Line(
        name=name,
        first=date(2026, 9, first),
        last=date(2026, 9, last),
        quantity=quantity,
        unit_price=unit_price,
        days=last - first + 1 if prorated else None,
        of_days=30 if prorated else None,
        amount=amount,
        rate=rate,
        category=category,
    )


def total(rate: Rate, net: int, tax: int) -> RateTotal:
    return RateTotal(rate=rate, net=net, tax=tax, gross=net + tax)


INVOICE = Bill(
    kind="invoice",
    number="INV-2026-000001",
    issue_date=date(2026, 10, 1),
    due_date=date(2026, 11, 2),
    period_start=date(2026, 9, 1),
    period_end=date(2026, 9, 30),
    issuer=ISSUER,
    recipient=RECIPIENT,
    price_type=PriceType.NET,
    lines=(
        line("基本利用料", (11, 30), (1, 41000, 27333), prorated=True),
        line("追加ユーザー利用料", (11, 30), (2, 1200, 1600), prorated=True),
        line("追加エンジニア利用料", (11, 30), (6, 250, 1000), prorated=True),
        line("個別利用料", (20, 20), (2, 455, 910), EIGHT, category="reduced"),
    ),
    discounts=(
        Discount(name="値引き（2.5%）", rate=TEN, amount=748),
        Discount(name="値引き（2.5%）", rate=EIGHT, amount=22),
    ),
    per_rate=(total(TEN, 29185, 2919), total(EIGHT, 888, 71)),
    subtotal=30073,
    tax=2990,
    total=33063,
    contract_id="CT-0042",
    payment_terms="月末締め 翌月末日払い（金融機関休業日の場合は翌営業日）",
)
GROSS = Bill(
    kind="invoice",
    number="INV-2026-000002",
    issue_date=date(2026, 10, 1),
    due_date=date(2026, 11, 20),
    period_start=date(2026, 9, 1),
    period_end=date(2026, 9, 30),
    issuer=ISSUER,
    recipient=RECIPIENT,
    price_type=PriceType.GROSS,
    lines=(
        line("基本利用料", (1, 15), (1, 30000, 15000), prorated=True),
        line("追加ユーザー利用料", (1, 15), (3, 1980, 2970), prorated=True),
        line("基本利用料", (16, 30), (1, 45000, 22500), prorated=True),
        line("個別利用料", (5, 5), (1, 999, 999), None, category="exempt"),
    ),
    discounts=(
        Discount(name="値引き（1,500円）", rate=TEN, amount=1464),
        Discount(name="値引き（1,500円）", rate=None, amount=36),
    ),
    per_rate=(total(TEN, 35460, 3546), total(None, 963, 0)),
    subtotal=36423,
    tax=3546,
    total=39969,
    replaces="INV-2026-000001",
)
CREDIT_NOTE = credit_note_bill(
    (total(TEN, -29185, -2919), total(EIGHT, -888, -71)),
    INVOICE,
    number="CN-2026-000001",
    issue_date=date(2026, 11, 10),
    remarks="ご請求内容に誤りがあったため、全額を返還いたします。",
)
GROSS_CREDIT_NOTE = credit_note_bill(
    (total(TEN, -1000, -100), total(None, -63, 0)), GROSS, number="CN-2026-000002", issue_date=date(2026, 11, 10)
)
LONG = Bill(
    kind="invoice",
    number="INV-2026-000003",
    issue_date=date(2026, 10, 1),
    due_date=date(2026, 11, 2),
    period_start=date(2026, 9, 1),
    period_end=date(2026, 9, 30),
    issuer=ISSUER,
    recipient=Recipient(name="独立行政法人" + "折り返しの要る長い名前の" * 6 + "機構"),
    price_type=PriceType.NET,
    lines=tuple(
        line(f"第{number}案件 " + "Unbreakable" * 9, (1, 30), (1, 999_999_999, 999_999_999))
        for number in range(1, 61)
    ),
    per_rate=(total(TEN, 59_999_999_940, 5_999_999_994),),
    subtotal=59_999_999_940,
    tax=5_999_999_994,
    total=65_999_999_934,
)
ALL = (INVOICE, GROSS, CREDIT_NOTE, GROSS_CREDIT_NOTE, LONG)
