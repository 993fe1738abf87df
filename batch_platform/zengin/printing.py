"""What the zengin commands print: JSON for programs, tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import typer

from batch_platform.core.caller import person
from batch_platform.core.terminal import print_json, print_rows, shown
from batch_platform.zengin.model import Changeset, ChangesetStatus, DiffType, Quorum, Record, Status, Table

if TYPE_CHECKING:
    import polars as pl

    from batch_platform.zengin.service import (
        ApplyOutcome,
        ChangesetDecision,
        Decision,
        IngestCheck,
        Proposal,
        SnapshotOutcome,
    )

_CHANGES_SHOWN: Final = 200
_OPERATIONS: Final = (DiffType.ADDITION, DiffType.UPDATE, DiffType.DELETION)


def snapshot(taken: SnapshotOutcome, *, as_json: bool, dry_run: bool) -> None:
    answer = {
        "snapshot_id": taken.snapshot_id,
        "date": taken.business_date,
        "taken": taken.taken,
        "dry_run": dry_run,
        **asdict(taken.provenance),
        "banks": taken.banks,
        "branches": taken.branches,
        "orphans": list(taken.orphans),
        "checks": [asdict(check) for check in taken.checks],
        "encoding": taken.encoding,
    }
    if as_json:
        print_json(answer)
        return
    verb = "would be kept" if dry_run and taken.taken else "kept" if taken.taken else "was kept before"
    typer.echo(
        f"snapshot {taken.snapshot_id} of {taken.business_date} {verb}: {taken.provenance.version}, "
        f"{taken.banks:,} banks, {taken.branches:,} branches, read as {taken.encoding}"
    )
    for check in taken.checks:
        typer.echo(f"  {'ok     ' if check.passed else 'warning'}  {check.name}: {check.description}")


def proposal(found: Proposal, *, as_json: bool, dry_run: bool) -> None:
    one = found.changeset
    answer = {
        **changeset_answer(one),
        "raised": found.raised,
        "carried": found.carried,
        "remembered": found.remembered,
        "superseded": found.superseded,
        "dry_run": dry_run,
    }
    if as_json:
        print_json(answer)
        return
    typer.echo(f"changeset {one.id}: {one.verdict}: {one.reason}")
    counted(one)
    if found.carried or found.remembered or found.superseded:
        typer.echo(
            f"{found.raised} raised, {found.carried} open before, {found.remembered} rejected before, "
            f"{found.superseded} superseded"
        )


def counted(one: Changeset) -> None:
    """A changeset's rows by operation, class and risk, for people."""
    for table, operations in by_table(one.counts).items():
        if any(operations.values()):
            typer.echo(f"  {table}: " + ", ".join(f"{count} {name}" for name, count in operations.items() if count))
    for prefix in ("class", "risk"):
        if parts := _with_prefix(one.counts, prefix):
            typer.echo(f"  by {prefix}: " + ", ".join(f"{count} {name}" for name, count in parts.items()))


