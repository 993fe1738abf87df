"""What people look at and do: notices, dead letters, suppressions, previews, and declining advertising."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from batch_platform.core import cursors
from batch_platform.core.failures import Conflict, NotFound
from batch_platform.outbox import links
from batch_platform.outbox.mail import checked_address, checked_number
from batch_platform.outbox.model import (
    Category,
    Channel,
    Rendered,
    State,
    StoredNotice,
    Suppression,
    SuppressionReason,
)
from batch_platform.outbox.service.context import OutboxContext, Record
from batch_platform.outbox.service.rendering import NO_NOTICE, render
from batch_platform.outbox.store.notices import notice_before


def notices(
    context: OutboxContext,
    *,
    state: State | None = None,
    channel: Channel | None = None,
    domain: str | None = None,
    recipient: str | None = None,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[StoredNotice], str | None]:
    """A page of notices, the newest first, and the cursor of the next. Raises `InvalidInput` for a foreign cursor."""
    with context.store.transaction() as session:
        rows = session.page(
            state=state,
            channel=channel,
            domain=domain,
            recipient=recipient,
            before=notice_before(cursor),
            limit=limit + 1,
        )
    return cursors.cut(rows, limit, lambda row: {"id": str(row.id)})


def notice(context: OutboxContext, notice_id: str) -> StoredNotice:
    """Raises `NotFound`."""
    with context.store.transaction() as session:
        return session.notice(_uuid(notice_id))


def overview(context: OutboxContext) -> Mapping[str, Any]:
    """How many are `waiting`, since when the `oldest` of them, how many `failed`."""
    with context.store.transaction() as session:
        return session.overview()


def retryable(context: OutboxContext, notice_id: str) -> StoredNotice:
    """A dead letter. Raises `NotFound`, and `Conflict` for a notice that is none."""
    letter = notice(context, notice_id)
    if letter.state is not State.FAILED:
        raise Conflict(
            "notice-not-failed",
            "notice {notice} is no dead letter: only these are sent again by hand",
            notice=notice_id,
        )
    return letter


def retry(context: OutboxContext, notice_id: str, *, record: Record) -> StoredNotice:
    """Let a dead letter start anew, and record it. Raises as `retryable`."""
    before = retryable(context, notice_id)
    with context.store.transaction() as session:
        again = session.retry(before.id, now=context.clock())
        if again is not None:
            record(session.connection, "notice.retry", notice_id, _brief(before), _brief(again))
    return again or retryable(context, notice_id)


def suppressions(
    context: OutboxContext, *, channel: Channel | None = None, limit: int, cursor: str | None = None
) -> tuple[list[Suppression], str | None]:
    """A page of those nothing is sent to, and the cursor of the next. Raises `InvalidInput` for a foreign cursor."""
    place = cursors.decode(cursor, channel=str, recipient=str)
    after = (place["channel"], place["recipient"]) if place else None
    with context.store.transaction() as session:
        rows = session.suppressions(channel=channel, after=after, limit=limit + 1)
    return cursors.cut(rows, limit, lambda row: {"channel": row.channel.value, "recipient": row.recipient})


def suppressible(context: OutboxContext, channel: Channel, recipient: str) -> Suppression | None:
    """How it stands with this recipient. Raises `InvalidInput` for what is no address or number."""
    (checked_number if channel is Channel.SMS else checked_address)(recipient)
    with context.store.transaction() as session:
        return session.suppression(channel, recipient)


def suppress(
    context: OutboxContext, channel: Channel, recipient: str, *, detail: str | None, by: str, record: Record
) -> Suppression:
    """Send nothing there any more, and record it; who is suppressed already stays so. Raises as `suppressible`."""
    before, now = suppressible(context, channel, recipient), context.clock()
    with context.store.transaction() as session:
        session.suppress(channel, recipient, SuppressionReason.MANUAL, detail=detail, by=by, now=now)
        after = session.suppression(channel, recipient)
        assert after is not None
        record(session.connection, "suppression.add", _place(after), _plain(before), _plain(after))
    return after


def unsuppress(context: OutboxContext, channel: Channel, recipient: str, *, record: Record) -> Suppression:
    """Let notices go there again, and record it. Raises `NotFound`."""
    before = suppressed(context, channel, recipient)
    with context.store.transaction() as session:
        session.unsuppress(channel, recipient)
        record(session.connection, "suppression.remove", _place(before), _plain(before), None)
    return before


def suppressed(context: OutboxContext, channel: Channel, recipient: str) -> Suppression:
    """Raises `NotFound`."""
    with context.store.transaction() as session:
        suppression = session.suppression(channel, recipient)
    if suppression is None:
        raise NotFound("not-suppressed", "{recipient} is not suppressed", recipient=recipient)
    return suppression


def preview(
    context: OutboxContext,
    domain: str,
    template: str,
    channel: Channel = Channel.MAIL,
    category: Category = Category.TRANSACTIONAL,
) -> Rendered:
    """A template with the parameters of its sample, as it would be sent; its link leads nowhere.

    Raises `NotFound`, `PermanentFailure` for a broken one, and `InvalidInput` where advertising lacks an address.
    """
    sample = context.templates.sample(domain, template)
    return render(context, domain, template, sample, channel=channel, category=category, number=NO_NOTICE)


def declining(context: OutboxContext, token: str) -> StoredNotice:
    """The notice whose link this is. Raises `NotFound` for a link that is not ours."""
    with context.store.transaction() as session:
        return session.numbered(links.read(context.key, token))


def decline(context: OutboxContext, token: str, *, record: Record) -> StoredNotice:
    """The recipient wants no more advertising of that domain: kept and recorded once. Raises as `declining`."""
    of = declining(context, token)
    with context.store.transaction() as session:
        before = session.consent(of.domain, of.channel, of.recipient)
        if before is not False:
            source = f"link of notice {of.id}"
            session.add_consent(of.domain, of.channel, of.recipient, granted=False, source=source, at=context.clock())
            record(session.connection, "consent.decline", str(of.id), {"granted": before}, {"granted": False})
    return of


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("unknown-notice", "no notice {notice}", notice=text) from None


def _place(of: Suppression) -> str:
    return f"{of.channel}:{of.recipient}"


def _brief(of: StoredNotice) -> dict[str, Any]:
    return {"state": of.state.value, "reason": of.reason, "attempts": of.attempts}


def _plain(of: Suppression | None) -> dict[str, Any] | None:
    return None if of is None else {**asdict(of), "created_at": of.created_at.isoformat()}
