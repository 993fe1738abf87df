"""age: what is written to the recipients' public keys, only their identities read."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from batch_platform.core.failures import InvalidInput, PermanentFailure, PlatformError, TransientFailure
from batch_platform.core.file_locks import locked

if TYPE_CHECKING:
    from pyrage.x25519 import Identity, Recipient

_PREFIX: Final = "AGE-SECRET-KEY-1"


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


class NotOpened(PermanentFailure):
    """No identity that was given is one of the object's recipients."""


class Damaged(PermanentFailure):
    """What was read is not what was encrypted."""


def recipients_of(keys: Sequence[str]) -> list[Recipient]:
    """Public keys, `age1…`. Raises `InvalidInput`."""
    import pyrage

    try:
        return [pyrage.x25519.Recipient.from_str(key) for key in keys]
    except pyrage.RecipientError:
        raise InvalidInput(
            "backup-recipient-invalid",
            "{field} holds what is no public key of age (age1…)",
            field="STAFFING_BACKUP_RECIPIENTS",
        ) from None


def identities_in(file: Path) -> list[Identity]:
    """The identities of a file as age-keygen writes it. Raises `InvalidInput` that quotes nothing of it."""
    import pyrage

    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
        identities = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith(_PREFIX)]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError):
        identities = []
    if not identities:
        raise InvalidInput(
            "backup-identity-unreadable",
            "{field}: {file} holds no identity of age that can be read",
            field="STAFFING_BACKUP_IDENTITY_FILE",
            file=file,
        )
    return identities


def public_key(identity: Identity) -> str:
    return str(identity.to_public())


def generated(file: Path) -> str:
    """The public key of the identity in this file, which is made if it is not there, for its owner alone."""
    import pyrage

    with locked(file.with_suffix(".lock")):
        if not file.exists():
            made = pyrage.x25519.Identity.generate()
            partial = file.with_suffix(f".{os.getpid()}")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as out:
                out.write(f"# public key: {made.to_public()}\n{made}\n")
                out.flush()
                os.fsync(out.fileno())
            partial.replace(file)
    return public_key(identities_in(file)[0])


def encrypt(source: Readable, target: Writable, keys: Sequence[str]) -> None:
    """Everything of the source, in bounded memory. Raises what the target raised."""
    import pyrage

    kept = _Kept(target)
    try:
        pyrage.encrypt_io(source, kept, recipients_of(keys))
    except pyrage.EncryptError as error:
        if kept.failure is not None:
            raise kept.failure from None
        raise TransientFailure(
            "backup-not-encrypted", "the backup could not be encrypted: {reason}", reason=str(error)
        ) from error


def decrypt(source: Readable, target: Writable | IO[bytes], identities: Sequence[Identity]) -> None:
    """Into a target that is used only once the source's hash is known: chunks are written before a later one fails.

    Raises `NotOpened`, `Damaged`, and what the source or the target raised.
    """
    import pyrage

    reader, writer = _Kept(source), _Kept(target)
    try:
        pyrage.decrypt_io(reader, writer, list(identities))
    except (pyrage.DecryptError, OSError, ValueError) as error:
        failure = reader.failure or writer.failure
        if failure is not None:
            raise failure from None
        if "No matching keys" in str(error):
            raise NotOpened(
                "backup-key-differs", "the identity given is not one of the backup's recipients"
            ) from None
        raise Damaged("backup-damaged", "the object is damaged: {reason}", reason=str(error)) from None


def opens(beginning: bytes, identities: Sequence[Identity]) -> bool:
    """Whether an identity opens what begins so: the header tells, the rest may be cut."""
    import pyrage

    try:
        pyrage.decrypt_io(io.BytesIO(beginning), io.BytesIO(), list(identities))
    except pyrage.DecryptError:
        return False
    except OSError:
        return True
    return True


def stranger() -> Identity:
    """An identity that nothing is encrypted to."""
    import pyrage

    return pyrage.x25519.Identity.generate()


class _Kept:
    """A stream that keeps the failure of its reads and writes, which age tells only as text."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.failure: BaseException | None = None

    def read(self, size: int, /) -> bytes:
        try:
            data: bytes = self._stream.read(size)
        except (PlatformError, OSError, SystemExit) as error:
            self.failure = error
            raise
        return data

    def write(self, data: bytes, /) -> int:
        try:
            self._stream.write(data)
        except (PlatformError, OSError, SystemExit) as error:
            self.failure = error
            raise
        return len(data)

    def flush(self) -> None:
        self._stream.flush()