def by_table(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    return {table.value: {op.value: counts.get(f"{table}.{op}", 0) for op in _OPERATIONS} for table in Table}


def changeset_answer(one: Changeset) -> dict[str, Any]:
    return {
        "changeset_id": one.id,
        "verdict": one.verdict.value,
        "hold_reason": one.hold_reason and one.hold_reason.value,
        "reason": one.reason,
        "status": one.status.value,
        "date": one.business_date,
        "rows": one.counts.get("rows", 0),
        "counts": by_table(one.counts),
        "classes": _with_prefix(one.counts, "class"),
        "risks": _with_prefix(one.counts, "risk"),
        "payload_hash": one.payload_hash,
        "version": one.version,
        "needs_approvals": one.needs_approvals,
        "approvals": [{"account": given.account, "at": given.at} for given in one.approvals],
        "inverse_of": one.inverse_of,
        "proposed_by": one.proposed_by,
    }


def changesets(found: Sequence[Changeset], *, as_json: bool, single: bool = False) -> None:
    if as_json:
        answers = [changeset_answer(one) for one in found]
        print_json(answers[0] if single else answers)
        return
    rows = [
        {
            "changeset": one.id,
            "date": one.business_date,
            "status": one.status.value,
            "verdict": one.verdict.value,
            "rows": one.counts.get("rows", 0),
            "needs": one.needs_approvals,
            "reason": one.reason,
        }
        for one in found
    ]
    print_rows(rows, as_json=False, empty="no changeset")


def undoing(one: Changeset, *, as_json: bool) -> None:
    """An undoing as it is proposed, with its risks and who must approve it."""
    changesets([one], as_json=as_json, single=True)
    if not as_json:
        counted(one)
        needed = _many(one.needs_approvals, "account")
        typer.echo(f"{needed} must approve it, one at least another than {one.proposed_by}, who has proposed it")


def changeset(one: Changeset, changes: pl.DataFrame, failed_checks: Sequence[IngestCheck], *, as_json: bool) -> None:
    if as_json:
        failed = [asdict(check) for check in failed_checks]
        print_json({**changeset_answer(one), "failed_checks": failed, "changes": changes.to_dicts()})
        return
    changesets([one], as_json=False)
    if one.proposed_by:
        typer.echo(f"  proposed by {one.proposed_by}, who is not enough to approve it")
    for check in failed_checks:
        typer.echo(f"  warning  {check.name}: {check.description}")
    if one.approvals:
        verb = "overridden" if one.status is ChangesetStatus.HELD else "approved as a whole"
        given = ", ".join(f"{approval.account} ({shown(approval.at)})" for approval in one.approvals)
        typer.echo(f"  {verb} by {given}: {len(one.approvals)} of {one.needs_approvals}")
    counted(one)
    rows = [
        {
            "risk": row["risk"],
            "class": row["change_class"],
            "table": row["table"],
            "key": row["key"],
            "operation": row["diff_type"],
            "old": (row["old"] or {}).get("name"),
            "new": (row["new"] or {}).get("name"),
            "reason": row["reason"],
            "record": row["diff_id"],
        }
        for row in changes.head(_CHANGES_SHOWN).iter_rows(named=True)
    ]
    print_rows(rows, as_json=False, empty="no changes")
    if changes.height > _CHANGES_SHOWN:
        typer.echo(f"… and {changes.height - _CHANGES_SHOWN} more")


def record_answer(one: Record) -> dict[str, Any]:
    answer = {**vars(one), "approvals": [{"account": given.account, "at": given.at} for given in one.approvals]}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in answer.items()}


def records(found: Sequence[Record], *, as_json: bool) -> None:
    if as_json:
        print_json([record_answer(one) for one in found])
        return
    rows = [
        {
            "id": one.id,
            "status": one.status.value,
            "risk": one.risk.value,
            "class": one.change_class and one.change_class.value,
            "table": one.table and one.table.value,
            "key": one.key,
            "operation": one.diff_type.value,
            "approved_by": _accounts(one),
            "reason": one.reason,
        }
        for one in found
    ]
    print_rows(rows, as_json=False, empty="no record")


def record(one: Record, *, as_json: bool) -> None:
    if as_json:
        print_json(record_answer(one))
        return
    rows = [{"": name, "value": value} for name, value in record_answer(one).items() if value not in (None, {}, [])]
    print_rows(rows, as_json=False, empty="")


def unwritable(rows: Sequence[Mapping[str, str]]) -> None:
    """On standard error, as standard output may be the file itself."""
    for row in rows:
        typer.echo(f"cannot be written: {row['key']} {row['name']}: {row['why']}", err=True)


def decision(done: Decision, *, as_json: bool) -> None:
    if as_json:
        print_json({"records": [record_answer(one) for one in done.records], "waiting": list(done.waiting)})
        return
    records(done.records, as_json=False)
    _waiting(len(done.waiting))


