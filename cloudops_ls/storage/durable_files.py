"""Private files that are there whole and durably, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from typing import TYPE_CHECKING, BinaryIO

from cloudops_ls.home import PRIVATE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems say that know no hard links, such as exFAT on a memory stick."""


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet.

    Raises
    ------
    FileExistsError
        It does, and was left alone.
    OSError
        It cannot be written.
    """
    _write(path, lambda file: file.write(content), _place_new)


def write_new_by(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Have ``write`` write a file that must not exist yet; errors are its own and `write_new`'s."""
    _write(path, write, _place_new)


def replace(path: Path, content: bytes) -> None:
    """Write a file in place of what may be there, or raise OSError."""
    _write(
        path,
        lambda file: file.write(content),
        lambda temporary, target: temporary.replace(target),
    )


def sync_directory(directory: Path) -> None:
    """Make a new name in ``directory`` durable, where the platform can."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(
    path: Path, write: Callable[[BinaryIO], object], place: Callable[[Path, Path], object]
) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(_create(temporary), "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        place(temporary, path)
        sync_directory(path.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _place_new(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Nobody else can take the name after this; a crash here leaves an empty file.
        os.close(_create(path))
        temporary.replace(path)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
