"""Looking for planted texts in every byte of every file, however they may be written there."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def encodings(text: str) -> Iterator[bytes]:
    """A text in UTF-8, in both kinds of UTF-16, and in Base64 at each of its alignments."""
    yield text.encode()
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    for shift in range(3):
        # Without the characters that its neighbours have a part in.
        coded = base64.b64encode(b"\0" * shift + text.encode())
        yield coded[4 if shift else 0 : len(coded) - 4]


def files_below(*roots: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}


def assert_nothing_readable(files: dict[Path, bytes], needles: Iterable[bytes]) -> None:
    assert files
    needles = tuple(needles)
    for path, content in files.items():
        for needle in needles:
            assert needle not in content, f"{needle!r} is readable in {path}"


def assert_private(root: Path) -> None:
    """Directories are of mode 0700, files of 0600, sockets included."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            mode, wanted = path.stat().st_mode & 0o777, 0o700 if path.is_dir() else 0o600
            assert mode == wanted, f"{path} has mode {mode:o}"
