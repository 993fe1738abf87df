"""The second factor of local accounts: codes of an authenticator (TOTP, RFC 6238), and recovery codes on paper.

The secret of an enrolment is derived from the session, so nothing is stored before a code proves that it arrived.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.postgres import Pool
from batch_platform.web.access.model import Principal
from batch_platform.web.access.service import Change
from batch_platform.web.access.sessions import Sessions, hash_id
from batch_platform.web.access.sign_in import CodeAttempts, Origin, local_name
from batch_platform.web.access.store import AccessStore, Session
from batch_platform.web.context import WebContext

ISSUER: Final = "batch_platform"
RECOVERY_CODES: Final = 10


_Settle = Callable[[Session, str], None]  # with the kind of code that was used


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator is given: the `secret` in base32, and as an `otpauth:` address for a QR code."""

    secret: str
    uri: str

    def qr(self) -> str:
        """The address as an SVG in a `data:` address, black on white whatever the page's colours."""
        import segno

        return segno.make(self.uri, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def enrolment(context: WebContext, principal: Principal) -> Enrolment:
    """The same for the whole session. Raises `NotFound` for whoever signs in elsewhere."""
    import pyotp

    seed = hmac.digest(
        context.key("second factor enrolment 1"), (principal.session_id or "").encode(), hashlib.sha256
    )
    secret = base64.b32encode(seed[:20]).decode()
    uri = pyotp.TOTP(secret).provisioning_uri(
        name=local_name(principal), issuer_name=f"{ISSUER} {context.environment}"
    )
    return Enrolment(secret, uri)


def is_enrolled(pool: Pool, name: str) -> bool:
    with AccessStore(pool).transaction() as session:
        return session.second_factor(name) is not None


def recovery_codes_left(pool: Pool, name: str) -> int:
    with AccessStore(pool).transaction() as session:
        return session.recovery_codes_left(name)


def enrol(sessions: Sessions, principal: Principal, code: str, change: Change) -> list[str]:
    """Ask for the second factor from now on; the recovery codes, which are shown once.

    Raises `InvalidInput` when the code is not that of the enrolment, and `Conflict` when there is a factor already.
    """
    context, name = sessions.context, local_name(principal)
    secret = enrolment(context, principal).secret
    step = _step(secret, code, change.now)
    if step is None:
        raise _wrong()
    codes = [_recovery_code(context) for _ in range(RECOVERY_CODES)]
    with AccessStore(context.pool).transaction() as session:
        if not session.insert_second_factor(name, _cipher(context).encrypt(secret.encode()), step, now=change.now):
            raise Conflict("second-factor-exists", "there is a second factor already: remove it first", field="code")
        session.insert_recovery_codes(name, [_hash(context, recovery) for recovery in codes])
        own = hash_id(principal.session_id or "")
        session.verify_session(own, renewed=own)
        change.trace(session, "user.enrol-second-factor", name)
    return codes


def verify(sessions: Sessions, principal: Principal, code: str, *, origin: Origin, change: Change) -> str:
    """The session's new id, once the code of the authenticator, or one of the recovery codes, is right.

    Raises `InvalidInput` for a wrong or used code, which counts as a failure of its own kind, and `LoginRefused`
    (429) while that has to wait.
    """
    renewed = sessions.new_id()

    def settle(session: Session, by: str) -> None:
        session.verify_session(hash_id(principal.session_id or ""), renewed=hash_id(renewed))
        change.trace(session, "session.verify", local_name(principal), after={"by": by})

    _checked(sessions, principal, code, origin, change, settle)
    return renewed


def remove(sessions: Sessions, principal: Principal, code: str, *, origin: Origin, change: Change) -> None:
    """Ask for no second factor of one's own any more. Raises as `verify`."""
    name = local_name(principal)

    def settle(session: Session, by: str) -> None:
        session.delete_second_factor(name)
        change.trace(session, "user.remove-second-factor", name, before={"by": by})

    _checked(sessions, principal, code, origin, change, settle)


def reset(pool: Pool, name: str, change: Change) -> bool:
    """Take the second factor of whoever has lost it, and end the sessions; False without one. Raises `NotFound`."""
    with AccessStore(pool).transaction() as session:
        session.lock_users()
        session.user(name)
        if session.second_factor(name) is None:
            return False
        if not change.dry_run:
            session.delete_second_factor(name)
            session.delete_sessions_of(name)
            change.trace(session, "user.reset-second-factor", name)
        return True


def _checked(
    sessions: Sessions,
    principal: Principal,
    code: str,
    origin: Origin,
    change: Change,
    settle: Callable[[Session, str], None],
) -> None:
    context, name = sessions.context, local_name(principal)
    store = AccessStore(context.pool)
    attempts = CodeAttempts(store, name, origin)
    counters = attempts.count(change.now)
    with store.transaction() as session:
        by = _used(context, session, name, code, change.now)
        if by is not None:
            attempts.succeed(session, counters, change.now)
            settle(session, by)
            return
    attempts.fail(counters, change, "wrong-code")
    raise _wrong()


def _used(context: WebContext, session: Session, name: str, code: str, now: datetime) -> str | None:
    """Which kind of code it was, used up by now; None for a wrong one."""
    stored = session.second_factor(name)
    if stored is None:
        return None
    step = _step(_cipher(context).decrypt(stored).decode(), code, now)
    if step is not None:
        return "authenticator" if session.use_step(name, step) else None
    return "recovery-code" if session.use_recovery_code(name, _hash(context, code)) else None


def _step(secret: str, code: str, now: datetime) -> int | None:
    """The 30 seconds since 1970 whose code this is: those of now, or of before or after for clocks of telephones."""
    import pyotp
    from pyotp.exceptions import OTPVerificationError

    try:
        return pyotp.TOTP(secret).verify_and_get_timecode("".join(code.split()), for_time=now, valid_window=1)
    except OTPVerificationError:
        return None


def _recovery_code(context: WebContext) -> str:
    """50 random bits that can be copied from paper."""
    letters = base64.b32encode(context.random(10)).decode().lower()[:10]
    return f"{letters[:5]}-{letters[5:]}"


def _hash(context: WebContext, code: str) -> bytes:
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return hmac.digest(context.key("recovery codes 1"), plain.encode("utf-8", "replace"), hashlib.sha256)


def _cipher(context: WebContext) -> Any:
    from cryptography.fernet import Fernet

    return Fernet(base64.urlsafe_b64encode(context.key("second factor secrets 1")))


def _wrong() -> InvalidInput:
    return InvalidInput("wrong-code", "the code is wrong, or was used already", field="code")
