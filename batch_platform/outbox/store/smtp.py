"""Mail by SMTP, over one connection for as long as it lasts.

A server that offers `X-ACCEPTED` (the local sink) can be asked by VRFY whether it took a Message-ID. Others cannot.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import unquote, urlsplit

from batch_platform.core.failures import InvalidInput, TransientFailure
from batch_platform.core.logs import mask_text
from batch_platform.outbox.model import Attempt, Category, Reason

ASKABLE: Final = "x-accepted"
"""What a server says in its greeting that answers VRFY of a Message-ID by whether it has accepted it."""

_SECONDS: Final = 20.0
_OK: Final = 250
_LATER: Final = 400
_NEVER: Final = 500
_LONGEST: Final = 500
_NOBODY: Final = (550, 551, 553)
"""The mailbox does not exist, has moved, or cannot be named; unless it says that the policy (5.7) refuses it."""
_POLICY: Final = re.compile(r"\b5\.7\.\d")


class SmtpProvider:
    """Gives mails to the server of `SMTP_URL`, `smtp://user:password@host:587`, `smtps` for TLS from the first byte.

    With a password the connection must be encrypted. Raises `InvalidInput` for another URL.
    """

    def __init__(self, url: str, *, sender: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise InvalidInput(
                "bad-smtp-url", "SMTP_URL: write smtp://user:password@host:587?from=A&to=B", field="SMTP_URL"
            )
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._tls else 25)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._sender = sender
        self._connection: smtplib.SMTP | None = None

    def accepted(self, message_id: str) -> bool | None:
        """Whether the server has accepted this Message-ID; None when it cannot be asked.

        Raises `TransientFailure` when it does not answer.
        """
        try:
            connection = self._connected()
            return connection.verify(message_id)[0] == _OK if connection.has_extn(ASKABLE) else None
        except OSError as error:
            self.close()
            raise TransientFailure(
                "mail-server-silent", "the mail server does not answer: {reason}", reason=_reason(error)
            ) from None

    def send(
        self,
        recipient: str,
        content: bytes,
        *,
        category: Category,  # noqa: ARG002 (others are told)
        holds: Callable[[], bool],
    ) -> Attempt:
        """Give a mail to the server; `holds` is asked right before, and nothing is given when it says no."""
        given = False
        try:
            connection = self._connected()
            code, answer = connection.mail(self._sender)
            if code >= _LATER:  # it does not take our mail at all: that is no fault of the recipient
                connection.rset()
                return Attempt(reason=Reason.NOT_TAKEN, detail=_answered(code, answer))
            code, answer = connection.rcpt(recipient)
            if code >= _LATER:
                connection.rset()
                return _refusal(code, answer)
            if not holds():
                connection.rset()
                return Attempt(lost=True)
            given = True
            code, answer = connection.data(content)
            return Attempt(taken=True) if code == _OK else _refusal(code, answer)
        except smtplib.SMTPDataError as error:  # before the mail was given
            return _refusal(error.smtp_code, error.smtp_error)
        except OSError as error:
            self.close()
            reason = Reason.UNKNOWN if given else Reason.NOT_TAKEN
            return Attempt(reason=reason, detail=_reason(error), unknown=given)

    def close(self) -> None:
        """End the connection; the next mail opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _connected(self) -> smtplib.SMTP:
        if self._connection is None:
            kind = smtplib.SMTP_SSL if self._tls else smtplib.SMTP
            connection = kind(self._host, self._port, timeout=_SECONDS)
            try:
                connection.ehlo()
                if self._login is not None:
                    if not self._tls:
                        connection.starttls(context=ssl.create_default_context())
                        connection.ehlo()
                    connection.login(*self._login)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def _refusal(code: int, answer: bytes | str) -> Attempt:
    detail = _answered(code, answer)
    if code < _NEVER:
        return Attempt(reason=Reason.NOT_TAKEN, detail=detail)
    return Attempt(reason=Reason.REFUSED, detail=detail, dead=code in _NOBODY and not _POLICY.search(detail))


def _answered(code: int, answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return mask_text(f"{code} {' '.join(text.split())}")[:_LONGEST]


def _reason(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _answered(error.smtp_code, error.smtp_error)
    return mask_text(" ".join(str(error).split()) or type(error).__name__)[:_LONGEST]
