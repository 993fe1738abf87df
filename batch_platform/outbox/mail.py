"""The bytes of a mail: a fixed Message-ID, Japanese in Base64, and for advertising the headers to decline it by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from batch_platform.core.failures import InvalidInput
from batch_platform.outbox.model import Attachment, Rendered, Sender

# what SMTP carries without extensions: no blanks, no control characters, one @
_ADDRESS: Final = re.compile(r"[!#-'*+/-9=?A-Z^-~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_NO_NAME: Final = re.compile(r"[\x00-\x1f\x7f/\\]")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def mail_bytes(
    rendered: Rendered,
    *,
    sender: Sender,
    recipient: str,
    message_id: str,
    at: datetime,
    unsubscribe: str | None = None,
    attached: Sequence[tuple[Attachment, bytes]] = (),
) -> bytes:
    """A mail as it is given to a server, the same bytes for the same values. Raises `InvalidInput`.

    `unsubscribe` is the link of RFC 8058 by which a mail program declines for its reader.
    """
    called = message_id.strip("<>").partition("@")[0]
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = message_id
    mail["Date"] = format_datetime(at)
    mail["From"] = Address(sender.name, addr_spec=checked_address(sender.address))
    mail["To"] = Address(addr_spec=checked_address(recipient))
    mail["Subject"] = " ".join(rendered.subject.split())
    mail["Auto-Submitted"] = "auto-generated"
    if unsubscribe is not None:
        mail["List-Unsubscribe"] = f"<{unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # 8bit, which the package would choose, needs an extension of the server that nobody asks for
    mail.set_content(rendered.text, cte="base64")
    if rendered.html is not None:
        mail.add_alternative(rendered.html, subtype="html", cte="base64")
        mail.set_boundary(f"=={called}==")  # else it is random
    for attachment, content in attached:
        maintype, _, subtype = attachment.content_type.partition("/")
        # a name is a line of a header: what would break it, or lead into a folder, is no part of it
        name = _NO_NAME.sub("_", " ".join(attachment.filename.split())) or "_"
        mail.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    if attached:
        mail.set_boundary(f"==attached-{called}==")
    return mail.as_bytes()


def is_address(text: str) -> bool:
    """Whether it can be written into a mail's header and envelope."""
    return _ADDRESS.fullmatch(text) is not None


def checked_address(address: str) -> str:
    """Raises `InvalidInput` unless it is a mail address."""
    if not is_address(address):
        raise InvalidInput("bad-mail-address", "{address} is no mail address", address=repr(address))
    return address


def checked_number(number: str) -> str:
    """Raises `InvalidInput` unless it is written as in E.164, such as +819012345678."""
    if not _NUMBER.fullmatch(number):
        raise InvalidInput("bad-phone-number", "{number} is no telephone number in E.164", number=repr(number))
    return number


def message_host(sender: Sender) -> str:
    """The right side of Message-IDs."""
    return sender.address.rpartition("@")[2]
