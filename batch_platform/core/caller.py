"""Who runs this process, and who stands behind an account."""

from __future__ import annotations

import os
import pwd


def system_user() -> str:
    """The system's user, by its number: what the environment says of it can be anything."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user without a name
        return str(uid)


def person(account: str) -> str:
    """Who acts as `local:ann` and by `token:ann`: a token is named after who uses it, so that where two people have
    to agree, an account and a token of its name are one."""
    kind, _, name = account.partition(":")
    return name.casefold() if name and kind in ("local", "token") else account
