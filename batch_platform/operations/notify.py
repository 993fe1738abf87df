"""Sends the outbox of incidents through Apprise: mail, chat, anything its URLs name.

A message is due until every destination has taken it. It is sent twice only when the monitor is killed between a
destination's answer and the mark of it. Addresses hold secrets: they stand in no row, message, error or log.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from batch_platform.core.failures import InvalidInput
from batch_platform.core.logs import mask_text
from batch_platform.core.retry import RetryConfig
from batch_platform.operations.model import Severity
from batch_platform.operations.remedies import REMEDIES, remedies_of
from batch_platform.web.formats import in_japan
from batch_platform.web.i18n import ENGLISH, N_, Language, speaking, translated
from batch_platform.web.i18n import gettext as _

if TYPE_CHECKING:
    from batch_platform.core.retry import Below
    from batch_platform.operations.context import OperationsContext

AGAIN: Final = RetryConfig(
    max_attempts=1_000_000, backoff="exponential", base_delay=timedelta(seconds=10), max_delay=timedelta(minutes=10)
)
GIVE_UP_AFTER: Final = timedelta(days=3)
"""After that nobody reads it as news; the incident itself stays."""

_AT_ONCE: Final = 100
_TITLE: Final = 240  # bytes of UTF-8, up to four times as long in a mail: servers refuse a line of a thousand
_BETWEEN: Final = re.compile(r"\s+|,\s*(?=[a-z][a-z0-9+.-]*://)", re.IGNORECASE)
_HEADINGS: Final = {
    Severity.CRITICAL: N_("[critical]"),
    Severity.WARNING: N_("[warning]"),
    Severity.INFO: N_("[info]"),
}
_RESOLVED: Final = N_("[resolved]")
_SMTP: Final = {"smtp": "mailto", "smtps": "mailtos"}


@dataclass(frozen=True)
class Destination:
    """One Apprise URL. `shown` is its scheme and a fingerprint of the whole: enough to tell it apart."""

    url: str
    fingerprint: str

    @property
    def shown(self) -> str:
        return f"{self.url.partition(':')[0]} destination {self.fingerprint}"

    def __repr__(self) -> str:
        return f"Destination({self.shown})"


@dataclass(frozen=True)
class Reader:
    """Who reads alerts: the language, and where browsers reach the console; without `url` nothing is linked."""

    language: Language
    url: str | None = None


IN_ENGLISH: Final = Reader(ENGLISH)


def destinations(alert_urls: str | None, smtp_url: str | None) -> tuple[Destination, ...]:
    """Where alerts go: the Apprise URLs, separated by commas or blanks, and the mail server when it names a receiver.

    `SMTP_URL` is `smtp://user:password@host:587?from=A&to=B` (`smtps` for TLS from the first byte); without `to` it
    only serves other mail. Raises `InvalidInput` that names the setting and the position, never the address.
    """
    import apprise

    # a comma belongs to an address when no scheme follows it: ?to=a@x,b@x
    urls = [url for url in _BETWEEN.split(alert_urls or "") if url]
    for position, url in enumerate(urls, start=1):
        if not apprise.Apprise().add(url):
            raise InvalidInput(
                "unknown-alert-url",
                "ALERT_URLS: address {position} is none that Apprise knows",
                position=position,
                field="ALERT_URLS",
            )
    if smtp_url is not None and (mail := _mail(smtp_url)) is not None:
        urls.append(mail)
    unique = {hashlib.sha256(url.encode()).hexdigest()[:12]: url for url in urls}
    return tuple(Destination(url, fingerprint) for fingerprint, url in unique.items())


def send(
    ctx: OperationsContext,
    to: Sequence[Destination],
    reader: Reader = IN_ENGLISH,
    *,
    random: Below | None = None,
) -> int:
    """Send what is due to each destination that has not taken it, several incidents in one message; how many rows.

    Without a destination nothing is sent and nothing is lost: rows wait, and are given up after three days.
    """
    now = ctx.clock()
    with ctx.store.transaction() as session:
        due = session.due_notifications(now=now, limit=_AT_ONCE)
    if not due:
        return 0
    failed: dict[int, list[str]] = {} if to else {row["id"]: ["ALERT_URLS is not set"] for row in due}
    for destination in to:
        rows = [row for row in due if destination.fingerprint not in row["delivered"]]
        if not rows:
            continue
        if _deliver(destination, *message(rows, reader, ctx.remedies)):
            with ctx.store.transaction() as session:
                session.delivered([row["id"] for row in rows], destination=destination.fingerprint)
        else:
            for row in rows:
                failed.setdefault(row["id"], []).append(f"{destination.shown} did not take it")
    sent = [row["id"] for row in due if row["id"] not in failed]
    nexts = {row["id"]: now + AGAIN.delay(row["attempts"] + 1, random=random) for row in due if row["id"] in failed}
    reasons = "; ".join(dict.fromkeys(reason for refusals in failed.values() for reason in refusals))
    with ctx.store.transaction() as session:
        session.sent(sent, now=now)
        session.not_sent(nexts, error=reasons, given_up_before=now - GIVE_UP_AFTER, now=now)
    return len(sent)


def message(
    rows: Sequence[Mapping[str, Any]], reader: Reader, remedies: Mapping[str, str] = REMEDIES
) -> tuple[str, str]:
    """Title and body, plain text in the reader's language: one incident by its summary, several as a list.

    Of each there is since when it is open, its page, and what to look at by the `remedies` of its causes.
    """
    with speaking(reader.language):
        incidents = [_lines(row, reader, remedies) for row in rows]
        if len(rows) == 1:
            return _subject(incidents[0][0]), "\n".join(incidents[0])
        notices = sum(row["notice"] for row in rows)
        opened = sum(row["kind"] == "opened" for row in rows) - notices
        counts = {"opened": opened, "resolved": len(rows) - opened - notices}
        title = _("[batch_platform] %(opened)s new incidents, %(resolved)s resolved", **counts)
        if notices:
            title += _(", %(notices)s notices", notices=notices)
        return title, "\n\n".join("\n".join(lines) for lines in incidents)


def _subject(title: str) -> str:
    raw = title.encode()
    return title if len(raw) <= _TITLE else f"{raw[:_TITLE].decode(errors='ignore')}…"


def _lines(row: Mapping[str, Any], reader: Reader, remedies: Mapping[str, str]) -> list[str]:
    """Lines, of which the first says what happened."""
    opened = row["kind"] == "opened"
    heading = _HEADINGS[Severity(row["severity"])] if opened else _RESOLVED
    lines = [f"{_(heading)} {mask_text(translated(row['summary']))}"]
    facts = {"began": _shown(row["opened_at"]), "rule": row["rule"]}
    if row["notice"]:
        lines.append(_("Told once, at %(began)s (%(rule)s).", **facts))
    elif opened:
        lines.append(_("Since %(began)s (%(rule)s).", **facts))
        looks = [f"- {mask_text(translated(look))}" for look in remedies_of(row["summary"], remedies)]
        lines += [_("What to look at:"), *looks] if looks else []
    else:
        facts |= {"ended": _shown(row["created_at"]), "how": mask_text(translated(row["resolution"] or ""))}
        lines.append(_("Resolved %(ended)s, open since %(began)s: %(how)s.", **facts))
    return [*lines, *([f"{reader.url}/console/incidents/{row['incident_id']}"] if reader.url else [])]


def _shown(moment: datetime) -> str:
    return f"{in_japan(moment, seconds=True)} JST"


def _deliver(destination: Destination, title: str, body: str) -> bool:
    """Whether the destination took it. Apprise's own log quotes addresses: it is not let out."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    sender = apprise.Apprise()
    return sender.add(destination.url) and bool(
        sender.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
    )


def _mail(smtp_url: str) -> str | None:
    """The mail server as an Apprise URL; None when it names no receiver."""
    import apprise

    parts = urlsplit(smtp_url)
    if parts.scheme not in _SMTP or not parts.hostname:
        raise InvalidInput(
            "bad-smtp-url", "SMTP_URL: write smtp://user:password@host:587?from=A&to=B", field="SMTP_URL"
        )
    if "to" not in dict(parse_qsl(parts.query)):
        return None
    # without a login there is nothing for TLS to protect, and a relay beside us seldom has a certificate
    mode = "" if parts.scheme == "smtps" or parts.username else "&mode=insecure"
    url = f"{_SMTP[parts.scheme]}://{parts.netloc}/?{parts.query}&format=text{mode}"
    if not apprise.Apprise().add(url):
        raise InvalidInput("bad-smtp-addresses", "SMTP_URL: its addresses are not understood", field="SMTP_URL")
    return url
