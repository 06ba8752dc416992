"""The backup key: what seals every object, itself sealed for the recovery key alone."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Self

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup.errors import BackupDamagedError
from cloudops_ls.storage.recovery_key import AgeKey, NotSealedForThisKeyError

if TYPE_CHECKING:
    from cloudops_ls.storage.recovery_key import Recipient, RecoveryKey

_ID = re.compile(r"^# cloudops-ls backup key ([0-9a-f]{16})$", re.MULTILINE)
_DIGEST_KEY = re.compile(r"^# digest key ([0-9a-f]{64})$", re.MULTILINE)


class BackupKey:
    """An age key, and a second key for digests.

    The age key hides, but anyone who learns its recipient could seal something. The digest key
    never leaves sealed places, so what carries its digest comes from a holder of the key. The
    digests also name content: without the key nobody can test a guess against a name.

    Attributes
    ----------
    id
        Name of the key; not secret.
    age
        Seals and opens.
    """

    __slots__ = ("_digest_key", "age", "id")

    def __init__(self, key_id: str, age: AgeKey, digest_key: bytes) -> None:
        self.id = key_id
        self.age = age
        self._digest_key = digest_key

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key."""
        return cls(secrets.token_hex(8), AgeKey.generate(), secrets.token_bytes(32))

    @classmethod
    def parse(cls, text: str, *, where: str) -> Self:
        """Return the key that `reveal` wrote.

        Raises
        ------
        BackupDamagedError
            The text is something else.
        """
        key_id, digest_key = _ID.search(text), _DIGEST_KEY.search(text)
        if key_id is None or digest_key is None:
            raise BackupDamagedError("The backup key is not one of cloudops-ls", where)
        return cls(key_id[1], AgeKey.parse(text, where=where), bytes.fromhex(digest_key[1]))

    def reveal(self) -> str:
        """Return the key as an age identity file, usable with ``age -i``."""
        return (
            f"# cloudops-ls backup key {self.id}\n"
            f"# digest key {self._digest_key.hex()}\n"
            f"{self.age.reveal()}\n"
        )

    def wrap(self, recipient: Recipient) -> bytes:
        """Return the key sealed for a recovery key."""
        return recipient.seal(self.reveal().encode())

    @classmethod
    def unwrap(cls, wrapped: bytes, recovery: RecoveryKey, key_id: str, *, where: str) -> Self:
        """Return the key in a ``keys/`` object.

        Parameters
        ----------
        key_id
            The id in the object's name.

        Raises
        ------
        CloudOpsError
            The recovery key is another one, or the object is damaged.
        """
        try:
            text = recovery.open(wrapped).decode()
        except (NotSealedForThisKeyError, UnicodeDecodeError):
            raise CloudOpsError(
                "The recovery key does not open these backups: it is another one, or the "
                "object with the backup key is damaged",
                where=where,
                fix="Use the recovery key that was exported from the store that made the backups",
            ) from None
        found = cls.parse(text, where=where)
        if found.id != key_id:
            raise BackupDamagedError(
                "The sealed backup key is another one than its name says",
                where,
                fix="Put the object back from an earlier version of it",
            )
        return found

    def digest(self) -> hmac.HMAC:
        """Return a fresh HMAC-SHA256 under the digest key."""
        return hmac.new(self._digest_key, digestmod=hashlib.sha256)

    def __repr__(self) -> str:
        return f"BackupKey({self.id!r})"

    def __reduce__(self) -> str:
        raise TypeError("a backup key must not be pickled")
