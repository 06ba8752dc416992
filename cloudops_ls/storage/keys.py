"""The data key: random, 256 bits, on disk only wrapped (decision 0002)."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.key_record import KeyKind, ScryptParameters, WrappedKey
from cloudops_ls.storage.key_sources import (
    KEY_FILE_VARIABLE,
    PASSPHRASE_VARIABLE,
    derive,
    forget_in_keychain,
    read_key_file,
    read_keychain,
    store_in_keychain,
)
from cloudops_ls.storage.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudops_ls.home import Home

KEY_BYTES = 32
LOCK_TIMEOUT = 30.0
"""Seconds; a keychain may ask its user to unlock it while another process holds the lock."""


class DataKey:
    """The key of the database, kept out of every ``repr`` and every log.

    Attributes
    ----------
    id
        Name of the key; not secret.
    """

    __slots__ = ("_raw", "id")

    def __init__(self, key_id: str, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise ValueError("a data key has 256 bits")
        self.id = key_id
        self._raw = raw

    def reveal(self) -> bytes:
        """Return the 32 secret bytes."""
        return self._raw

    def __repr__(self) -> str:
        return f"DataKey({self.id!r})"

    def __reduce__(self) -> str:
        raise TypeError("a data key must not be pickled")


class KeyRing:
    """Opens the data key of one home, and creates it on first use.

    An existing ``key.json`` says what opens it. A new one is made with the first of these that the
    environment offers: a key file (``CLOUDOPS_KEY_FILE``), a passphrase (``CLOUDOPS_PASSPHRASE``),
    the operating system's keychain. Nothing is ever overwritten.

    Parameters
    ----------
    home
        Whose key it is.
    environ
        Where the two variables are looked up; the process environment by default.
    scrypt
        Cost of deriving from a passphrase, for new keys; existing ones carry their own.
    """

    def __init__(
        self,
        home: Home,
        *,
        environ: Mapping[str, str] | None = None,
        scrypt: ScryptParameters | None = None,
    ) -> None:
        self._home = home
        self._environ = os.environ if environ is None else environ
        self._scrypt = scrypt or ScryptParameters()

    def open(self) -> DataKey:
        """Return the data key.

        Raises
        ------
        CloudOpsError
            There is no keychain and no passphrase; the keychain is locked or lost its entry; the
            passphrase or key file is not the right one; ``key.json`` is damaged or missing beside
            an existing database.
        """
        path = self._home.wrapped_key
        if not path.exists():
            # One creator at a time; the losers of the race open the winner's key.
            lock = FileLock(self._home.data / "key.lock")
            with lock.holding(timeout=LOCK_TIMEOUT, doing="creating the data key"):
                if not path.exists():
                    return self._create()
        return self._unwrap(WrappedKey.read(path))

    def kind(self) -> KeyKind | None:
        """Return what opens the key of this home, or None if there is no key yet."""
        path = self._home.wrapped_key
        return WrappedKey.read(path).kind if path.exists() else None

    def _create(self) -> DataKey:
        database = self._home.database
        if database.exists() and database.stat().st_size > 0:
            raise CloudOpsError(
                "The database is there, but the file with its wrapped key is gone",
                where=str(self._home.wrapped_key),
                fix="Put the file back from a copy, or move cloudops.db away to start anew",
            )
        key_id = secrets.token_hex(8)
        raw = secrets.token_bytes(KEY_BYTES)
        kdf: ScryptParameters | None = None
        if self._environ.get(KEY_FILE_VARIABLE):
            kind = KeyKind.KEY_FILE
            wrapping = read_key_file(self._environ)
        elif passphrase := self._environ.get(PASSPHRASE_VARIABLE):
            kind = KeyKind.PASSPHRASE
            kdf = self._scrypt.salted()
            wrapping = derive(passphrase, kdf)
        else:
            kind = KeyKind.KEYCHAIN
            # Before key.json: a crash in between leaves an unused entry, never a lost key.
            wrapping = store_in_keychain(key_id, secrets.token_bytes(KEY_BYTES))
        record = WrappedKey.of(key_id, kind, aes_key_wrap(wrapping, raw), kdf)
        try:
            record.write_new(self._home.wrapped_key)
        except CloudOpsError:
            if kind is KeyKind.KEYCHAIN:
                forget_in_keychain(key_id)
            raise
        return DataKey(key_id, raw)

    def _unwrap(self, record: WrappedKey) -> DataKey:
        match record.kind:
            case KeyKind.KEYCHAIN:
                wrapping = read_keychain(record.key_id)
                wrong = "The keychain's entry does not open the data key"
                fix = "Restore the entry or key.json from a copy"
            case KeyKind.PASSPHRASE:
                passphrase = self._environ.get(PASSPHRASE_VARIABLE)
                if not passphrase:
                    raise CloudOpsError(
                        "The store is protected by a passphrase, and none was given",
                        where=str(self._home.wrapped_key),
                        fix=f"Set {PASSPHRASE_VARIABLE}",
                    )
                wrapping = derive(passphrase, record.scrypt())
                wrong = "The passphrase does not open the data key"
                fix = f"Set {PASSPHRASE_VARIABLE} to the passphrase the store was created with"
            case KeyKind.KEY_FILE:
                wrapping = read_key_file(self._environ)
                wrong = "The key file does not open the data key"
                fix = f"Set {KEY_FILE_VARIABLE} to the file the store was created with"
        try:
            return DataKey(record.key_id, aes_key_unwrap(wrapping, record.wrapped_bytes()))
        except InvalidUnwrap:
            # Without its context: nothing of the key may travel with an exception.
            raise CloudOpsError(wrong, where=str(self._home.wrapped_key), fix=fix) from None
