"""``cloudops-ls key``: what opens the store, and how to change it."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.worker_call import stop_worker
from cloudops_ls.composition import database_url
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home

if TYPE_CHECKING:
    from cloudops_ls.storage.keys import KeyRing

NEW_PASSPHRASE_VARIABLE = "CLOUDOPS_NEW_PASSPHRASE"  # noqa: S105 - a name, not a secret

key = typer.Typer(help="The key that opens the store.", rich_markup_mode=None)


class Protection(StrEnum):
    """What may protect the data key."""

    KEYCHAIN = "keychain"
    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not a secret
    KEY_FILE = "key-file"


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(key, name="key")


@key.command("status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what protects the store, and whether it opens.

    Exit code 1 if it does not.
    """
    from cloudops_ls.storage import rotation
    from cloudops_ls.storage.keys import KeyRing

    home = _home_with_key()
    ring = KeyRing(home)
    record = ring.record()
    if record is None:
        raise CloudOpsError(
            "There is no store yet, so it has no key",
            where=str(home.wrapped_key),
            fix="It is made by the first command that stores something",
        )
    problem: CloudOpsError | None = None
    try:
        ring.unwrap(record)
    except CloudOpsError as error:
        problem = error
    found = {
        "file": str(home.wrapped_key),
        "protected_by": record.kind.value,
        "key_id": record.key_id,
        "created": record.created_at.isoformat(timespec="seconds"),
        "recovery_key": record.recovery.recipient if record.recovery else None,
        "change": "interrupted" if rotation.unsettled(home) else None,
        "opens": problem is None,
        "problem": None if problem is None else str(problem),
    }
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            if isinstance(value, bool):
                value = "yes" if value else "no"
            if name == "change":
                value = value and f"{value}; undone or finished by what opens the store next"
                value = value or "none under way"
            if name != "problem":
                typer.echo(f"{name.replace('_', ' ') + ':':14} {value or 'none exported'}")
    if problem is not None:
        if as_json:
            raise typer.Exit(1)
        raise problem


@key.command("rotate")
def rotate(
    protect_with: Annotated[
        Protection | None,
        typer.Option(help="What protects the new key; by default what protects the present one."),
    ] = None,
) -> None:
    """Make a new key and encrypt the whole store with it.

    Nobody else may have it open.
    """
    from cloudops_ls.storage import opening, rotation
    from cloudops_ls.storage.key_record import KeyKind
    from cloudops_ls.storage.keys import KeyRing

    home = _home_with_key()
    ring = KeyRing(home)
    record = ring.record()
    kind = None if protect_with is None else KeyKind(protect_with.value)
    with_new = ring
    if kind is KeyKind.PASSPHRASE and record is not None and record.kind is not kind:
        with_new = _ring_with_new_passphrase(home)
    stop_worker(home)
    with opening.alone(home, doing="changing the key") as settled:
        if settled is not None:
            typer.echo(f"{settled}.", err=True)
        after = rotation.rotate(home, ring, kind, with_new)
    typer.echo(f"The store has a new key, {after.key_id}, protected by: {after.kind}.")
    typer.echo("Copies of the files from before do not go with it: make a new backup.")


@key.command("change-passphrase")
def change_passphrase() -> None:
    """Protect the same key by another passphrase.

    Open editors are not disturbed.
    """
    from cloudops_ls.storage import key_changes
    from cloudops_ls.storage.keys import KeyRing

    home = _home_with_key()
    key_changes.change_passphrase(home, KeyRing(home), lambda: _ring_with_new_passphrase(home))
    typer.echo("The store opens with the new passphrase only. Set CLOUDOPS_PASSPHRASE to it.")


@key.command("export-recovery")
def export_recovery(
    output: Annotated[
        Path | None,
        typer.Option(help="Write it to this new file (mode 0600) instead of the screen."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Make another one; the earlier one becomes useless.")
    ] = False,
) -> None:
    """Make a recovery key.

    It opens the store and its backups when everything else is lost. It is an age identity, shown
    once and kept nowhere: print it, or put it into a password manager.
    """
    from cloudops_ls.storage import durable_files

    home = Home.locate()
    if output is not None and output.exists():
        raise CloudOpsError("The file exists already", where=str(output), fix="Name another one")
    with open_store(home) as storage:
        made = storage.export_recovery_key(replace=replace)
    if replace:
        typer.echo(
            "The backups open with the earlier key, and with this one once another was made: "
            "cloudops-ls backup now",
            err=True,
        )
    text = f"# cloudops-ls recovery key of {made.recipient.text}\n{made.reveal()}\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        durable_files.write_new(output, text.encode())
    except OSError as error:
        raise CloudOpsError(
            f"Cannot write the recovery key: {error.strerror}",
            where=str(output),
            fix="Run the same with --replace and another file",
        ) from error
    typer.echo(f"The recovery key is in {output}. Move it off this machine.")


@key.command("recover")
def recover(
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A file with the recovery key; else it is asked for."),
    ] = None,
) -> None:
    """Open the store by its recovery key.

    For when keychain, passphrase or key file is lost. The key is then protected anew: by
    CLOUDOPS_KEY_FILE or CLOUDOPS_PASSPHRASE where one is set, else by the keychain.
    """
    from cloudops_ls.storage import key_changes
    from cloudops_ls.storage.keys import KeyRing
    from cloudops_ls.storage.recovery_key import RecoveryKey

    home = _home_with_key()
    if source is not None:
        try:
            text, where = source.read_text(encoding="utf-8", errors="replace"), str(source)
        except OSError as error:
            raise CloudOpsError(
                f"Cannot read the recovery key: {error.strerror}", where=str(source)
            ) from error
    else:
        where = "standard input"
        text = (
            typer.prompt("Recovery key (AGE-SECRET-KEY-1…)", hide_input=True)
            if sys.stdin.isatty()
            else sys.stdin.read()
        )
    recovery = RecoveryKey.parse(text, where=where)
    kind = key_changes.recover(home, KeyRing(home), recovery)
    typer.echo(f"The store opens again. It is protected by: {kind}.")


def _home_with_key() -> Home:
    home = Home.locate()
    if database_url(home) is not None:
        raise CloudOpsError(
            "The store is in PostgreSQL, so this home has no data key",
            where="setting cloudops.database.url",
            fix="Look after the encryption of the server's disks and backups",
        )
    home.create()
    return home


def _ring_with_new_passphrase(home: Home) -> KeyRing:
    from cloudops_ls.storage.key_changes import SHORTEST_PASSPHRASE
    from cloudops_ls.storage.key_sources import PASSPHRASE_VARIABLE
    from cloudops_ls.storage.keys import KeyRing

    passphrase = os.environ.get(NEW_PASSPHRASE_VARIABLE)
    if passphrase is None and sys.stdin.isatty():
        passphrase = typer.prompt("New passphrase", hide_input=True, confirmation_prompt=True)
    if not passphrase:
        raise CloudOpsError(
            "There is no terminal to ask for the new passphrase",
            fix=f"Set {NEW_PASSPHRASE_VARIABLE}",
        )
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise CloudOpsError(
            f"A passphrase needs at least {SHORTEST_PASSPHRASE} characters",
            fix="Take several words that do not belong together",
        )
    return KeyRing(home, environ={**os.environ, PASSPHRASE_VARIABLE: passphrase})
