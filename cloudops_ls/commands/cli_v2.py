"""Recognise what only AWS CLI version 2 understands, so that the refusal can say so."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.errors import CommandError, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS = frozenset(
    {
        ErrorKind.UNKNOWN_SERVICE,
        ErrorKind.UNKNOWN_OPERATION,
        ErrorKind.UNKNOWN_PARAMETER,
        ErrorKind.INVALID_VALUE,
    }
)


@cache
def only_in_v2() -> dict[str, dict[str, Any]]:
    """Return the table of commands, options and values that version 1 lacks."""
    source = files("cloudops_ls.commands").joinpath("data", "cli_v2.toml")
    return tomllib.loads(source.read_text(encoding="utf-8"))


def explained(error: CommandError, words: Sequence[str]) -> CommandError:
    """Return ``error``, or a better one when its cause is syntax of version 2.

    Parameters
    ----------
    words
        The command that version 1 did not understand, ``aws`` first.
    """
    if error.kind not in _KINDS or error.word is None:
        return error
    word, table = words[error.word], only_in_v2()
    option = word.partition("=")[0]
    if option in table["options"]:
        return _refusal(option, table["options"][option], error.word)
    previous = words[error.word - 1] if error.word > 1 else ""
    for name, values in table["values"].items():
        if previous == name and word in values:
            return _refusal(f"{name} {word}", values[word], error.word)
    plain = [each for each in words[1:] if not each.startswith("-")]
    for length in (2, 1):
        name = " ".join(plain[:length])
        if word in plain[:length] and name in table["commands"]:
            return _refusal(f"aws {name}", table["commands"][name], error.word)
    return error


def _refusal(what: str, instead: str, word: int) -> CommandError:
    return CommandError(
        ErrorKind.UNSUPPORTED,
        f"{what} exists in AWS CLI version 2 only, and commands are read and run with version "
        f"{version('awscli')}",
        fix=instead or "Run it in a terminal",
        word=word,
    )
