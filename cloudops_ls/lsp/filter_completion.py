"""Completion of the filters of an ``@`` query: their keys, and the values the estate has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.estate.search.query import FilterKey
from cloudops_ls.estate.untrusted import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cloudops_ls.estate.search.finder import Finder

_MOST = 20
_LAST = re.compile(r"(?:^|(?<=\s))(?P<sign>-?)(?P<rest>\S*|\S*:\S*\"[^\"]*)$")
_ABOUT = {
    FilterKey.TYPE: "a type, its service, or what it is called: rds, database",
    FilterKey.REGION: "a region, city, country or area: eu-west-1, ireland, europe",
    FilterKey.STATE: "a state: running, stopped",
    FilterKey.ACCOUNT: "an account's id, alias or profile",
    FilterKey.TAG: "a tag: env, env=prod, env=p*",
}


def filter_items(finder: Finder, asked: str, replaced: types.Range) -> list[types.CompletionItem]:
    """Return how the last word of a query may go on as a filter; they come unsorted.

    Parameters
    ----------
    finder
        Over the estate whose values are offered.
    asked
        The query before the cursor, without its ``@``.
    replaced
        Where the whole query stands, with it.
    """
    match = _LAST.search(asked)
    if match is None:
        return []
    before, sign, last = asked[: match.start()], match["sign"], match["rest"]
    key, colon, value = last.partition(":")
    if not colon:
        offered = [(f"{each}:", _ABOUT[each]) for each in FilterKey if each.startswith(key.lower())]
    elif key.lower() in frozenset(FilterKey):
        offered = [
            (f"{key}:{text} ", "")
            for text in _values(finder, FilterKey(key.lower()), value)[:_MOST]
        ]
    else:
        offered = []
    return [
        types.CompletionItem(
            label=visible(f"{sign}{text}".strip()),
            detail=about or None,
            kind=types.CompletionItemKind.EnumMember if colon else types.CompletionItemKind.Keyword,
            filter_text=f"@{before}{sign}{last}{text[len(last) :]}",
            text_edit=types.TextEdit(replaced, f"@{before}{sign}{text}"),
        )
        for text, about in offered
    ]


def _values(finder: Finder, key: FilterKey, typed: str) -> list[str]:
    """Return the values that begin as ``typed``, the last of several alternatives."""
    index = finder.index
    known = typed[: typed.rfind(",") + 1]
    start = typed[len(known) :].lstrip('"').casefold()
    present: Iterable[str | None]
    match key:
        case FilterKey.TYPE:
            present = index.types.texts
        case FilterKey.STATE:
            present = index.states.texts
        case FilterKey.REGION:
            present = (region for _, region in index.places)
        case FilterKey.ACCOUNT:
            present = (account for account, _ in index.places)
        case FilterKey.TAG:
            pairs = [pair for _, pairs in index.tags.combinations() for pair in pairs]
            present = (
                (f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
                if "=" in start
                else (_quoted(name) for name, _ in pairs)
            )
    fitting = {text for text in present if text and text.casefold().startswith(start)}
    # What is there already needs no offer.
    return [
        known + (text if key is FilterKey.TAG else _quoted(text))
        for text in sorted(fitting - {start})
    ]


def _quoted(text: str) -> str:
    return f'"{text}"' if re.search(r"[\s,=]", text) else text
