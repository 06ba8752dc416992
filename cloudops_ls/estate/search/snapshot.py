"""A name index kept in the store between processes, so that the next editor need not build it.

It is taken for what it says only if the estate's revision is the one it was made at, or is caught
up with. What misspellings, tags and engines need is made anew: completion does not wait for it.
"""

from __future__ import annotations

import json
import zlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.search.names import NameIndex
from cloudops_ls.logs import logger

if TYPE_CHECKING:
    from cloudops_ls.storage.estate import EstateStorage

FORMAT = 2
FEWEST = 5000
"""Names from which on reading is so much faster than building that it is worth the room."""
_LEVEL = 1
"""Of zlib: a third of the size, for less than encrypting the rest would cost."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a snapshot holds.

    Attributes
    ----------
    index
        Without details.
    generation
        Of the estate when it was made.
    """

    index: NameIndex
    generation: int


def load(estate: EstateStorage) -> Kept | None:
    """Return what was kept last; None where there is nothing, or nothing usable."""
    snapshot = estate.kept_names()
    if snapshot is None:
        return None
    try:
        return Kept(_decoded(zlib.decompress(snapshot.data)), snapshot.revision)
    except (ValueError, KeyError, TypeError, IndexError, zlib.error):
        return None


def save(estate: EstateStorage, index: NameIndex, generation: int) -> None:
    """Keep an index, instead of what was kept before; a store that takes none goes without."""
    if len(index) < FEWEST:
        return
    try:
        estate.keep_names(generation, lambda: zlib.compress(_encoded(index), _LEVEL))
    except CloudOpsError:
        # Full, read-only or in use for long: whoever comes next builds an index.
        logger.warning("the name index could not be kept for the next process")


def _encoded(index: NameIndex) -> bytes:
    texts, arrays = index.columns()
    coded = json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    head: dict[str, Any] = {
        "format": FORMAT,
        "texts": len(coded),
        "arrays": [(each.typecode, each.itemsize * len(each)) for each in arrays],
    }
    pieces = (json.dumps(head).encode(), b"\n", coded, *(each.tobytes() for each in arrays))
    return b"".join(pieces)


def _decoded(data: bytes) -> NameIndex:
    start = data.index(b"\n") + 1
    head = json.loads(data[:start])
    if head["format"] != FORMAT:
        raise ValueError("of another format")
    view = memoryview(data)
    end = start + head["texts"]
    texts = json.loads(bytes(view[start:end]).decode("utf-8", "surrogatepass"))
    arrays = []
    for code, length in head["arrays"]:
        start, end = end, end + length
        found = array(code)
        found.frombytes(view[start:end])
        arrays.append(found)
    return NameIndex.from_columns(texts, arrays)
