"""`make demo`, engineer staffing: a month of a company set, from its facts to invoices that lie in the sink.

facts, names   about 40 companies with 600 engineers, made up
story          what is shown of the month
mails          a worker that is killed while it sends, and that nobody got two
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from rich.console import Console

from batch_platform.staffing.demo import mails, story
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.months import last_day, shifted

if TYPE_CHECKING:
    from batch_platform.operations.dagster.launch import Launcher
    from batch_platform.settings import Settings
    from batch_platform.staffing.service import StaffingContext

Step = Callable[[str], None]


def run(settings: Settings, step: Step, launcher: Launcher | None = None) -> None:
    """Bill the month before of a made-up company set and mail the invoices. Run again, it changes nothing.

    With a `launcher` what a schedule would start runs as Dagster runs.
    """
    from batch_platform.kit.session import of_demo
    from batch_platform.staffing.opening import open_context

    console = Console(highlight=False, markup=False)
    with open_context(settings) as context, of_demo(settings, context) as session:
        month = story.loaded_month(context) or shifted(business_day(context.clock()).replace(day=1), -1)
        step(f"engineer staffing: 40 companies, 600 engineers, billed for {month:%Y-%m}")
        story.load(session, month, step)
        _days(context, month, launcher, step)
        numbers = story.bill(session, month, step)
        picture = story.picture(context, numbers[0], settings.home / "demo")
        step(f"  one of them as a picture: {picture}")
        mails.send(context, settings, numbers, step)
        story.show(context, month, console)
    if launcher is not None:
        story.back_up(settings, step, console)
    console.print(_WHERE_NEXT.format(month=f"{month:%Y-%m}", day=last_day(month)), soft_wrap=True)


def _days(context: StaffingContext, month: date, launcher: Launcher | None, step: Step) -> None:
    """Statuses and usage of all days of the month, as the nightly jobs write them."""
    from batch_platform.staffing.jobs import STATUSES, USAGE
    from batch_platform.staffing.service import statuses, usage

    last = last_day(month)
    if story.has_usage(context, last):
        step("  statuses and usage of its days are written")
        return
    step("  running status and usage of its days")
    if launcher is None:
        for number in range((last - month).days + 1):
            day = month + timedelta(days=number)
            statuses.write_day(context, day)
            usage.aggregate(context, day)
        return
    for job in (STATUSES, USAGE):
        launcher.run(job, partition_range=(month.isoformat(), last.isoformat())).require_success()


_WHERE_NEXT: Final = """  .venv/bin/batch-platform staffing invoices list --month {month}
  .venv/bin/batch-platform staffing status --date {day}
  .venv/bin/batch-platform staffing verify --month {month}
  make up; then /console/staffing              statuses, usage, invoices, approaches, backups"""
