"""The store as a command opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cloudops_ls import composition

if TYPE_CHECKING:
    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService


def open_store(home: Home) -> StorageService:
    """Open the store of ``home``; say what became of a change of its key that was interrupted."""
    opened = composition.open_storage(home)
    if opened.settled is not None:
        typer.echo(f"{opened.settled}.", err=True)
    return opened
