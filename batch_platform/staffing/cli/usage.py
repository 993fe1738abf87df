"""`staffing usage`: what every company used on a day."""

from __future__ import annotations

from dataclasses import asdict

from batch_platform.core.terminal import print_rows
from batch_platform.kit.options import Json
from batch_platform.staffing.cli.options import Day
from batch_platform.staffing.opening import open_context


def usage_command(day: Day, as_json: Json = False) -> None:
    """Show what every company used on a day: as aggregated, or by the facts where that is still to come."""
    from batch_platform.staffing.service import usage

    with open_context() as context:
        rows = usage.usage(context, day)
    print_rows([asdict(each) for each in rows], as_json=as_json, empty="no companies")
