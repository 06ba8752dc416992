"""What a resource is searched by: one line of words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cloudops_ls.storage.resource import Resource

_SEPARATORS = re.compile(r"[^\w]+|_")
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def search_text(resource: Resource, words: Iterable[str] = ()) -> str:
    """Return the text that a resource is embedded and indexed by.

    Parameters
    ----------
    resource
        The resource.
    words
        What else it is called: the type's title and synonyms, from the catalog.

    Returns
    -------
    str
        Name, identifier, their parts, type, engine, state, region and tags, each word once.
    """
    pieces = [
        resource.name,
        resource.identifier,
        *name_parts(resource.name),
        *name_parts(resource.identifier),
        *resource.resource_type.split("_"),
        *words,
        resource.engine or "",
        resource.engine_version or "",
        resource.state or "",
        resource.region,
        *(f"{key} {value}" for key, value in sorted(resource.tags.items())),
    ]
    return " ".join(dict.fromkeys(piece for piece in pieces if piece))


def name_parts(name: str) -> list[str]:
    """Return the words that a name is made of, where they differ from its plain segments.

    Segments between separators are found anyway; ``main1`` and ``orderService`` hide words:

    >>> name_parts("pg-instance-main1")
    ['main', '1']
    >>> name_parts("orderService")
    ['order', 'Service']
    """
    parts: list[str] = []
    for segment in _SEPARATORS.split(name):
        found = _PARTS.findall(segment) if segment.isascii() else []
        # Hexadecimal ids fall into many meaningless pieces.
        if 1 < len(found) <= 4:
            parts += found
    return parts
