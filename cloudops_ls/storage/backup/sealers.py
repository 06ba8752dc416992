"""What seals an exported file, and opens it: keys, or a passphrase."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from cloudops_ls.storage.recovery_key import (
    AgeKey,
    NotSealedForThisKeyError,
    Recipient,
    open_stream,
    seal_stream,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sealer(Protocol):
    """Seals a file and opens it again."""

    def seal(self, source: BinaryIO, target: BinaryIO) -> None:
        """Write what ``source`` holds as an age file."""

    def open(self, source: BinaryIO, target: BinaryIO) -> None:
        """Write what was sealed, or raise `NotSealedForThisKeyError`."""


class KeySealer:
    """Seals for keys; opens with any of them whose secret half is here.

    Parameters
    ----------
    recipients
        For whom to seal.
    keys
        What to open with.
    """

    def __init__(self, recipients: Sequence[Recipient], keys: Sequence[AgeKey]) -> None:
        self._recipients = recipients
        self._keys = keys

    def seal(self, source: BinaryIO, target: BinaryIO) -> None:
        """Write what ``source`` holds as an age file that every recipient opens."""
        seal_stream(self._recipients, source, target)

    def open(self, source: BinaryIO, target: BinaryIO) -> None:
        """Write what was sealed, or raise `NotSealedForThisKeyError`."""
        open_stream(self._keys, source, target)


class PassphraseSealer:
    """Seals with a passphrase: age's scrypt recipient. In memory, since pyrage has no other way."""

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase
        self._opened: bytes | None = None

    def seal(self, source: BinaryIO, target: BinaryIO) -> None:
        """Write what ``source`` holds as an age file that the passphrase opens."""
        import pyrage

        target.write(pyrage.passphrase.encrypt(source.read(), self._passphrase))

    def open(self, source: BinaryIO, target: BinaryIO) -> None:
        """Write what was sealed, or raise `NotSealedForThisKeyError`.

        One file, read twice, costs one key derivation.
        """
        import pyrage

        if self._opened is None:
            try:
                self._opened = pyrage.passphrase.decrypt(source.read(), self._passphrase)
            except pyrage.DecryptError:
                raise NotSealedForThisKeyError from None
        target.write(self._opened)
