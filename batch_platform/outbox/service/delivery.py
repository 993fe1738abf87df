"""What the resident worker does: claim what is due, give it to the providers, write down what they said.

A worker may be killed or paused at any line. What it had in hand is given back when its lease ends, marked as of
unknown end: the provider is asked for the Message-ID before it is sent again, at once and, where it says no, once
more after `resend_after`. A provider that cannot be asked gets it again after that time: at least once, not exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from batch_platform.core.failures import InvalidInput, PermanentFailure, TransientFailure
from batch_platform.core.leases import KeptLease
from batch_platform.core.retry import RetryConfig
from batch_platform.core.workers import is_dead
from batch_platform.outbox import events
from batch_platform.outbox.mail import checked_number, mail_bytes, message_host
from batch_platform.outbox.model import (
    Attachment,
    Attempt,
    Channel,
    Reason,
    Rendered,
    State,
    StoredNotice,
    SuppressionReason,
)
from batch_platform.outbox.service.context import OutboxContext, Provider
from batch_platform.outbox.service.rendering import link, render
from batch_platform.outbox.store.aws import EventQueue
from batch_platform.outbox.store.files import Files

ATTACHED_BYTES: Final = 15 * 1024 * 1024
"""What goes with one mail, at most: more than 20 MB as it is written in a mail few servers take."""
BATCH: Final = 50
CLEARED_AT_ONCE: Final = 1_000
GIVEN_UP_AFTER: Final = 5
"""Times that an event of an unknown mail is met; others use SES too."""
SYSTEM: Final = "system"
"""Who suppresses a recipient whose provider says that it does not exist."""

_log = structlog.get_logger(__name__)


def deliver(
    context: OutboxContext,
    providers: Mapping[Channel, Provider],
    files: Files,
    *,
    limit: int = BATCH,
    ends: Callable[[], bool] = lambda: False,
) -> int:
    """One round: what is due is claimed, judged and sent; how many notices were claimed. `files` has attachments.

    `ends` is asked before each: when it says so, what is left goes back as it was.
    """
    now = context.clock()
    with context.store.transaction() as session:
        dead = [owner for owner in session.lease_owners() if is_dead(owner)]
        if lost := session.give_back(dead, now=now):
            _log.warning("outbox_given_back", notices=lost)
    host = message_host(context.options.sender)
    with context.store.transaction() as session:
        claimed = session.claim(context.owner, context.options, host=host, limit=limit, now=now)
    mine = [notice for notice in claimed if notice.state is State.SENDING]
    if mine:
        with KeptLease(lambda: _renew(context), every=context.options.lease.total_seconds() / 3, name="outbox"):
            for notice, rendered in _rendered(context, mine):
                if ends():
                    _postpone(context, notice)
                else:
                    _send(context, providers[notice.channel], files, notice, rendered)
        for provider in providers.values():
            provider.close()
    return len(claimed)


def take_events(context: OutboxContext, queue: EventQueue) -> int:
    """Write down what SES told of mails; how many messages were done with.

    An event may overtake our own note that the mail was accepted: one that is not known yet comes again, a few times.
    """
    messages = queue.receive()
    pairs = [(message, events.read(message.body)) for message in messages]
    read = [event for _, event in pairs if event is not None]
    known: set[str] = set()
    if read:
        with context.store.transaction() as session:
            known = session.settle_events(read, by=SYSTEM, now=context.clock())
    done = [
        message
        for message, event in pairs
        if event is None or event.provider_id in known or message.times >= GIVEN_UP_AFTER
    ]
    queue.remove(done)
    return len(done)


def clear(context: OutboxContext) -> int:
    """Delete parameters and texts of what came to its end long ago; how many. What is left is for the next call."""
    with context.store.transaction() as session:
        return session.clear(older_than=context.options.retention, now=context.clock(), limit=CLEARED_AT_ONCE)


def _renew(context: OutboxContext) -> None:
    now = context.clock()
    with context.store.transaction() as session:
        session.renew(context.owner, until=now + context.options.lease, now=now)


def _rendered(context: OutboxContext, mine: list[StoredNotice]) -> list[tuple[StoredNotice, Rendered]]:
    """What each says: as it was rendered before, or rendered now and kept. Those that cannot be are dead letters."""
    kept: list[tuple[StoredNotice, Rendered]] = []
    new: list[tuple[StoredNotice, Rendered]] = []
    for notice in mine:
        if notice.body_text is not None:
            kept.append((notice, Rendered(notice.subject or "", notice.body_text, notice.body_html)))
            continue
        try:
            new.append((notice, _render(context, notice)))
        except (InvalidInput, PermanentFailure) as failure:
            _settle(context, notice, Attempt(reason=Reason.NOT_RENDERED, detail=str(failure.message)))
    with context.store.transaction() as session:
        session.keep_rendered(new)
    return kept + new


def _render(context: OutboxContext, notice: StoredNotice) -> Rendered:
    return render(
        context,
        notice.domain,
        notice.template,
        notice.parameters,
        channel=notice.channel,
        category=notice.category,
        number=notice.number,
    )


def _send(context: OutboxContext, provider: Provider, files: Files, notice: StoredNotice, rendered: Rendered) -> None:
    if notice.unknown_since is not None and _is_settled(context, provider, notice, notice.unknown_since):
        return
    attempt: Attempt
    try:
        content = _content(context, files, notice, rendered)
    except InvalidInput as failure:
        attempt = Attempt(reason=Reason.BAD_RECIPIENT, detail=str(failure.message))
    except PermanentFailure as failure:
        attempt = Attempt(reason=Reason.BAD_ATTACHMENT, detail=str(failure.message))
    except TransientFailure as failure:
        attempt = Attempt(reason=Reason.NOT_TAKEN, detail=str(failure.message))
    else:
        holds = partial(_holds, context, notice)
        attempt = provider.send(notice.recipient, content, category=notice.category, holds=holds)
    _settle(context, notice, attempt)


def _is_settled(context: OutboxContext, provider: Provider, notice: StoredNotice, unknown_since: datetime) -> bool:
    """Ask the provider for what ended unknown; False where it did not take it and it may be sent again."""
    try:
        taken = provider.accepted(notice.message_id or "")
    except TransientFailure as failure:
        _settle(context, notice, Attempt(reason=Reason.UNKNOWN, detail=str(failure.message)))
        return True
    if taken:
        _settle(context, notice, Attempt(taken=True))
    elif context.clock() < unknown_since + context.options.resend_after:
        _postpone(context, notice)
    else:
        return False
    return True


def _content(context: OutboxContext, files: Files, notice: StoredNotice, rendered: Rendered) -> bytes:
    """What is given to the provider.

    Raises `InvalidInput` for a recipient that is none, `PermanentFailure` for an attachment that is not there, and
    `TransientFailure` where it cannot be fetched now.
    """
    if notice.channel is Channel.SMS:
        checked_number(notice.recipient)
        return rendered.text.strip().encode()
    assert notice.message_id is not None
    return mail_bytes(
        rendered,
        sender=context.options.sender,
        recipient=notice.recipient,
        message_id=notice.message_id,
        at=notice.created_at,
        unsubscribe=link(context, notice.category, notice.number),
        attached=_attached(files, notice),
    )


def _attached(files: Files, notice: StoredNotice) -> list[tuple[Attachment, bytes]]:
    """What goes with it, all of it together no larger than a mail may be. Raises as `Files.read`."""
    fetched: list[tuple[Attachment, bytes]] = []
    room = ATTACHED_BYTES
    for attachment in notice.attachments:
        content = files.read(attachment, limit=room)
        fetched.append((attachment, content))
        room -= len(content)
    return fetched


def _holds(context: OutboxContext, notice: StoredNotice) -> bool:
    """Whether it is still ours to send; a worker that was paused for longer than its lease finds that it is not."""
    now = context.clock()
    with context.store.transaction() as session:
        return session.hold(notice, until=now + context.options.lease, now=now)


def _postpone(context: OutboxContext, notice: StoredNotice) -> None:
    """Back as it was, for later; this was no attempt."""
    since, now = notice.unknown_since, context.clock()
    later = now if since is None else max(now, since + context.options.resend_after)
    with context.store.transaction() as session:
        session.settle(
            notice,
            State.PENDING,
            now=now,
            attempts=notice.attempts - 1,
            reason=None if since is None else Reason.UNKNOWN,
            next_attempt_at=later,
            unknown_since=since,
        )


def _settle(context: OutboxContext, notice: StoredNotice, attempt: Attempt) -> None:
    """Write down what became of it; nothing where another worker has it by now."""
    now, options = context.clock(), context.options
    state = _state_after(notice, attempt, options.retry)
    wait = options.resend_after if attempt.unknown else options.retry.delay(notice.attempts)
    ends_known = state in (State.ACCEPTED, State.BOUNCED)
    with context.store.transaction() as session:
        written = not attempt.lost and session.settle(
            notice,
            state,
            now=now,
            attempts=notice.attempts,
            reason=attempt.reason,
            detail=attempt.detail,
            provider_id=attempt.provider_id,
            next_attempt_at=now + wait if state is State.PENDING else None,
            unknown_since=None if ends_known else now if attempt.unknown else notice.unknown_since,
        )
        if written and attempt.dead:
            why = SuppressionReason.BOUNCE
            session.suppress(notice.channel, notice.recipient, why, detail=attempt.detail, by=SYSTEM, now=now)
    if not written:
        _log.warning("outbox_lost", notice=str(notice.id))


def _state_after(notice: StoredNotice, attempt: Attempt, retry: RetryConfig) -> State:
    if attempt.taken:
        return State.ACCEPTED
    if attempt.reason is Reason.REFUSED:
        return State.BOUNCED
    passes = attempt.reason in (Reason.NOT_TAKEN, Reason.UNKNOWN)
    return State.PENDING if passes and retry.may_retry(notice.attempts) else State.FAILED
