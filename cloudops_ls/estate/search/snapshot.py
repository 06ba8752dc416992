"""A name index kept in memory between processes, so that the next editor need not build it.

It holds names in the clear, as the search index does, and so lives where that one lives: in a
directory of this user that is in memory and never on a disk. It is taken for what it says only if
the store's revision is the one it was made at, or is caught up with.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.search.names import NameIndex
from cloudops_ls.home import PRIVATE_FILE, make_private

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
FEWEST = 5000
"""Names from which on reading is so much faster than building that it is worth the memory."""
_SUFFIX = ".names"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a snapshot holds."""

    index: NameIndex
    """Without details."""
    generation: int
    """Of the estate when it was made."""


class Snapshots:
    """The snapshot of one store.

    Parameters
    ----------
    directory
        In memory; made private when the first snapshot is kept.
    store
        Tells the store from another one in the same home; part of a file's name.
    """

    def __init__(self, directory: Path, store: str) -> None:
        self._path = directory / f"{store}{_SUFFIX}"

    def load(self) -> Kept | None:
        """Return what was kept last; None where there is nothing, or nothing usable."""
        try:
            with self._path.open("rb") as file:
                head = json.loads(file.readline())
                if head["format"] != FORMAT or not _mine(file.fileno()):
                    return None
                texts = json.loads(file.read(head["texts"]))
                arrays = []
                for code, length in head["arrays"]:
                    found = array(code)
                    found.frombytes(file.read(length))
                    arrays.append(found)
            return Kept(NameIndex.from_columns(texts, arrays), head["generation"])
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None

    def save(self, index: NameIndex, generation: int) -> None:
        """Keep an index, instead of what was kept before; without space nothing is kept."""
        if len(index) < FEWEST or self._generation() == generation:
            return
        texts, arrays = index.columns()
        coded = json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        )
        head: dict[str, Any] = {
            "format": FORMAT,
            "generation": generation,
            "texts": len(coded),
            "arrays": [(each.typecode, each.itemsize * len(each)) for each in arrays],
        }
        directory = self._path.parent
        try:
            make_private(directory)
        except CloudOpsError:
            # Somebody else's, or there is no room.
            return
        temporary = self._path.with_name(f".{secrets.token_hex(4)}{_SUFFIX}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(head).encode() + b"\n")
                file.write(coded)
                for each in arrays:
                    each.tofile(file)
            temporary.replace(self._path)
            for other in directory.glob(f"*{_SUFFIX}"):
                if other != self._path:
                    other.unlink(missing_ok=True)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()

    def _generation(self) -> int | None:
        try:
            with self._path.open("rb") as file:
                found: int = json.loads(file.readline())["generation"]
                return found
        except (OSError, ValueError, KeyError):
            return None


def _mine(descriptor: int) -> bool:
    """Whether the file is this user's alone: in a shared place anybody may have put one there."""
    status = os.fstat(descriptor)
    return not hasattr(os, "getuid") or (
        status.st_uid == os.getuid() and not status.st_mode & 0o077
    )
