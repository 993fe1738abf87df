"""What the web itself refuses, before any use case is asked: a failure with an HTTP status and a message."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

from batch_platform.core.messages import Message, Parameter


class Refusal(HTTPException):
    """`raise Refusal(415, "not-json", "the API reads application/json")`: its detail is the message."""

    def __init__(
        self,
        status: int,
        message: str,
        text: str,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        **parameters: Parameter,
    ) -> None:
        super().__init__(status, Message(message, text, **parameters), headers)


def unauthenticated(challenge: str = "Bearer") -> Refusal:
    headers = {"WWW-Authenticate": challenge}
    return Refusal(401, "unauthenticated", "sign in, or send a bearer token", headers=headers)


def forbidden(permission: str) -> Refusal:
    return Refusal(403, "forbidden", "the permission {permission} is missing", permission=permission)


def token_without_session() -> Refusal:
    return Refusal(403, "token-without-session", "a bearer token has no session to change")


def unsettled(due: str) -> Refusal:
    """Of whoever is signed in and has something to settle in the console first."""
    if due == "second-factor":
        return Refusal(403, "second-factor-due", "show your second factor in the console first")
    if due == "enrolment":
        return Refusal(403, "enrolment-due", "your role needs a second factor: set it up in the console first")
    return Refusal(403, "password-due", "somebody else set your password: choose your own in the console first")


def foreign_origin() -> Refusal:
    """Browsers name the origin of a write: this one is another site's page."""
    return Refusal(403, "foreign-origin", "a page of another origin may not act here")
