"""What the zengin commands print: the API's own models for programs, tables and sentences for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batch_platform.core.caller import person
from batch_platform.core.terminal import print_fields, print_json, print_rows, say, shown
from batch_platform.kit.lists import show, written
from batch_platform.zengin.model import Changeset, ChangesetStatus, Quorum, Record, Status
from batch_platform.zengin.service import ChangesetDecision, Decision, IngestCheck, Proposal, Unwritable
from batch_platform.zengin.service.quorum import refusal, still_needed
from batch_platform.zengin.web.lists import CHANGESETS, RECORDS
from batch_platform.zengin.web.schemas import (
    ChangesetAnswer,
    ChangesetDecisionAnswer,
    ChangesetDetailAnswer,
    RecordAnswer,
    RecordDecisionAnswer,
)

if TYPE_CHECKING:
    import polars as pl

_CHANGES_SHOWN = 200


def snapshot(taken: Mapping[str, Any], *, as_json: bool, dry_run: bool) -> None:
    provenance = taken["provenance"]
    if as_json:
        rest = {name: value for name, value in taken.items() if name not in ("business_date", "provenance")}
        print_json({"date": taken["business_date"], "dry_run": dry_run, **rest, **provenance})
        return
    verb = "would be kept" if dry_run and taken["taken"] else "kept" if taken["taken"] else "was kept before"
    say(
        f"snapshot {taken['snapshot_id']} of {taken['business_date']} {verb}: {provenance['version']}, "
        f"{taken['banks']:,} banks, {taken['branches']:,} branches, read as {taken['encoding']}"
    )
    for check in taken["checks"]:
        say(f"  {'ok     ' if check['passed'] else 'warning'}  {check['name']}: {check['description']}")


def proposal(made: Proposal, *, as_json: bool, dry_run: bool) -> None:
    changeset = made.changeset
    became = {name: value for name, value in vars(made).items() if name != "changeset"}
    if as_json:
        print_json({**written(ChangesetAnswer.of(changeset)), **became, "dryRun": dry_run})
        return
    say(f"changeset {changeset.id}: {changeset.verdict}: {changeset.reason}")
    _counted(changeset)
    if made.carried or made.remembered or made.superseded:
        say(
            f"{made.raised} raised, {made.carried} open before, {made.remembered} rejected before, "
            f"{made.superseded} superseded"
        )


def held(decision: ChangesetDecision, as_json: bool) -> None:
    """A hold as it stands."""
    if as_json:
        print_json(written(ChangesetAnswer.of(decision.changeset)))
    else:
        show(CHANGESETS, [decision.changeset], as_json=False)


def undoing(changeset: Changeset, as_json: bool) -> None:
    """An undoing as it is proposed, with its risks and who must approve it."""
    if as_json:
        print_json(written(ChangesetAnswer.of(changeset)))
        return
    show(CHANGESETS, [changeset], as_json=False)
    _counted(changeset)
    needed = _many(changeset.needs_approvals, "account")
    say(f"{needed} must approve it, one at least another than {changeset.proposed_by}, who has proposed it")


def changeset(row: Changeset, changes: pl.DataFrame, failed_checks: Sequence[IngestCheck], *, as_json: bool) -> None:
    if as_json:
        answer = ChangesetDetailAnswer.of(row, failed_checks=failed_checks)
        print_json({**written(answer), "changes": changes.to_dicts()})
        return
    show(CHANGESETS, [row], as_json=False)
    if row.proposed_by:
        say(f"  proposed by {row.proposed_by}, who is not enough to approve it")
    for check in failed_checks:
        say(f"  warning  {check.name}: {check.description}")
    if row.approvals:
        verb = "overridden" if row.status is ChangesetStatus.HELD else "approved as a whole"
        given = ", ".join(f"{approval.account} ({shown(approval.at)})" for approval in row.approvals)
        say(f"  {verb} by {given}: {len(row.approvals)} of {row.needs_approvals}")
    _counted(row)
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
        say(f"… and {changes.height - _CHANGES_SHOWN} more")


def record(row: Record, *, as_json: bool) -> None:
    answer = RecordAnswer.of(row)
    if as_json:
        print_json(written(answer))
        return
    facts = answer.model_dump(exclude_none=True)
    print_fields({name: value for name, value in facts.items() if value not in ({}, [])}, label="")


def unwritable(rows: Sequence[Unwritable]) -> None:
    """On standard error, as standard output may be the file itself."""
    for row in rows:
        say(f"cannot be written: {row.key} {row.name}: {row.why}", err=True)


def dry_run(decision: Decision, as_json: bool) -> None:
    """The records that a decision would be about."""
    show(RECORDS, decision.records, as_json=as_json)


def decision(done: Decision, as_json: bool) -> None:
    if as_json:
        print_json([written(answer) for answer in RecordDecisionAnswer.of_each(done)])
        return
    show(RECORDS, done.records, as_json=False)
    _waiting(len(done.waiting))


def outlook(records: Sequence[Record], quorums: Mapping[str, Quorum], *, by: str, as_json: bool) -> None:
    """What an approval by an account would come to, record by record."""
    lacking = [still_needed(record, quorums[record.changeset_id]) for record in records]
    refusals = [refusal(record, by) for record in records]
    if as_json:
        rows = zip(records, lacking, refusals, strict=True)
        print_json([{**written(RecordAnswer.of(row)), "stillNeeded": few, "refusal": why} for row, few, why in rows])
        return
    table: list[dict[str, object]] = [
        {
            "id": record.id,
            "status": record.status.value,
            "key": record.key,
            "approved_by": [approval.account for approval in record.approvals],
            "still_needed": few,
            f"{by} may approve": "yes" if why is None else f"no: {why}",
        }
        for record, few, why in zip(records, lacking, refusals, strict=True)
    ]
    print_rows(table, empty=RECORDS.empty)
    _proposer(by, {quorum.proposer for quorum in quorums.values()})


def changeset_outlook(changeset: Changeset, records: Sequence[Record], *, by: str, as_json: bool) -> None:
    """What an approval of a whole changeset by an account would come to."""
    pending = [record for record in records if record.status is Status.PENDING]
    needed = Counter(still_needed(record, changeset.quorum) for record in pending)
    mine = sum(1 for record in pending if refusal(record, by) is None)
    if as_json:
        answer = {"pending": len(pending), "stillNeeded": max(needed, default=0), "wouldApprove": mine}
        print_json({**written(ChangesetAnswer.of(changeset)), **answer})
        return
    show(CHANGESETS, [changeset], as_json=False)
    for approvals, left in sorted(needed.items()):
        say(f"  {_many(left, 'pending record')} still need{_s(left)} {_many(approvals, 'approval')}")
    if not pending:
        say("  nothing of it waits for approval")
    elif not mine:
        say(f"  {by} has approved it already: another account must")
    else:
        say(f"  {by} may approve {_many(mine, 'record')} of it")
        _proposer(by, {changeset.proposed_by})


def changeset_decision(done: ChangesetDecision, as_json: bool, *, verb: str) -> None:
    if as_json:
        print_json(written(ChangesetDecisionAnswer.of(done)))
        return
    say(f"changeset {done.changeset.id} is {done.changeset.status}: {_many(done.moved, 'record')} {verb}")
    if done.changeset.status is ChangesetStatus.HELD:
        say("another account must override it too")
    else:
        _waiting(done.waiting)


def applied(outcome: Mapping[str, Any], *, as_json: bool) -> None:
    rows, dry_run = outcome["changesets"], outcome["dry_run"]
    totals = {name: sum(row[name] for row in rows) for name in ("applied", "already", "conflicts", "waiting")}
    if as_json:
        print_json({"date": outcome["business_date"], "dry_run": dry_run, **totals, "changesets": rows})
        return
    verb = "would be applied" if dry_run else "applied"
    say(f"{outcome['business_date']}: {_many(totals['applied'], 'row')} {verb}")
    for row in rows:
        say(
            f"  {row['changeset_id']}: {row['applied']} {verb}, {row['already']} already there, "
            f"{_many(row['conflicts'], 'conflict')}, {row['waiting']} waiting"
        )
        for key in row["conflict_keys"]:
            say(f"    conflict: {key}")


def _counted(changeset: Changeset) -> None:
    """A changeset's rows by operation, class and risk, for people."""
    for prefix, heading in (("banks", "banks"), ("branches", "branches"), ("class", "by class"), ("risk", "by risk")):
        parts = [
            f"{rows} {name.removeprefix(f'{prefix}.')}"
            for name, rows in changeset.counts.items()
            if rows and name.startswith(f"{prefix}.")
        ]
        if parts:
            say(f"  {heading}: " + ", ".join(parts))


def _waiting(records_left: int) -> None:
    if records_left:
        say(f"{_many(records_left, 'record')} need{_s(records_left)} the approval of another account")


def _proposer(by: str, proposers: Collection[str | None]) -> None:
    if person(by) in {person(proposer or "") for proposer in proposers}:
        say(f"{by} has proposed it: another account must approve it too")


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _s(count: int) -> str:
    """The verb's ending: one record needs, many need."""
    return "s" if count == 1 else ""
