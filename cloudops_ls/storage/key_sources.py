"""The three things that can wrap the data key: OS keychain, passphrase, key file."""

from __future__ import annotations

import base64
import binascii
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError, NotUnlockedError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyring.backend import KeyringBackend

    from cloudops_ls.storage.key_record import ScryptParameters

SERVICE = "cloudops-ls"
PASSPHRASE_VARIABLE = "CLOUDOPS_PASSPHRASE"  # noqa: S105 - a name, not a secret
KEY_FILE_VARIABLE = "CLOUDOPS_KEY_FILE"
OR_RECOVER = "or run: cloudops-ls key recover"
"""What is left to those who exported a recovery key."""
KEY_BYTES = 32
RECOMMENDED_PRIORITY = 1
"""keyring's own line between real keychains and plaintext or do-nothing backends."""


def derive(passphrase: str, parameters: ScryptParameters) -> bytes:
    """Return the wrapping key of ``passphrase``, by scrypt."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    kdf = Scrypt(
        salt=base64.b64decode(parameters.salt),
        length=KEY_BYTES,
        n=parameters.n,
        r=parameters.r,
        p=parameters.p,
    )
    return kdf.derive(passphrase.encode())


def read_key_file(environ: Mapping[str, str]) -> bytes:
    """Return the 32 bytes of the file that ``CLOUDOPS_KEY_FILE`` names.

    Raises
    ------
    NotUnlockedError
        The variable is not set, or the file is missing, readable by others, or not 32 bytes long.
    """
    name = environ.get(KEY_FILE_VARIABLE)
    if not name:
        raise NotUnlockedError(
            "The store is protected by a key file, and none was given",
            fix=f"Set {KEY_FILE_VARIABLE} to the file the store was created with",
        )
    path = Path(name).expanduser()
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise NotUnlockedError(
                "The key file must be a plain file that only you can read",
                where=str(path),
                fix=f"Run: chmod 600 {path}",
            )
        content = path.read_bytes()
    except OSError as error:
        raise NotUnlockedError(
            f"Cannot read the key file: {error.strerror}",
            where=str(path),
            fix=f"To make a new one, run: (umask 077 && openssl rand -out {path} {KEY_BYTES})",
        ) from error
    if len(content) != KEY_BYTES:
        raise NotUnlockedError(
            f"The key file must hold exactly {KEY_BYTES} random bytes",
            where=str(path),
            fix="Point to the right file",
        )
    return content


def store_in_keychain(key_id: str, secret: bytes) -> bytes:
    """Put ``secret`` into the keychain and return it as read back from there.

    Raises
    ------
    CloudOpsError
        There is no keychain, or it does not keep what it is given.
    """
    from keyring.errors import KeyringError

    backend = _keychain()
    try:
        backend.set_password(SERVICE, key_id, base64.b64encode(secret).decode())
    except KeyringError:
        raise _locked() from None
    return read_keychain(key_id)


def read_keychain(key_id: str) -> bytes:
    """Return the wrapping key that the keychain holds for ``key_id``.

    Raises
    ------
    CloudOpsError
        There is no keychain, it is locked, or it has no such entry.
    """
    from keyring.errors import KeyringError

    backend = _keychain()
    try:
        found = backend.get_password(SERVICE, key_id)
    except KeyringError:
        raise _locked() from None
    if found is None:
        raise CloudOpsError(
            "The keychain has no entry for this store's key",
            where=f"service {SERVICE}, user {key_id}",
            fix=f"Restore the keychain entry, {OR_RECOVER}",
        )
    try:
        secret = base64.b64decode(found, validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise CloudOpsError(
            "The keychain's entry for this store's key is damaged",
            where=f"service {SERVICE}, user {key_id}",
            fix=f"Restore the keychain entry, {OR_RECOVER}",
        )
    return secret


def forget_in_keychain(key_id: str) -> None:
    """Remove an entry that nothing uses; a keychain that refuses keeps it, harmlessly."""
    import contextlib

    from keyring.errors import KeyringError

    with contextlib.suppress(KeyringError):
        _keychain().delete_password(SERVICE, key_id)


def _keychain() -> KeyringBackend:
    """Return the operating system's keychain.

    keyring also knows backends that fail, forget, or write plain files. All of them have a
    priority below the one keyring itself calls recommended, so none of them is accepted.
    """
    import keyring
    from keyring.backends.chainer import ChainerBackend
    from keyring.errors import KeyringError

    try:
        selected = keyring.get_keyring()
        candidates = list(selected.backends) if isinstance(selected, ChainerBackend) else [selected]
        usable = [each for each in candidates if each.priority >= RECOMMENDED_PRIORITY]
    except (KeyringError, RuntimeError, ImportError):
        # RuntimeError: keyring's way of saying that a backend does not work on this machine.
        usable = []
    if not usable:
        raise NotUnlockedError(
            "There is no keychain on this machine to keep the store's key in",
            fix=(
                "Start or unlock a keychain (Secret Service, KWallet, macOS Keychain, Windows "
                f"Credential Manager), or set {PASSPHRASE_VARIABLE}, or set {KEY_FILE_VARIABLE} "
                "to a file with 32 random bytes that only you can read"
            ),
        )
    return usable[0]


def _locked() -> RetryableError:
    return RetryableError("The keychain is locked or refused access", fix="Unlock it and try again")
