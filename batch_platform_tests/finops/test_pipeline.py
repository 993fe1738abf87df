from decimal import Decimal

from batch_platform_tests.finops.bucket import MONTH, csv_gz, csv_zip, csv_text, parquet, as_cur2
from batch_platform_tests.finops.conftest import Project
import polars as pl
from batch_platform.finops.model import Format

def test_smoke(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "1.5")]), csv_zip(csv_text([project.line("Tax", "1e-7")]))])
    out = project.run()
    print(out.published, out.costs)
    assert out.costs["unblended"].sum() == Decimal("1.5000001")

def test_smoke2(make_project) -> None:
    project = make_project(format=Format.AUTO)
    project.bucket.export(MONTH, [parquet([as_cur2(project.line("Usage", "1.5"))], {"line_item_unblended_cost": pl.Float64, "line_item_usage_start_date": pl.Datetime("ms")})])
    out = project.run()
    print(out.published, out.costs)
    assert out.costs["unblended"].sum() == Decimal("1.5")
