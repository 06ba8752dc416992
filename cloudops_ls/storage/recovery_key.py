"""The recovery key: an age identity that the operator keeps outside of the machine.

It is a key of the age format (https://age-encryption.org/v1, X25519), so whatever is sealed for it
can be opened with the ``age`` tool alone: ``age --decrypt -i recovery.txt FILE``. Only its public
half, the recipient, ever stays in a home.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "AGE-SECRET-KEY-1"


class NotSealedForThisKeyError(Exception):
    """The bytes are no age file, are damaged, or were sealed for other keys."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """The public half of an age key: seals, and cannot open.

    Attributes
    ----------
    text
        ``age1…``. Not secret, and not published either: whoever has it can seal forgeries.
    """

    text: str

    def seal(self, plaintext: bytes, *others: Recipient) -> bytes:
        """Return an age file that this key, and each of ``others``, opens.

        age makes a fresh file key and nonce for every file.
        """
        import pyrage

        keys = [pyrage.x25519.Recipient.from_str(each.text) for each in (self, *others)]
        return bytes(pyrage.encrypt(plaintext, keys))


class AgeKey:
    """An age identity; kept out of every ``repr``, and not to be pickled."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key."""
        import pyrage

        return cls(str(pyrage.x25519.Identity.generate()))

    @classmethod
    def parse(cls, text: str, *, where: str) -> Self:
        """Return the key in ``text``, which may be an age identity file with comments.

        Raises
        ------
        CloudOpsError
            There is no key in it, more than one, or a mistyped one.
        """
        import pyrage

        keys = [line.strip() for line in text.splitlines() if line.strip().startswith(PREFIX)]
        if len(keys) != 1:
            raise CloudOpsError(
                "There is no recovery key there"
                if not keys
                else "There is more than one key there",
                where=where,
                fix=f"A recovery key is one line that begins with {PREFIX}",
            )
        try:
            pyrage.x25519.Identity.from_str(keys[0])
        except pyrage.IdentityError:
            # Without its context: it may quote the key.
            raise CloudOpsError(
                "The recovery key is mistyped or cut short",
                where=where,
                fix="Copy the whole line again; it has its own check sum",
            ) from None
        return cls(keys[0])

    @property
    def recipient(self) -> Recipient:
        """The public half."""
        import pyrage

        return Recipient(str(pyrage.x25519.Identity.from_str(self._secret).to_public()))

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises
        ------
        NotSealedForThisKeyError
            Not an age file, damaged, cut short, or sealed for other keys.
        """
        import pyrage

        identity = pyrage.x25519.Identity.from_str(self._secret)
        try:
            return bytes(pyrage.decrypt(sealed, [identity]))
        except pyrage.DecryptError:
            raise NotSealedForThisKeyError from None

    def reveal(self) -> str:
        """Return the secret line, ``AGE-SECRET-KEY-1…``."""
        return self._secret

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __reduce__(self) -> str:
        raise TypeError("a key must not be pickled")


class RecoveryKey(AgeKey):
    """The key that opens backups, and the store's own key, when everything else is lost."""


def seal_stream(recipients: Sequence[Recipient], source: BinaryIO, target: BinaryIO) -> None:
    """Write what ``source`` holds as an age file that every recipient opens."""
    import pyrage

    keys = [pyrage.x25519.Recipient.from_str(each.text) for each in recipients]
    pyrage.encrypt_io(source, target, keys)


def open_stream(keys: Sequence[AgeKey], source: BinaryIO, target: BinaryIO) -> None:
    """Write what is sealed in ``source``, once any of ``keys`` opens it.

    What was written is true, and not known to be all before this returns.

    Raises
    ------
    NotSealedForThisKeyError
        As `AgeKey.open`.
    """
    import pyrage

    try:
        identities = [pyrage.x25519.Identity.from_str(each.reveal()) for each in keys]
        pyrage.decrypt_io(source, target, identities)
    except pyrage.DecryptError:
        raise NotSealedForThisKeyError from None
