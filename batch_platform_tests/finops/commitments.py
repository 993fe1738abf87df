"""Line items of commitments as AWS writes them, and the summary of a month of them."""

from __future__ import annotations

from pathlib import Path

from batch_platform.finops.model import Format
from batch_platform.finops.normalize import normalise_csv
from batch_platform.finops.summary import MonthSummary, summarise
from batch_platform_tests.finops.bucket import MONTH, csv_text

RI = "arn:aws:ec2:ap-northeast-1:200000000001:reserved-instances/0b9c"
SP = "arn:aws:savingsplans::200000000001:savingsplan/7f1d"

R = "reservation/"
S = "savingsPlan/"
RI_USED = {R + "ReservationARN": RI, R + "EffectiveCost": "0.75", "pricing/publicOnDemandCost": "2"}
RI_FEE = {
    R + "ReservationARN": RI,
    R + "UnusedAmortizedUpfrontFeeForBillingPeriod": "3.25",
    R + "UnusedRecurringFee": "1.5",
    R + "AmortizedUpfrontFeeForBillingPeriod": "8",
}
SP_USED = {S + "SavingsPlanARN": SP, S + "SavingsPlanEffectiveCost": "0.6", "pricing/publicOnDemandCost": "1"}
SP_FEE = {
    S + "SavingsPlanARN": SP,
    S + "TotalCommitmentToDate": "10",
    S + "UsedCommitment": "7.5",
    S + "AmortizedUpfrontCommitmentForBillingPeriod": "4",
}
PLAN_REFUND = "Refund for one-time fee for Savings Plan ID: 7f1d"


def of_rows(folder: Path, rows: list[dict[str, str]], format: Format = Format.CUR_LEGACY) -> MonthSummary:  # noqa: A002
    """What the rows add up to, each read from CSV text as a delivered file is."""
    source, target = folder / "source.csv", folder / "rows.parquet"
    source.write_bytes(csv_text(rows))
    header = list(dict.fromkeys(name for row in rows for name in row))
    layout, frame = normalise_csv(source, header=header, where="s3://b/k")
    assert layout.format is format
    frame.sink_parquet(target)
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return summarise([target], month=MONTH, format=format, accounts=None, scratch=scratch)
