"""The tags that a command gives to what it makes or changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

_TAG_LISTS = re.compile(r"tag(s|list|set|specifications)?|taglist", re.IGNORECASE)


def request_tags(parameters: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Yield the tags that a command gives to what it makes or changes, as key and value."""
    for name, value in parameters.items():
        if _TAG_LISTS.fullmatch(name):
            yield from _tags(value)
        elif isinstance(value, dict):
            yield from request_tags(value)


def _tags(value: JsonValue) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _tags(item)
        return
    if not isinstance(value, dict):
        return
    folded = {key.casefold(): item for key, item in value.items()}
    key = folded.get("key", folded.get("tagkey"))
    if isinstance(key, str):
        yield key, str(folded.get("value", folded.get("tagvalue")) or "")
    elif "tags" in folded:
        yield from _tags(folded["tags"])
    else:
        yield from ((name, item) for name, item in value.items() if isinstance(item, str))
