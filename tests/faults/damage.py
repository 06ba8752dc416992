"""What disks, copies and hands do to files."""

from __future__ import annotations

import shutil
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from pathlib import Path


class Damage(StrEnum):
    """One way in which a file may be hurt."""

    TRUNCATED = "truncated"
    EMPTIED = "emptied"
    BIT_FLIPPED = "bit-flipped"
    MISSING = "missing"
    SWAPPED = "swapped"
    """Replaced by the same file of another store."""


def damage(path: Path, how: Damage, dice: random.Random, other: Path) -> None:
    """Hurt ``path``.

    Parameters
    ----------
    path
        The file, which has something in it.
    how
        In which way.
    dice
        Where in the file.
    other
        The same file of another store, for `Damage.SWAPPED`.
    """
    content = bytearray(path.read_bytes())
    match how:
        case Damage.TRUNCATED:
            path.write_bytes(content[: dice.randrange(1, len(content))])
        case Damage.EMPTIED:
            path.write_bytes(b"")
        case Damage.BIT_FLIPPED:
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            path.write_bytes(content)
        case Damage.MISSING:
            path.unlink()
        case Damage.SWAPPED:
            shutil.copyfile(other, path)
