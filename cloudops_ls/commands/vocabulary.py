"""Which words may come next in a command: services, operations, parameters, values."""

from __future__ import annotations

import re
from enum import StrEnum
from html import unescape
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_TAG = re.compile(r"<[^>]+>")
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_LONGEST = 160


class WordKind(StrEnum):
    """What a word is."""

    SERVICE = "service"
    OPERATION = "operation"
    PARAMETER = "parameter"
    VALUE = "value"


class Word(BaseModel):
    """One possible next word; crosses the worker's socket."""

    model_config = ConfigDict(frozen=True)

    text: str
    kind: WordKind
    detail: str = ""
    """What it is, in a few words."""
    required: bool = False
    """The command is incomplete without it."""


def fitting(words: Sequence[Word], typed: str, limit: int) -> list[Word]:
    """Return the words that ``typed`` may become: those that begin with it first.

    A parameter is one only where a dash or nothing is typed: other words are values.
    """
    folded = typed.casefold()
    found = [
        word
        for word in words
        if folded in word.text.casefold()
        and (word.kind is not WordKind.PARAMETER or not typed or typed.startswith("-"))
    ]
    named = (WordKind.SERVICE, WordKind.OPERATION)
    # Parameters stay in the order in which AWS documents them.
    found.sort(
        key=lambda word: (
            not word.text.casefold().startswith(folded),
            # A group such as `aws s3` takes global options too, but wants a subcommand.
            word.kind not in named,
            not word.required,
            word.text if word.kind in named else "",
        )
    )
    return found[:limit]


def commands_in(
    table: Mapping[str, Any], kind: WordKind, detail: Callable[[Any], str]
) -> Iterator[Word]:
    """Yield the commands of a table of the CLI, each with what ``detail`` says of it."""
    for name, command in table.items():
        yield Word(text=name, kind=kind, detail=detail(command))


def parameters_in(table: Mapping[str, Any], given: Sequence[str]) -> Iterator[Word]:
    """Yield the options of a command that are not given yet."""
    for argument in table.values():
        name = argument.cli_name
        if not name.startswith("--") or any(
            word == name or word.startswith(f"{name}=") for word in given
        ):
            continue
        yield Word(
            text=name,
            kind=WordKind.PARAMETER,
            detail=" · ".join(filter(None, (_type(argument), _summary(argument.documentation)))),
            required=bool(argument.required),
        )


def values_of(table: Mapping[str, Any], option: str) -> list[Word] | None:
    """Return the values that an option can have, None where the word is no option with a value.

    Empty means that it takes a value, and no list of them is known.
    """
    for argument in table.values():
        if argument.cli_name != option:
            continue
        if argument.cli_type_name == "boolean" or getattr(argument, "_action", None) in (
            "store_true",
            "store_false",
        ):
            return None
        shape = getattr(argument, "argument_model", None)
        if shape is not None and shape.type_name == "list":
            shape = shape.member
        choices = getattr(shape, "enum", None) or getattr(argument, "choices", None) or ()
        return [Word(text=str(each), kind=WordKind.VALUE) for each in choices]
    return None


def _type(argument: Any) -> str:
    required = "required" if argument.required else ""
    return " ".join(filter(None, (required, str(argument.cli_type_name or ""))))


def _summary(documentation: str | None) -> str:
    """Return the first sentence of a documentation text, without its markup."""
    plain = " ".join(unescape(_TAG.sub("", documentation or "")).split())
    first = _SENTENCE.split(plain, 1)[0]
    return first if len(first) <= _LONGEST else f"{first[: _LONGEST - 1]}…"
