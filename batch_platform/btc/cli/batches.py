"""What is done: users opened; one rate over every balance, sealed, approved, applied, taken back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from batch_platform.btc import actions, printing, service
from batch_platform.btc.actions import Acting
from batch_platform.btc.cli.options import (
    Approve,
    BatchId,
    Confirm,
    Key,
    Rate,
    RoundingName,
    TargetTotal,
    acting,
    overrides_of,
    say,
)
from batch_platform.btc.model import REVERSIBLE, Batch, BatchStatus
from batch_platform.btc.money import parse_btc, parse_rate
from batch_platform.btc.proof import Proof
from batch_platform.btc.proving.command import prove
from batch_platform.btc.service import BtcContext, Draft, review
from batch_platform.btc.store import IdempotencyKey
from batch_platform.btc.web.schemas import BatchAnswer, BatchPreviewAnswer, ProofAnswer
from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import showing
from batch_platform.kit.options import As, DryRun, Json, whole

app = typer.Typer()


@app.command("seed")
@writes("btc-users.seed")
def seed_command(
    users: Annotated[
        int | None, typer.Option(parser=whole(), metavar="N", help="So many made-up users, always the same.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="CSV", help="A file with the header user_id,balance,status.")
    ] = None,
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Open users with balances, for trying out and for tests. Who is there already stays as he is."""
    if (users is None) == (file is None):
        raise InvalidInput("users-or-file", "give either --users N or --file CSV", field="users")
    with acting(account) as session, showing("opening users"):
        given: dict[str, Any] = {"by": session.by, "dry_run": dry_run}
        try:
            if file is None:
                open_users = partial(service.seed_users, session.context, users or 0, **given)
            else:
                open_users = partial(service.seed_csv, session.context, _content(file), **given)
            done = open_users() if dry_run else actions.seed(session, str(file or f"{users} users"), open_users)
        except InvalidInput as error:
            if file is None:
                raise
            raise InvalidInput("in-file", "{at}: {why}", at=file, why=error.message, field=error.field) from None
    there = done.users - done.opened
    opened = f"{done.opened:,} users {'would be ' if dry_run else ''}opened"
    lines = [opened + (f", {there:,} were there already" if there else "")]
    say(printing.as_json({**vars(done), "dry_run": dry_run}) if as_json else lines)


