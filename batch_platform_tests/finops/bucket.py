"""Real deliveries in the S3 emulator, written as AWS writes them: data files first, the manifest last.

    bucket = CurBucket(s3, region)
    bucket.deliver(MONTH, [csv_gz([line("Usage", "1.5")]), csv_gz([line("Tax", "0.15")])])
    bucket.deliver(MONTH, [csv_gz(...)], assembly="second")            # replaces the manifest, keeps the old files
    bucket.export(MONTH, [parquet([as_cur2(line("Usage", "1.5"))])])   # Data Exports: CUR 2.0 and FOCUS

Rows are dicts of the delivered column name to the delivered text; `line`, `as_cur2` and `focus` make whole ones.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Row = Mapping[str, str]

MONTH = date(2024, 10, 1)
"""A billing month that has ended on any machine these tests run on, so that a delivery of now closes it."""
OPEN_MONTH = date(2099, 10, 1)
"""A billing month that has not: whatever is delivered for it now is delivered before it ended."""

# AWS's own spellings (CUR user guide, Data Exports table dictionary), written down by hand: legacy CSV -> CUR 2.0.
CUR2_NAMES = {
    "bill/BillingEntity": "bill_billing_entity",
    "bill/BillingPeriodStartDate": "bill_billing_period_start_date",
    "bill/InvoiceId": "bill_invoice_id",
    "bill/PayerAccountId": "bill_payer_account_id",
    "lineItem/BlendedCost": "line_item_blended_cost",
    "lineItem/CurrencyCode": "line_item_currency_code",
    "lineItem/LineItemDescription": "line_item_line_item_description",
    "lineItem/LineItemType": "line_item_line_item_type",
    "lineItem/NetUnblendedCost": "line_item_net_unblended_cost",
    "lineItem/Operation": "line_item_operation",
    "lineItem/ProductCode": "line_item_product_code",
    "lineItem/ResourceId": "line_item_resource_id",
    "lineItem/UnblendedCost": "line_item_unblended_cost",
    "lineItem/UsageAccountId": "line_item_usage_account_id",
    "lineItem/UsageAmount": "line_item_usage_amount",
    "lineItem/UsageStartDate": "line_item_usage_start_date",
    "lineItem/UsageType": "line_item_usage_type",
    "pricing/publicOnDemandCost": "pricing_public_on_demand_cost",
    "pricing/term": "pricing_term",
    "pricing/unit": "pricing_unit",
    "product/regionCode": "product_region_code",
    "product/servicecode": "product_servicecode",
    "reservation/AmortizedUpfrontFeeForBillingPeriod": "reservation_amortized_upfront_fee_for_billing_period",
    "reservation/EffectiveCost": "reservation_effective_cost",
    "reservation/NetEffectiveCost": "reservation_net_effective_cost",
    "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod": (
        "reservation_net_unused_amortized_upfront_fee_for_billing_period"
    ),
    "reservation/NetUnusedRecurringFee": "reservation_net_unused_recurring_fee",
    "reservation/ReservationARN": "reservation_reservation_a_r_n",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": (
        "reservation_unused_amortized_upfront_fee_for_billing_period"
    ),
    "reservation/UnusedRecurringFee": "reservation_unused_recurring_fee",
    "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": (
        "savings_plan_amortized_upfront_commitment_for_billing_period"
    ),
    "savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod": (
        "savings_plan_net_amortized_upfront_commitment_for_billing_period"
    ),
    "savingsPlan/NetRecurringCommitmentForBillingPeriod": (
        "savings_plan_net_recurring_commitment_for_billing_period"
    ),
    "savingsPlan/NetSavingsPlanEffectiveCost": "savings_plan_net_savings_plan_effective_cost",
    "savingsPlan/SavingsPlanARN": "savings_plan_savings_plan_a_r_n",
    "savingsPlan/SavingsPlanEffectiveCost": "savings_plan_savings_plan_effective_cost",
    "savingsPlan/TotalCommitmentToDate": "savings_plan_total_commitment_to_date",
    "savingsPlan/UsedCommitment": "savings_plan_used_commitment",
    "splitLineItem/ParentResourceId": "split_line_item_parent_resource_id",
}


def line(
    kind: str = "Usage",
    cost: str = "1",
    more: Row | None = None,
    *,
    account: str = "200000000001",
    payer: str = "100000000001",
    month: date = MONTH,
    day: int = 5,
) -> dict[str, str]:
    """A CUR legacy line item with every column a cost needs; `more` adds columns or replaces them."""
    return {
        "bill/BillingEntity": "AWS",
        "bill/BillingPeriodStartDate": f"{month:%Y-%m-%d}T00:00:00Z",
        "bill/InvoiceId": "777",
        "bill/PayerAccountId": payer,
        "lineItem/CurrencyCode": "USD",
        "lineItem/LineItemType": kind,
        "lineItem/ProductCode": "AmazonEC2",
        "lineItem/UnblendedCost": cost,
        "lineItem/UsageAccountId": account,
        "lineItem/UsageStartDate": f"{month:%Y-%m}-{day:02d}T03:00:00Z",
        "product/servicecode": "AmazonEC2",
        **(more or {}),
    }


def as_cur2(row: Row) -> dict[str, str]:
    """The same line item as CUR 2.0 spells it; it has the `product` map in place of most product columns."""
    names = {CUR2_NAMES.get(name, name): text for name, text in row.items() if name != "product/ProductName"}
    product = {"product_name": row["product/ProductName"]} if row.get("product/ProductName") else {}
    return {**names, "product": json.dumps(product)}


def focus(
    category: str = "Usage",
    billed: str = "1",
    effective: str | None = None,
    more: Row | None = None,
    *,
    account: str = "200000000001",
    payer: str = "100000000001",
    month: date = MONTH,
    day: int = 5,
    version: str = "1.2",
) -> dict[str, str]:
    """A FOCUS line item; 1.2 has columns that 1.0 lacks, InvoiceId above all."""
    row = {
        "BilledCost": billed,
        "BillingAccountId": payer,
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{month:%Y-%m-%d}T00:00:00Z",
        "ChargeCategory": category,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": f"{month:%Y-%m}-{day:02d}T03:00:00Z",
        "CommitmentDiscountId": "",
        "CommitmentDiscountStatus": "",
        "EffectiveCost": billed if effective is None else effective,
        "ListCost": billed,
        "RegionId": "ap-northeast-1",
        "ServiceName": "Amazon Elastic Compute Cloud",
        "SubAccountId": account,
    }
    if version == "1.2":
        row["InvoiceId"] = "777"
    return {**row, **(more or {})}


@dataclass(frozen=True)
class File:
    """The bytes of a data file and the ending of its name."""

    body: bytes
    ending: str = "csv.gz"


def csv_text(rows: Sequence[Row], header: Sequence[str] | None = None) -> bytes:
    """Rows as CSV, in the columns of `header` or of all rows; quoted where CSV needs it, as AWS does."""
    names = list(header or dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def csv_gz(rows: Sequence[Row], header: Sequence[str] | None = None) -> File:
    return File(gzip.compress(csv_text(rows, header), mtime=0))


def csv_zip(*members: bytes, method: int = zipfile.ZIP_DEFLATED) -> File:
    """A zip of CSV members (see `csv_text`)."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as archive:
        for number, member in enumerate(members):
            archive.writestr(zipfile.ZipInfo(f"cur-{number}.csv"), member, compress_type=method)
    return File(body.getvalue(), "csv.zip")


