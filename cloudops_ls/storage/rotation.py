"""A new data key for a store: everything is encrypted again, aside, and then exchanged.

1. ``key.json.next``: the new key, wrapped.
2. ``cloudops.<key id>.db``: the whole database under the new key, compared with the old one and
   made durable.
3. ``key.json.next`` becomes ``key.json``: the one step that decides.
4. The new database takes the old one's place.

A crash before 3 is undone, and one after it finished, by whoever opens the store next (`settle`).
"""

from __future__ import annotations

import contextlib
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.durable_files import sync_directory
from cloudops_ls.storage.key_record import KeyKind, WrappedKey
from cloudops_ls.storage.key_sources import forget_in_keychain

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.keys import DataKey, KeyRing

_REENCRYPTED = re.compile(r"^cloudops\.([0-9a-f]{16})\.db(-journal|-wal|-shm)?$")
_NEXT = "key.json.next"


def rotate(
    home: Home, ring: KeyRing, kind: KeyKind | None = None, with_new: KeyRing | None = None
) -> WrappedKey:
    """Encrypt the store of ``home`` with a new data key; the caller has it alone.

    Parameters
    ----------
    ring
        Opens the present key.
    kind
        What wraps the new key; by default what wraps the present one.
    with_new
        Has what wraps the new key; by default ``ring``.

    Returns
    -------
    WrappedKey
        The new ``key.json``.

    Raises
    ------
    CloudOpsError
        The store cannot be opened, or there is no space for a second database; nothing changed.
    """
    before = ring.record()
    if before is None or not before.store_created:
        raise CloudOpsError(
            "There is no store yet, so there is no key to change", where=str(home.data)
        )
    key = ring.unwrap(before)
    from cloudops_ls.storage import key_changes
    from cloudops_ls.storage.keys import DataKey
    from cloudops_ls.storage.sqlcipher import COPY_PREFIX

    new = DataKey.random()
    wrapped = (with_new or ring).wrap(new, kind or before.kind)
    after = key_changes.with_recovery(wrapped, new, before.recovery)
    after = after.model_copy(update={"store_created": True})
    following = home.data / _NEXT
    try:
        after.replace(following)
        _encrypt_again(home.database, key, home.data / f"cloudops.{new.id}.db", new)
        following.replace(home.wrapped_key)
        sync_directory(home.data)
    finally:
        # Finishes after the decision, undoes before it.
        settle(home)
    if before.kind is KeyKind.KEYCHAIN:
        forget_in_keychain(before.keychain_entry)
    for copy in home.data.glob(f"{COPY_PREFIX}*.db"):
        # Under the old key, which is meant to be of no use any more.
        copy.unlink()
    return after


class Settled(StrEnum):
    """What became of a rotation that was interrupted; the value is for the operator."""

    UNDONE = "A change of the store's key was interrupted and has been undone: the old key counts"
    FINISHED = (
        "A change of the store's key was interrupted and has been finished: the new one counts"
    )


def unsettled(home: Home) -> bool:
    """Return whether a rotation left something that `settle` must see to."""
    return any(path.name == _NEXT or _REENCRYPTED.match(path.name) for path in home.data.iterdir())


def settle(home: Home) -> Settled | None:
    """Finish or undo an interrupted rotation; the caller has the store alone.

    Returns
    -------
    Settled or None
        Which of them it was; None where there was nothing to do.

    Raises
    ------
    CloudOpsError
        ``key.json`` is damaged, so that it cannot be told which; nothing was changed.
    """
    if not unsettled(home):
        return None
    settled = Settled.UNDONE
    # Missing: nothing says which database is the true one.
    current = WrappedKey.read(home.wrapped_key)
    for path in list(home.data.iterdir()):
        found = _REENCRYPTED.match(path.name)
        if found is None:
            continue
        if found[1] == current.key_id and found[2] is None:
            for suffix in ("-wal", "-shm"):
                home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)
            path.replace(home.database)
            settled = Settled.FINISHED
        else:
            path.unlink(missing_ok=True)
    following = home.data / _NEXT
    if following.exists():
        with contextlib.suppress(CloudOpsError):
            _forget(WrappedKey.read(following), current)
        following.unlink()
    sync_directory(home.data)
    return settled


def _forget(given_up: WrappedKey, current: WrappedKey) -> None:
    if given_up.kind is KeyKind.KEYCHAIN and given_up.keychain_entry != current.keychain_entry:
        forget_in_keychain(given_up.keychain_entry)


def _encrypt_again(source: Path, key: DataKey, target: Path, new: DataKey) -> None:
    import sqlcipher3.dbapi2 as sqlcipher

    from cloudops_ls.storage.sqlcipher import (
        SqlCipher,
        configure,
        create_private,
        require_space,
        sync_file,
    )

    try:
        require_space(source, source.stat().st_size)
        create_private(target)
        with contextlib.closing(sqlcipher.connect(str(source), isolation_level=None)) as old:
            configure(old, key)
            old.execute("PRAGMA foreign_keys = OFF")
            old.execute("ATTACH DATABASE ? AS new KEY ?", (str(target), f"x'{new.reveal().hex()}'"))
            old.execute("SELECT sqlcipher_export('new')").fetchall()
            before = _contents(old)
            old.execute("DETACH DATABASE new")
        sync_file(target)
        with contextlib.closing(sqlcipher.connect(str(target), isolation_level=None)) as copy:
            configure(copy, new)
            copy.execute("PRAGMA journal_mode = DELETE")
            damaged = copy.execute("PRAGMA cipher_integrity_check").fetchall()
            if damaged or _contents(copy) != before:
                raise CloudOpsError(
                    "The newly encrypted database is not the same as the old one",
                    where=str(source),
                    fix="Check the disk; the store still has its old key",
                )
        sync_file(target)
        sync_directory(target.parent)
    except sqlcipher.Error as error:
        # Without its context: database errors quote what they read.
        raise SqlCipher.explained(error, str(source)) from None


def _contents(connection: Any) -> dict[str, Any]:
    """Return every table's definition and how many rows it has."""
    found = connection.execute("SELECT name, sql FROM main.sqlite_master ORDER BY name").fetchall()
    tables = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
    counts = {
        name: connection.execute(f'SELECT count(*) FROM main."{name}"').fetchone()[0]  # noqa: S608
        for (name,) in tables.fetchall()
    }
    return {"schema": found, "rows": counts}
