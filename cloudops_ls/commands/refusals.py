"""Turn what the AWS CLI's parsers object to into errors for the operator."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.shapes import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.commands.custom_effects import CustomEffect

_LONGEST_MESSAGE = 300
_IN_TERMINAL = "Run it in a terminal"


class ParserError(Exception):
    """argparse would print this message and end the process."""


class InvalidChoiceError(Exception):
    """A word that is none of those possible in its place.

    ``dest`` is ``command`` for a service or an operation, else the option.
    """

    def __init__(self, dest: str, value: str, choices: tuple[str, ...]) -> None:
        super().__init__(value)
        self.dest = dest
        self.value = value
        self.choices = choices


class OfflineError(Exception):
    """Reading the command would need a call to AWS."""


def index_of(words: Sequence[str], word: str) -> int | None:
    """Return where ``word`` stands after ``aws``; an option may carry ``=value``."""
    for index in range(1, len(words)):
        if words[index] == word or words[index].startswith(f"{word}="):
            return index
    return None


def index_of_value(words: Sequence[str], option: str, token: str | None) -> int | None:
    """Return the index of the value behind ``option`` that holds ``token``, or of its first."""
    at = index_of(words, option)
    if at is None or words[at] != option:
        return at
    end = next((i for i in range(at + 1, len(words)) if words[i].startswith("--")), len(words))
    if token is not None:
        for index in range(at + 1, end):
            if token in words[index]:
                return index
    return at + 1 if end > at + 1 else at


def help_wanted() -> CommandError:
    """Refuse ``help``."""
    return CommandError(ErrorKind.UNSUPPORTED, "Help is shown in a pager", fix=_IN_TERMINAL)


def missing_service() -> CommandError:
    """Refuse a command that has no service."""
    return CommandError(
        ErrorKind.MISSING_COMMAND, "The service is missing", fix="Write aws <service> <operation>"
    )


def missing_parameters(names: Sequence[str], where: str) -> CommandError:
    """Refuse a command without its required parameters."""
    return CommandError(
        ErrorKind.MISSING_PARAMETER,
        f"{where} needs {' and '.join(names)}",
        fix="Add it" if len(names) == 1 else "Add them",
    )


def unknown_word(word: str, known: Sequence[str], where: str, words: Sequence[str]) -> CommandError:
    """Refuse an option that does not exist, or a value that belongs to none."""
    if word.startswith("-") and len(word) > 1:
        option = word.partition("=")[0]
        return CommandError(
            ErrorKind.UNKNOWN_PARAMETER,
            f"{where} has no parameter {option}",
            suggestion=nearest(option, known),
            word=index_of(words, word),
        )
    return CommandError(
        ErrorKind.UNKNOWN_PARAMETER,
        f"{word!r} belongs to no parameter of {where}",
        fix="Put the name of the parameter before it, or quotes around a value with spaces",
        word=index_of(words, word),
    )


def wrong_choice(
    error: InvalidChoiceError,
    words: Sequence[str],
    where: str,
    kind: ErrorKind,
    options: Sequence[str],
) -> CommandError:
    """Refuse a service, operation or value that does not exist.

    Parameters
    ----------
    where
        The words before it, such as ``aws rds``.
    kind
        What is unknown when the word is a command.
    options
        Names of the global options.
    """
    index = index_of(words, error.value)
    suggestion = nearest(error.value, error.choices)
    if error.dest != "command":
        few = 0 < len(error.choices) <= 12
        return CommandError(
            ErrorKind.INVALID_VALUE,
            f"{error.value!r} is not a value of {error.dest}",
            suggestion=suggestion,
            fix=f"Use one of {', '.join(error.choices)}" if few and suggestion is None else None,
            word=index,
        )
    if error.value == "help":
        return help_wanted()
    before = words[index - 1] if index is not None else ""
    if before.startswith("--") and not any(name.startswith(before) for name in options):
        # The word is the value of a misspelt option.
        return unknown_word(before, options, where, words)
    what = "service" if kind is ErrorKind.UNKNOWN_SERVICE else "operation"
    return CommandError(
        kind, f"{where} has no {what} {error.value!r}", suggestion=suggestion, word=index
    )


def own_command(name: str, effect: CustomEffect | None, words: Sequence[str]) -> CommandError:
    """Refuse one of the CLI's own commands, with the reason.

    Parameters
    ----------
    effect
        What is known about it; None where it is not known.
    """
    reason = effect.refused if effect is not None else None
    if reason is None:
        reason = "it is a program inside the AWS CLI, and what it does is not known"
    return CommandError(
        ErrorKind.UNSUPPORTED,
        f"aws {name} does not run from here: {reason}",
        fix=(effect.fix if effect is not None else None) or _IN_TERMINAL,
        word=index_of(words, name.split()[-1]),
    )


def translated(error: Exception, words: Sequence[str]) -> CommandError:
    """Make an error for the operator of whatever the CLI raised."""
    if isinstance(error, OfflineError):
        return CommandError(
            ErrorKind.UNSUPPORTED,
            "The AWS CLI asks AWS before it can read this command",
            fix="Give the whole configuration instead of the shortcut",
        )
    if isinstance(error, KeyError | AttributeError | IndexError | AssertionError):
        return CommandError(ErrorKind.UNSUPPORTED, "The AWS CLI's parser fails on this command")
    text = " ".join(str(error).split()) or type(error).__name__
    if "following arguments are required: command" in text:
        return missing_service()
    if "following arguments are required: operation" in text:
        return CommandError(ErrorKind.MISSING_COMMAND, "The operation is missing")
    option = next((word for word in words if word.startswith("--") and word in text), None)
    return CommandError(
        ErrorKind.INVALID_VALUE,
        textwrap.shorten(text, _LONGEST_MESSAGE, placeholder=" …").rstrip("."),
        word=index_of_value(words, option, None) if option else None,
    )
