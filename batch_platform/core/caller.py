"""Who runs this process."""

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
