"""`batch-platform btc …`: one rate over every balance, previewed, sealed, approved, applied, proved, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.btc import frames, printing
from batch_platform.btc.desk import Desk, apply, open_desk
from batch_platform.btc.frames import Format
from batch_platform.btc.model import REVERSIBLE, Batch, BatchStatus, Rounding, check
from batch_platform.btc.money import parse_btc, parse_rate
from batch_platform.btc.opening import open_work
from batch_platform.btc.proving.command import prove
from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.terminal import chosen, showing, whole

if TYPE_CHECKING:
    from batch_platform.btc.service import BtcContext, Overrides
    from batch_platform.btc.store import IdempotencyKey

app = typer.Typer(no_args_is_help=True, help="BTC balances: one rate over all of them, planned, sealed, proved.")

BatchId = Annotated[str, typer.Argument(metavar="ID", help="The batch; see `btc list`.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="ACCOUNT", help="Act as this account; in the local environment only.")
]
Rate = Annotated[str, typer.Option(help="Percent of each balance: 5, -3, 0.125; at most 8 decimals.")]
RoundingName = Annotated[
    str | None, typer.Option("--rounding", help="half_even, half_up or toward_zero; default: the setting.")
]
TargetTotal = Annotated[
    str | None, typer.Option(metavar="BTC", help="What all amounts shall add up to, to the satoshi.")
]
Confirm = Annotated[str | None, typer.Option(metavar="RATE", help="The rate again, where it is beyond the setting.")]
Key = Annotated[str | None, typer.Option(metavar="TEXT", help="The same key and request make one batch only.")]
Output = Annotated[str, typer.Option("--format", help="table, json or csv.")]
Limit = Annotated[int, typer.Option(parser=whole(), metavar="N", help="Rows at most, up to 100.")]
Cursor = Annotated[str | None, typer.Option(help="Where the page before has ended.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]


@app.command("seed")
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
    from batch_platform.btc import service

    if (users is None) == (file is None):
        raise InvalidInput("users-or-file", "give either --users N or --file CSV", field="users")
    with open_desk(account) as desk, showing("opening users"):
        if file is None:
            done = service.seed_users(desk.work, users or 0, by=desk.by, dry_run=dry_run)
        else:
            try:
                done = service.seed_csv(desk.work, _content(file), by=desk.by, dry_run=dry_run)
            except InvalidInput as error:
                raise InvalidInput("in-file", "{at}: {why}", at=file, why=error.message, field=error.field) from None
        if not dry_run:
            desk.record("btc-users.seed", str(file or f"{users} users"), None, vars(done))
    printing.seeded(done, as_json=as_json, dry_run=dry_run)


@app.command("preview")
def preview_command(
    rate: Rate,
    rounding: RoundingName = None,
    target_total: TargetTotal = None,
    confirm: Confirm = None,
    rows: Annotated[
        int | None, typer.Option(parser=whole(), metavar="N", help="Rows to print; default: 20, in CSV all.")
    ] = None,
    output: Output = "table",
    as_json: Json = False,
) -> None:
    """Show what a rate would do to every balance now. Nothing is written."""
    from batch_platform.btc import service

    kind = _format(output, as_json=as_json)
    if rows is not None and rows < 0:
        raise InvalidInput("rows-negative", "--rows must not be negative", field="rows")
    overrides = _overrides(rounding, target_total)
    with showing("reading balances"):
        found = service.preview(open_work(), rate, overrides=overrides, confirm=confirm)
    printing.draft(found, rows=rows, kind=kind)


@app.command("adjust")
def adjust_command(
    rate: Rate,
    memo: Annotated[str, typer.Option(help="Why; it stands in every row of the ledger.")],
    approve: Annotated[bool, typer.Option("--approve", help="Approve it as sealed, and apply it.")] = False,
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
    from batch_platform.btc import service

    overrides = _overrides(rounding, target_total, shards)
    with open_desk(account) as desk:
        work = desk.work
        percent = parse_rate(rate, max_rate=work.options.max_rate, confirm_above=confirm)
        asked = {"rate": percent, "memo": memo, **vars(overrides)}
        named = None if key is None else service.idempotency_key(key, by=desk.by, asked=asked)
        if dry_run:
            service.plan.new_batch(work, percent, overrides.over(work.options), by=desk.by, memo=memo)
            if (known := _known(work, named)) is None:
                with showing("reading balances"):
                    found = service.preview(work, percent, overrides=overrides, confirm=confirm)
                printing.rehearsed(found, as_json=as_json)
            else:
                printing.batch(known, work.options, as_json=as_json, dry_run=True)
            return
        with showing("planning"), _saying_how_to_go_on(desk):
            batch = service.create(
                work,
                percent,
                by=desk.by,
                memo=memo,
                key=named,
                overrides=overrides,
                confirm=confirm,
                approve=approve,
            )
        desk.told_once("btc-batch.create", batch)
        _finish(desk, batch, run=approve, as_json=as_json)


@app.command("approve")
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
    from batch_platform.btc import service

    satoshi = parse_btc(amount, field="sum")
    with open_desk(account) as desk:
        act = service.review.require_seen if dry_run else service.approve
        before = service.batch(desk.work, batch_id)
        batch = act(desk.work, batch_id, by=desk.by, count=count, amount=satoshi, plan_sha256=plan_sha256)
        if dry_run:
            printing.batch(batch, desk.work.options, as_json=as_json, dry_run=True)
            return
        desk.told("btc-batch.approve", before, batch)
        _finish(desk, batch, run=run, as_json=as_json)


@app.command("resume")
def resume_command(batch_id: BatchId, account: As = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Go on with a batch: plan it if that was interrupted, apply it, or watch the worker who does."""
    from batch_platform.btc import service

    with open_desk(account) as desk:
        before = service.batch(desk.work, batch_id)
        if before.status is not BatchStatus.PENDING:
            service.require_applicable(desk.work, batch_id)
        if dry_run:
            printing.batch(before, desk.work.options, as_json=as_json, dry_run=True)
            return
        with showing("planning"):
            batch = service.replan(desk.work, batch_id)
        desk.told("btc-batch.resume", before, batch)
        _finish(desk, batch, run=True, as_json=as_json)