@app.command("adjust")
@writes("btc-batch.create")
def adjust_command(
    rate: Rate,
    memo: Annotated[str, typer.Option(help="Why; it stands in every row of the ledger.")],
    approve: Approve = False,
    key: Key = None,
    rounding: RoundingName = None,
    target_total: TargetTotal = None,
    shards: Annotated[
        int | None, typer.Option(parser=whole(), metavar="N", help="1 or 16 partition keys; default: the setting.")
    ] = None,
    confirm: Confirm = None,
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Plan and seal a batch of a rate over all balances; with --approve apply it too, in this process."""
    overrides = overrides_of(rounding, target_total, shards)
    with acting(account) as session:
        context = session.context
        percent = parse_rate(rate, max_rate=context.options.max_rate, confirm_above=confirm)
        given: dict[str, Any] = {"memo": memo, "overrides": overrides, "confirm": confirm}
        given["key"] = _key(session, key, {"rate": percent, "memo": memo, **vars(overrides)})
        _create(
            session,
            known=partial(actions.require_creatable, context, percent, by=session.by, **given),
            preview=partial(service.preview, context, percent, overrides=overrides, confirm=confirm),
            make=partial(actions.create, session, percent, **given, approve=approve),
            run=approve,
            dry_run=dry_run,
            as_json=as_json,
        )


@app.command("approve")
@writes("btc-batch.approve")
def approve_command(
    batch_id: BatchId,
    count: Annotated[int, typer.Option(parser=whole(), metavar="N", help="The number of targets that was seen.")],
    amount: Annotated[str, typer.Option("--sum", metavar="BTC", help="Their sum that was seen.")],
    plan_sha256: Annotated[str, typer.Option("--hash", metavar="SHA256", help="The hash that was seen.")],
    run: Annotated[bool, typer.Option("--run/--no-run", help="Apply it in this process once it is approved.")] = True,
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Approve a sealed batch as it was seen; with the last approval it is applied."""
    seen: dict[str, Any] = {"count": count, "amount": parse_btc(amount, field="sum"), "plan_sha256": plan_sha256}
    with acting(account) as session:
        if dry_run:
            _show_dry_run(session, review.require_seen(session.context, batch_id, by=session.by, **seen), as_json)
        else:
            _finish(session, actions.approve(session, batch_id, **seen), run=run, as_json=as_json)


@app.command("resume")
@writes("btc-batch.resume")
def resume_command(batch_id: BatchId, account: As = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Go on with a batch: plan it if that was interrupted, apply it, or watch the worker who does."""
    with acting(account) as session:
        if dry_run:
            _show_dry_run(session, actions.require_resumable(session.context, batch_id), as_json)
            return
        with showing("planning"):
            batch = actions.replan(session, batch_id)
        _finish(session, batch, run=True, as_json=as_json)


@app.command("cancel")
@writes("btc-batch.cancel")
def cancel_command(batch_id: BatchId, account: As = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Drop a batch of which nothing is applied; the next one may start."""
    with acting(account) as session:
        if dry_run:
            _show_dry_run(session, actions.require_cancellable(session.context, batch_id), as_json)
        else:
            _finish(session, actions.cancel(session, batch_id), run=False, as_json=as_json)


@app.command("rollback")
@writes("btc-batch.create")
def rollback_command(
    batch_id: BatchId,
    approve: Approve = False,
    memo: Annotated[str | None, typer.Option(help="Why.")] = None,
    key: Key = None,
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Plan the batch that takes back what another has booked, once; what happened since stays."""
    with acting(account) as session:
        named = _key(session, key, {"reverses": batch_id, "memo": memo})
        _create(
            session,
            known=partial(actions.require_reversible, session.context, batch_id, key=named),
            preview=partial(service.preview_reversal, session.context, batch_id),
            make=partial(actions.reverse, session, batch_id, memo=memo, key=named, approve=approve),
            run=approve,
            dry_run=dry_run,
            as_json=as_json,
        )


app.command("prove")(prove)


def _finish(session: Acting, batch: Batch, *, run: bool, as_json: bool) -> None:
    """Apply a batch that needs no more approvals, and print what it is then, with its proof."""
    proof, context = None, session.context
    waits = batch.status is BatchStatus.PLANNED and not service.is_approved(batch, context.options)
    if run and batch.is_open and not waits:
        with showing(f"applying {batch.batch_id}"):
            batch = actions.run(session, batch.batch_id)
    if run and batch.status in REVERSIBLE:
        with showing("proving"):
            proof = service.proof(context, batch.batch_id)
    _show_batch(context, batch, proof, as_json=as_json)
    if proof is not None and not proof.ok:
        raise typer.Exit(1)


def _show_dry_run(session: Acting, batch: Batch, as_json: bool) -> None:
    _show_batch(session.context, batch, as_json=as_json, dry_run=True)


def _show_batch(context: BtcContext, batch: Batch, proof: Proof | None = None, *, as_json: bool, **more: Any) -> None:
    if not as_json:
        say(printing.batch(batch, context.options, proof))
        return
    if proof is not None:
        more["proof"] = ProofAnswer.of(proof).model_dump(mode="json")
    say(printing.as_json(BatchAnswer.of_batch(batch, context.options), **more))


def _key(session: Acting, text: str | None, body: dict[str, Any]) -> IdempotencyKey | None:
    return None if text is None else service.idempotency_key(text, by=session.by, request=body)


def _create(
    session: Acting,
    *,
    known: Callable[[], Batch | None],
    preview: Callable[[], Draft],
    make: Callable[[], Batch],
    run: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a batch and finish it; a dry run shows the one that the key has made already, or what would be planned."""
    context = session.context
    if not dry_run:
        with showing("planning"):
            batch = _made(context, make)
        _finish(session, batch, run=run, as_json=as_json)
    elif (batch_of_key := known()) is not None:
        _show_dry_run(session, batch_of_key, as_json)
    else:
        with showing("reading balances"):
            draft = preview()
        if as_json:
            say(printing.as_json(BatchPreviewAnswer.of_draft(draft, rows=0), dry_run=True))
        else:
            say([*printing.outline(draft), "nothing is written"])


def _made(context: BtcContext, make: Callable[[], Batch]) -> Batch:
    """A refusal because of an open batch, such as one whose command was killed, says what brings that one on."""
    try:
        return make()
    except Conflict as error:
        open_id = context.store.batches.open_batch_id()
        if open_id is None or open_id not in str(error.message):
            raise
        advice, *_ = printing.next_steps(context.store.batches.get(open_id), context.options, acting=True)
        raise Conflict(
            "and-first", "{reason}; {next}", reason=error.message, next=advice, field=error.field
        ) from None


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            "file-unreadable", "the file cannot be read: {reason}", reason=str(error.strerror), field="file"
        ) from None
