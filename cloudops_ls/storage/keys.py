"""The data key: random, 256 bits, on disk only wrapped (decision 0002)."""

from __future__ import annotations

import os
import secrets
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from cloudops_ls.errors import CloudOpsError, NotUnlockedError
from cloudops_ls.storage.key_record import KeyKind, ScryptParameters, WrappedKey
from cloudops_ls.storage.key_sources import (
    KEY_FILE_VARIABLE,
    OR_RECOVER,
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
    from contextlib import AbstractContextManager

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

    @classmethod
    def random(cls) -> Self:
        """Return a new key under a new name."""
        return cls(secrets.token_hex(8), secrets.token_bytes(KEY_BYTES))

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
        self._deriving: tuple[ScryptParameters, Future[bytes]] | None = None

    def prepare(self) -> None:
        """Begin what `open` will need and what takes long: scrypt, which other threads can spare.

        Failures are left to `open`.
        """
        try:
            record = self.record()
        except CloudOpsError:
            return
        passphrase = self._environ.get(PASSPHRASE_VARIABLE)
        if record is None or record.kdf is None or not passphrase:
            return
        kdf = record.kdf
        found: Future[bytes] = Future()

        def work() -> None:
            try:
                found.set_result(derive(passphrase, kdf))
            except Exception as error:
                found.set_exception(error)

        self._deriving = kdf, found
        threading.Thread(target=work, name="derive", daemon=True).start()

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
            with self.changing("creating the data key"):
                if not path.exists():
                    return self._create()
        return self.unwrap(WrappedKey.read(path))

    def opens(self) -> bool:
        """Return whether what the environment has opens the key, or can protect a first one."""
        try:
            record = self.record()
            if record is None:
                return self.offered() is not KeyKind.KEYCHAIN
            return self.unwrap(record) is not None
        except CloudOpsError:
            return False

    def kind(self) -> KeyKind | None:
        """Return what opens the key of this home, or None if there is no key yet."""
        record = self.record()
        return None if record is None else record.kind

    def record(self) -> WrappedKey | None:
        """Return what ``key.json`` says, or None if there is no key yet.

        Raises
        ------
        CloudOpsError
            It is damaged.
        """
        path = self._home.wrapped_key
        return WrappedKey.read(path) if path.exists() else None

    def recovery_recipient(self) -> str | None:
        """Return the public half (``age1…``) of the recovery key, where one was exported."""
        record = self.record()
        return record.recovery.recipient if record is not None and record.recovery else None

    def changing(self, doing: str) -> AbstractContextManager[None]:
        """Keep other processes from writing ``key.json`` for a block."""
        return FileLock(self._home.data / "key.lock").holding(timeout=LOCK_TIMEOUT, doing=doing)

    def mark_created(self) -> None:
        """Note that the database has its tables; from now on it cannot be missing unnoticed."""
        record = self.record()
        if record is None or record.store_created or not self._home.database.stat().st_size:
            return
        with self.changing("creating the store"):
            record = WrappedKey.read(self._home.wrapped_key)
            record.model_copy(update={"store_created": True}).replace(self._home.wrapped_key)

    def offered(self) -> KeyKind:
        """Return what a new key would be wrapped by in this environment."""
        if self._environ.get(KEY_FILE_VARIABLE):
            return KeyKind.KEY_FILE
        return KeyKind.PASSPHRASE if self._environ.get(PASSPHRASE_VARIABLE) else KeyKind.KEYCHAIN

    def wrap(self, key: DataKey, kind: KeyKind, *, entry: str | None = None) -> WrappedKey:
        """Return the record of ``key``, wrapped by what the environment has of this kind.

        Parameters
        ----------
        entry
            Name of a new entry in the keychain; by default the key's id. It is written before
            this returns, so a crash leaves an unused entry and never a key without its own.

        Raises
        ------
        CloudOpsError
            The environment has nothing of this kind.
        """
        kdf: ScryptParameters | None = None
        match kind:
            case KeyKind.KEY_FILE:
                wrapping = read_key_file(self._environ)
            case KeyKind.PASSPHRASE:
                kdf = self._scrypt.salted()
                wrapping = derive(self._passphrase(), kdf)
            case KeyKind.KEYCHAIN:
                wrapping = store_in_keychain(entry or key.id, secrets.token_bytes(KEY_BYTES))
        record = WrappedKey.of(key.id, kind, aes_key_wrap(wrapping, key.reveal()), kdf)
        return record.model_copy(update={"entry": entry if kind is KeyKind.KEYCHAIN else None})

    def unwrap(self, record: WrappedKey) -> DataKey:
        """Return the data key of ``record``.

        Raises
        ------
        CloudOpsError
            As `open`.
        """
        match record.kind:
            case KeyKind.KEYCHAIN:
                wrapping = read_keychain(record.keychain_entry)
                wrong = "The keychain's entry does not open the data key"
                fix = f"Restore the entry or key.json from a copy, {OR_RECOVER}"
            case KeyKind.PASSPHRASE:
                wrapping = self._derived(self._passphrase(), record.scrypt())
                wrong = "The passphrase does not open the data key"
                fix = f"Set {PASSPHRASE_VARIABLE} to the passphrase of this store, {OR_RECOVER}"
            case KeyKind.KEY_FILE:
                wrapping = read_key_file(self._environ)
                wrong = "The key file does not open the data key"
                fix = f"Set {KEY_FILE_VARIABLE} to the key file of this store, {OR_RECOVER}"
        try:
            return DataKey(record.key_id, aes_key_unwrap(wrapping, record.wrapped_bytes()))
        except InvalidUnwrap:
            # Without its context: nothing of the key may travel with an exception.
            raise NotUnlockedError(wrong, where=str(self._home.wrapped_key), fix=fix) from None

    def _derived(self, passphrase: str, kdf: ScryptParameters) -> bytes:
        begun, self._deriving = self._deriving, None
        # The key may have been changed since.
        return begun[1].result() if begun and begun[0] == kdf else derive(passphrase, kdf)

    def _passphrase(self) -> str:
        passphrase = self._environ.get(PASSPHRASE_VARIABLE)
        if not passphrase:
            raise NotUnlockedError(
                "The store is protected by a passphrase, and none was given",
                where=str(self._home.wrapped_key),
                fix=f"Set {PASSPHRASE_VARIABLE}",
            )
        return passphrase

    def _create(self) -> DataKey:
        database = self._home.database
        if database.exists() and database.stat().st_size > 0:
            raise CloudOpsError(
                "The database is there, but the file with its wrapped key is gone",
                where=str(self._home.wrapped_key),
                fix="Put the file back from a copy; or move cloudops.db away, to start anew or to "
                "restore a backup with the recovery key",
            )
        key = DataKey.random()
        kind = self.offered()
        record = self.wrap(key, kind)
        try:
            record.write_new(self._home.wrapped_key)
        except CloudOpsError:
            if kind is KeyKind.KEYCHAIN:
                forget_in_keychain(record.keychain_entry)
            raise
        return key
