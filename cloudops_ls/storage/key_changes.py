"""Changing what opens a store, without touching what is stored: passphrase and recovery key."""

from __future__ import annotations

import base64
import contextlib
import secrets
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.key_record import KeyKind, RecoverySlot, WrappedKey
from cloudops_ls.storage.key_sources import KEY_BYTES, forget_in_keychain
from cloudops_ls.storage.keys import DataKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home
    from cloudops_ls.storage.keys import KeyRing
    from cloudops_ls.storage.recovery_key import Recipient, RecoveryKey

SHORTEST_PASSPHRASE = 8
"""Characters; scrypt makes guessing slow, not impossible."""


def change_passphrase(home: Home, ring: KeyRing, with_new: Callable[[], KeyRing]) -> None:
    """Wrap the data key by another passphrase; the database is left as it is.

    Parameters
    ----------
    ring
        Opens the key.
    with_new
        Returns what has the new passphrase; called when the present one was found right.

    Raises
    ------
    CloudOpsError
        The store has no passphrase, or the present one is wrong; nothing changed.
    """
    with ring.changing("changing the passphrase"):
        record = _record(home, ring)
        if record.kind is not KeyKind.PASSPHRASE:
            raise CloudOpsError(
                f"The store is not protected by a passphrase but by: {record.kind}",
                where=str(home.wrapped_key),
                fix="To give it one, run: cloudops-ls key rotate --protect-with passphrase",
            )
        key = ring.unwrap(record)
        _exchange(home, record, with_new().wrap(key, KeyKind.PASSPHRASE))


def export_recovery(home: Home, ring: KeyRing, *, replace: bool) -> RecoveryKey:
    """Make a recovery key for the store of ``home`` and return it: it is kept nowhere.

    Parameters
    ----------
    replace
        Whether an earlier recovery key shall lose its power.

    Raises
    ------
    CloudOpsError
        There is one already, or the data key cannot be opened; nothing changed.
    """
    from cloudops_ls.storage.recovery_key import RecoveryKey

    with ring.changing("exporting a recovery key"):
        record = _record(home, ring)
        if record.recovery is not None and not replace:
            raise exported_already(str(home.wrapped_key))
        made = RecoveryKey.generate()
        key = ring.unwrap(record)
        sealed_for(record, key, made.recipient).replace(home.wrapped_key)
    return made


def adopt_recovery(home: Home, ring: KeyRing, recipient: Recipient) -> None:
    """Have a recovery key that was exported elsewhere open the store, unless one does already."""
    with ring.changing("taking over a recovery key"):
        record = _record(home, ring)
        if record.recovery is None:
            sealed_for(record, ring.unwrap(record), recipient).replace(home.wrapped_key)


def exported_already(where: str) -> CloudOpsError:
    """Return the error of a second recovery key."""
    return CloudOpsError(
        "A recovery key was exported already; it can be used, but not shown again",
        where=where,
        fix="To make another one, and the first one useless for this store, add --replace",
    )


def recover(home: Home, ring: KeyRing, recovery: RecoveryKey) -> KeyKind:
    """Open the store by its recovery key and wrap its key by what ``ring`` offers.

    Returns
    -------
    KeyKind
        What protects the store now.

    Raises
    ------
    CloudOpsError
        It is not this store's recovery key, or the environment offers nothing to wrap with;
        nothing changed.
    """
    from cloudops_ls.storage.recovery_key import NotSealedForThisKeyError

    with ring.changing("recovering the key"):
        record = _record(home, ring)
        if record.recovery is None:
            raise CloudOpsError(
                "No recovery key was ever exported for this store", where=str(home.wrapped_key)
            )
        try:
            raw = recovery.open(base64.b64decode(record.recovery.sealed))
        except (NotSealedForThisKeyError, ValueError):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise CloudOpsError(
                "This is not the recovery key of this store",
                where=str(home.wrapped_key),
                fix=f"Look for the one of {record.recovery.recipient}",
            )
        # A new entry in the keychain: the old one stays until the new record counts.
        entry = secrets.token_hex(8)
        kind = ring.offered()
        _exchange(home, record, ring.wrap(DataKey(record.key_id, raw), kind, entry=entry))
    return kind


def with_recovery(record: WrappedKey, key: DataKey, slot: RecoverySlot | None) -> WrappedKey:
    """Return ``record`` with ``key`` sealed for the recovery key of ``slot``."""
    from cloudops_ls.storage.recovery_key import Recipient

    return record if slot is None else sealed_for(record, key, Recipient(slot.recipient))


def sealed_for(record: WrappedKey, key: DataKey, recipient: Recipient) -> WrappedKey:
    """Return ``record`` with ``key`` sealed for ``recipient``."""
    sealed = base64.b64encode(recipient.seal(key.reveal())).decode()
    slot = RecoverySlot(recipient=recipient.text, sealed=sealed)
    return record.model_copy(update={"recovery": slot})


def _record(home: Home, ring: KeyRing) -> WrappedKey:
    record = ring.record()
    if record is None:
        raise CloudOpsError("There is no store yet, so it has no key", where=str(home.wrapped_key))
    return record


def _exchange(home: Home, before: WrappedKey, wrapped: WrappedKey) -> None:
    """Write the same key, wrapped otherwise."""
    kept = {
        "created_at": before.created_at,
        "store_created": before.store_created,
        "recovery": before.recovery,
    }
    wrapped.model_copy(update=kept).replace(home.wrapped_key)
    if before.kind is KeyKind.KEYCHAIN:
        with contextlib.suppress(CloudOpsError):
            forget_in_keychain(before.keychain_entry)