def parquet(rows: Sequence[Row], types: Mapping[str, Any] | None = None) -> File:
    """Rows as Parquet, all text unless `types` says otherwise (as AWS does: costs DOUBLE, times TIMESTAMP)."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = pl.DataFrame(
        {name: [row.get(name) or None for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
    casts = []
    for name, dtype in (types or {}).items():
        if isinstance(dtype, pl.Datetime):
            text = pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="ms", time_zone="UTC")
            casts.append(text.cast(dtype))
        else:
            casts.append(pl.col(name).cast(dtype))
    body = io.BytesIO()
    frame.with_columns(casts).write_parquet(body)
    return File(body.getvalue(), "snappy.parquet")


@dataclass
class CurBucket:
    """A bucket of its own, with one report in it."""

    s3: S3Client
    region: str = "ap-northeast-1"
    prefix: str = "cur/acme"
    report: str = "cur"
    name: str = field(default_factory=lambda: f"billing-{uuid4().hex[:16]}")

    def __post_init__(self) -> None:
        place: Any = {"LocationConstraint": self.region}
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=place)

    @property
    def base(self) -> str:
        return "/".join(part for part in (self.prefix, self.report) if part)

    def put(self, key: str, body: bytes) -> str:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)
        return key

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.s3.delete_object(Bucket=self.name, Key=key)

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    # CUR legacy

    def folder(self, month: date) -> str:
        after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        return f"{self.base}/{month:%Y%m%d}-{after:%Y%m%d}"

    def legacy_manifest(self, month: date) -> str:
        return f"{self.folder(month)}/{self.report}-Manifest.json"

    def file_keys(self, month: date, files: Iterable[File], assembly: str) -> list[str]:
        folder = f"{self.folder(month)}/{assembly}"
        return [f"{folder}/{self.report}-{number}.{file.ending}" for number, file in enumerate(files, 1)]

    def deliver(self, month: date, files: Sequence[File], *, assembly: str = "first") -> list[str]:
        """An assembly of CUR legacy and the manifest that makes it the current one; the keys of its files."""
        keys = self.file_keys(month, files, assembly)
        for key, file in zip(keys, files, strict=True):
            self.put(key, file.body)
        self.write_manifest(month, keys, assembly=assembly)
        return keys

    def write_manifest(self, month: date, keys: Sequence[str], *, assembly: str = "first", **more: Any) -> str:
        """The manifest alone, whether or not its files are there."""
        period = {"start": f"{month:%Y%m%d}T000000.000Z"}
        content = {"assemblyId": assembly, "billingPeriod": period, "bucket": self.name, "reportKeys": list(keys)}
        return self.put(self.legacy_manifest(month), json.dumps({**content, **more}).encode())

    # Data Exports

    def export_manifest(self, month: date) -> str:
        return f"{self.base}/metadata/BILLING_PERIOD={month:%Y-%m}/{self.report}-Manifest.json"

    def export(self, month: date, files: Sequence[File], *, execution: str = "first") -> list[str]:
        """A Data Export (CUR 2.0 or FOCUS) that overwrites the last one, as AWS recommends; the keys of its files."""
        folder = f"{self.base}/data/BILLING_PERIOD={month:%Y-%m}"
        keys = [
            self.put(f"{folder}/{self.report}-{number:05d}.{file.ending}", file.body)
            for number, file in enumerate(files, 1)
        ]
        content = {"executionId": execution, "dataFiles": [self.uri(key) for key in keys]}
        self.put(self.export_manifest(month), json.dumps(content).encode())
        return keys
