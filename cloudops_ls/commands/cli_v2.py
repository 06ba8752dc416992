"""What only AWS CLI version 2 understands: refused with that reason, or read where it is used.

Version 1 reads both; words that only version 2 has are set aside for it (`set_aside`).
"""

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


def set_aside(words: Sequence[str]) -> list[int]:
    """Return the indices of the words that version 1 can read; the others only format or ask.

    Options that change what a command means stay, and are refused.
    """
    table = only_in_v2()["reads"]
    kept: list[int] = []
    index = 0
    while index < len(words):
        word = words[index]
        option, equals, value = word.partition("=")
        if word in table["switches"] or (equals and option in table["options"]):
            index += 1
        elif option in table["options"] or (
            word in table["values"]
            and words[index + 1 : index + 2]
            and (words[index + 1] in table["values"][word])
        ):
            index += 2
        elif equals and value in table["values"].get(option, ()):
            index += 1
        else:
            kept.append(index)
            index += 1
    return kept


def _refusal(what: str, instead: str, word: int) -> CommandError:
    return CommandError(
        ErrorKind.UNSUPPORTED,
        f"{what} exists in AWS CLI version 2 only, and commands are read as version "
        f"{version('awscli')} does",
        fix=instead or "Run it in a terminal",
        word=word,
    )