@app.command("cancel")
def cancel_command(batch_id: BatchId, account: As = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Drop a batch of which nothing is applied; the next one may start."""
    from batch_platform.btc import service

    with open_desk(account) as desk:
        before = service.batch(desk.work, batch_id)
        if dry_run:
            if before.status is not BatchStatus.CANCELLED:
                check(before.status, BatchStatus.CANCELLED)
            printing.batch(before, desk.work.options, as_json=as_json, dry_run=True)
            return
        batch = service.cancel(desk.work, batch_id, by=desk.by)
        if batch.status is not before.status:
            desk.told("btc-batch.cancel", before, batch)
        printing.batch(batch, desk.work.options, as_json=as_json)


@app.command("rollback")
def rollback_command(
    batch_id: BatchId,
    approve: Annotated[bool, typer.Option("--approve", help="Approve it as sealed, and apply it.")] = False,
    memo: Annotated[str | None, typer.Option(help="Why.")] = None,
    key: Key = None,
    account: As = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Plan the batch that takes back what another has booked, once; what happened since stays."""
    from batch_platform.btc import service

    with open_desk(account) as desk:
        work = desk.work
        asked = {"reverses": batch_id, "memo": memo}
        named = None if key is None else service.idempotency_key(key, by=desk.by, asked=asked)
        if dry_run:
            if (known := _known(work, named)) is None:
                with showing("reading balances"):
                    found = service.preview_reversal(work, batch_id)
                printing.rehearsed(found, as_json=as_json)
            else:
                printing.batch(known, work.options, as_json=as_json, dry_run=True)
            return
        with showing("planning"), _saying_how_to_go_on(desk):
            batch = service.reverse(work, batch_id, by=desk.by, memo=memo, key=named, approve=approve)
        desk.told_once("btc-batch.create", batch)
        _finish(desk, batch, run=approve, as_json=as_json)


@app.command("list")
def list_command(
    status: Annotated[str | None, typer.Option(help="Only these: planned, processing, completed …")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List the batches, newest first."""
    from batch_platform.btc import service

    wanted = None if status is None else chosen("status", status, BatchStatus)
    work = open_work()
    printing.batches(service.history(work, wanted, limit=limit, cursor=cursor), work.options, as_json=as_json)


@app.command("show")
def show_command(batch_id: BatchId, as_json: Json = False) -> None:
    """Show a batch: counters, sum, hash, who approved it, whose row failed, and its first rows."""
    from batch_platform.btc import service

    work = open_work()
    printing.detail(service.detail(work, batch_id), work.options, as_json=as_json)


@app.command("plan")
def plan_command(batch_id: BatchId, output: Output = "table", as_json: Json = False) -> None:
    """List the sealed rows with what became of each by now."""
    from batch_platform.btc import service

    kind = _format(output, as_json=as_json)
    with showing("reading rows"):
        rows = service.sealed_rows(open_work(), batch_id)
    columns = printing.PLAN_COLUMNS
    frames.frame(rows, (*columns, "reason") if kind is Format.TABLE else columns, kind=kind)


@app.command("balances")
def balances_command(output: Output = "table", as_json: Json = False) -> None:
    """List everybody's balance as it is now, that of the house among them."""
    from batch_platform.btc import service

    kind = _format(output, as_json=as_json)
    with showing("reading balances"):
        rows = service.balances(open_work())
    frames.frame(rows, printing.BALANCE_COLUMNS, kind=kind)


@app.command("history")
def history_command(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The user.")],
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List what was booked to a user, newest first: deposits, batches, reversals."""
    from batch_platform.btc import service

    work = open_work()
    rows, then = service.user_rows(work, user_id, limit=limit, cursor=cursor)
    printing.user_rows(rows, service.batches_of(work, rows), then, as_json=as_json, user_id=user_id)


@app.command("proof")
def proof_command(batch_id: BatchId, as_json: Json = False) -> None:
    """Prove one batch from its own rows: sealed against booked. Exits 1 when they differ."""
    from batch_platform.btc import service

    with showing("reading rows"):
        found = service.proof(open_work(), batch_id)
    printing.proof(found, as_json=as_json)
    if not found.ok:
        raise typer.Exit(1)


@app.command("verify")
def verify_command(
    batch_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="The batch; all when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute batches and every balance from the ledger. Prints equal, or the differences and exits 1."""
    from batch_platform.btc import service

    with showing("reading the ledger"):
        found = service.verify(open_work(), batch_id)
    printing.verified(found, as_json=as_json)
    if not found.ok:
        raise typer.Exit(1)


app.command("prove")(prove)


def _finish(desk: Desk, batch: Batch, *, run: bool, as_json: bool) -> None:
    """Apply a batch that needs no more approvals, and print what it is then, with its proof."""
    from batch_platform.btc import service

    proof = None
    if run and batch.is_open and (batch.status is not BatchStatus.PLANNED or _approved(desk, batch)):
        with showing(f"applying {batch.batch_id}"):
            batch = apply(desk, batch.batch_id)
    if run and batch.status in REVERSIBLE:
        with showing("proving"):
            proof = service.proof(desk.work, batch.batch_id)
    printing.batch(batch, desk.work.options, as_json=as_json, proof=proof)
    if proof is not None and not proof.ok:
        raise typer.Exit(1)


@contextmanager
def _saying_how_to_go_on(desk: Desk) -> Iterator[None]:
    """A refusal because of an open batch, such as one whose command was killed, says what brings that one on."""
    try:
        yield
    except Conflict as error:
        open_id = desk.work.store.batches.open_batch_id()
        if open_id is None or open_id not in error.message:
            raise
        first, *_ = printing.next_steps(desk.work.store.batches.get(open_id), desk.work.options, acting=True)
        raise Conflict("and-first", "{reason}; {next}", reason=error.message, next=first, field=error.field) from None


def _approved(desk: Desk, batch: Batch) -> bool:
    from batch_platform.btc import service

    return service.is_approved(batch, desk.work.options)


def _known(work: BtcContext, key: IdempotencyKey | None) -> Batch | None:
    """The batch that this key has made already. Raises `Conflict` while another one is open, as creating does."""
    known = None if key is None else work.store.batches.with_key(key, work.clock())
    if known is None and (other := work.store.batches.open_batch_id()) is not None:
        raise Conflict(
            "batch-is-open", "batch {batch} is open: finish or cancel it first", batch=other, field="batch_id"
        )
    return known


def _overrides(rounding: str | None, target_total: str | None, shards: int | None = None) -> Overrides:
    from batch_platform.btc import service

    rule = None if rounding is None else chosen("rounding", rounding, Rounding)
    total = None if target_total is None else parse_btc(target_total, field="target_total")
    return service.Overrides(rule, total, shards)


def _format(name: str, *, as_json: bool) -> Format:
    kind = chosen("format", name, Format)
    return Format.JSON if as_json else kind


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            "file-unreadable", "the file cannot be read: {reason}", reason=str(error.strerror), field="file"
        ) from None