def outlook(found: Sequence[Record], quorums: Mapping[str, Quorum], *, by: str, as_json: bool) -> None:
    """What an approval by an account would come to, record by record."""
    from batch_platform.zengin.service.review import refusal, still_needed

    told = [
        {"still_needed": still_needed(one, quorums[one.changeset_id]), "refusal": refusal(one, by)} for one in found
    ]
    if as_json:
        print_json([{**record_answer(one), **more} for one, more in zip(found, told, strict=True)])
        return
    rows: list[dict[str, object]] = [
        {
            "id": one.id,
            "status": one.status.value,
            "key": one.key,
            "approved_by": _accounts(one),
            "still_needed": more["still_needed"],
            f"{by} may approve": "yes" if more["refusal"] is None else f"no: {more['refusal']}",
        }
        for one, more in zip(found, told, strict=True)
    ]
    print_rows(rows, as_json=False, empty="no record")
    _proposer(by, {quorum.proposer for quorum in quorums.values()})


def changeset_outlook(one: Changeset, found: Sequence[Record], *, by: str, as_json: bool) -> None:
    """What an approval of a whole changeset by an account would come to."""
    from batch_platform.zengin.service.review import refusal, still_needed

    pending = [record for record in found if record.status is Status.PENDING]
    needed = Counter(still_needed(record, one.quorum) for record in pending)
    mine = sum(1 for record in pending if refusal(record, by) is None)
    if as_json:
        answer = {"pending": len(pending), "still_needed": max(needed, default=0), "would_approve": mine}
        print_json({**changeset_answer(one), **answer})
        return
    changesets([one], as_json=False)
    for approvals, records_left in sorted(needed.items()):
        lacking = _many(approvals, "approval")
        typer.echo(f"  {_many(records_left, 'pending record')} still need{_s(records_left)} {lacking}")
    if not pending:
        typer.echo("  nothing of it waits for approval")
    elif not mine:
        typer.echo(f"  {by} has approved it already: another account must")
    else:
        typer.echo(f"  {by} may approve {_many(mine, 'record')} of it")
        _proposer(by, {one.proposed_by})


def changeset_decision(done: ChangesetDecision, *, as_json: bool, verb: str) -> None:
    if as_json:
        print_json({**changeset_answer(done.changeset), "moved": done.moved, "waiting": done.waiting})
        return
    typer.echo(f"changeset {done.changeset.id} is {done.changeset.status}: {_many(done.moved, 'record')} {verb}")
    if done.changeset.status is ChangesetStatus.HELD:
        typer.echo("another account must override it too")
    else:
        _waiting(done.waiting)


def applied(outcome: ApplyOutcome, *, as_json: bool) -> None:
    totals = {name: sum(getattr(one, name) for one in outcome.changesets) for name in _APPLIED}
    if as_json:
        print_json(
            {"date": outcome.business_date, "dry_run": outcome.dry_run, **totals, "changesets": outcome.changesets}
        )
        return
    verb = "would be applied" if outcome.dry_run else "applied"
    typer.echo(f"{outcome.business_date}: {_many(totals['applied'], 'row')} {verb}")
    for one in outcome.changesets:
        typer.echo(
            f"  {one.changeset_id}: {one.applied} {verb}, {one.already} already there, "
            f"{_many(one.conflicts, 'conflict')}, {one.waiting} waiting"
        )
        for key in one.conflict_keys:
            typer.echo(f"    conflict: {key}")


_APPLIED: Final = ("applied", "already", "conflicts", "waiting")


def _waiting(records_left: int) -> None:
    if records_left:
        typer.echo(f"{_many(records_left, 'record')} need{_s(records_left)} the approval of another account")


def _proposer(by: str, proposers: Collection[str | None]) -> None:
    if person(by) in {person(one or "") for one in proposers}:
        typer.echo(f"{by} has proposed it: another account must approve it too")


def _accounts(one: Record) -> list[str]:
    return [given.account for given in one.approvals]


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _s(count: int) -> str:
    """The verb's ending: one record needs, many need."""
    return "s" if count == 1 else ""


def _with_prefix(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(f"{prefix}."): rows for name, rows in counts.items() if name.startswith(f"{prefix}.")}
