"""What the demo does with its month: facts, drafts, a second person's word, a picture, a backup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from batch_platform.staffing.demo.facts import lines
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.months import shifted

if TYPE_CHECKING:
    from rich.console import Console

    from batch_platform.kit.session import Session
    from batch_platform.settings import Settings
    from batch_platform.staffing.service import StaffingContext

Step = Callable[[str], None]

APPROVERS: Final = ("local:hanako", "local:taro")


def loaded_month(context: StaffingContext) -> date | None:
    """The month that an earlier demo has billed: its companies were made for that one."""
    with context.store.snapshot() as session:
        first = session.contract_start("K-002")
    return None if first is None else shifted(first, 11)


def load(session: Session[StaffingContext], month: date, step: Step) -> None:
    """The facts; those that are there stay."""
    from batch_platform.staffing.service import loading

    with session.log.intent(loading.LOAD, "facts") as intent:
        loaded = loading.load(session.context, lines(month))
        intent.after = {"added": dict(loaded.added)}
    step(f"  {sum(loaded.added.values()):,} facts loaded, {sum(loaded.skipped.values()):,} were there")


def has_usage(context: StaffingContext, day: date) -> bool:
    """Whether a day's usage is written."""
    from batch_platform.staffing.service import usage

    return bool(usage.systems(context, day - timedelta(days=1), day))


def bill(session: Session[StaffingContext], month: date, step: Step) -> list[str]:
    """The month's invoices, drafted and issued by the word of two people; their numbers."""
    from batch_platform.staffing.service.invoices import drafting, reading, releasing

    context = session.context
    changed = drafting.draft(context, month, by="system")
    step(f"  {changed} drafts are new")
    for person in APPROVERS:
        seen = releasing.drafts(context, month)
        if not seen.count:
            break
        try_release(session.speaking_for(person), month, seen, step)
    rows, _ = reading.invoices(context, reading.Search(month=month), limit=500)
    numbers = sorted(str(row["number"]) for row in rows if row["state"] == "issued" and row["kind"] == "invoice")
    step(f"  issued: {numbers[0]} to {numbers[-1]}" if numbers else "  nothing is issued")
    return numbers


def try_release(session: Session[StaffingContext], month: date, seen: Any, step: Step) -> None:
    """One person's word, as the drafts were seen; who has said so before need not say it again."""
    from batch_platform.staffing.service.invoices import releasing

    person, record = session.by, session.log.record
    if person in seen.proposed_by:
        return
    done = releasing.release(session.context, month, by=person, count=seen.count, total=seen.total, record=record)
    result = "it takes another person" if done.issued is None else f"{done.issued} invoices are issued"
    step(f"  {person.removeprefix('local:')} agrees to {seen.count} drafts of ¥{seen.total:,}: {result}")


def picture(context: StaffingContext, number: str, folder: Path) -> Path:
    """The first page of an invoice's PDF as a picture."""
    from batch_platform.staffing.documents import pictures
    from batch_platform.staffing.service.invoices import reading

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{number}.png"
    file.write_bytes(pictures.picture(reading.original(context, number)))
    return file


def show(context: StaffingContext, month: date, console: Console) -> None:
    """Engineers by status, and the month's invoices by state."""
    from batch_platform.staffing.service import statuses
    from batch_platform.staffing.service.invoices import monthly

    last = shifted(month, 1)
    for row in statuses.counts_by_day(context, month, last)[-1:]:
        counts = ", ".join(f"{status} {count}" for status, count in sorted(row["counts"].items()))
        console.print(f"  engineers on {row['day']}: {counts}")
    with context.store.snapshot() as session:
        stands = monthly.outcome(session, month)
    states = ", ".join(f"{state} {count}" for state, count in sorted(stands.states.items()))
    console.print(f"  invoices of {stands.month}: {states}; ¥{stands.total:,} with tax")


def back_up(settings: Settings, step: Step, console: Console) -> None:
    """Tonight's backup, proved by a restore."""
    from batch_platform.staffing.opening import open_backups
    from batch_platform.staffing.service import backups

    step("  backing up, and proving it by a restore into a scratch server")
    with open_backups(settings) as context:
        night = business_day(context.clock())
        outcome = backups.run(context, night)
    console.print(f"  backup of {night}: {outcome.state}")
