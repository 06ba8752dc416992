"""A command read as far as its service: its global options, and the words that are left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.parsed import GlobalOptions
from cloudops_ls.commands.refusals import (
    InvalidChoiceError,
    ParserError,
    missing_service,
    translated,
    unknown_word,
    wrong_choice,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The words of one command, and what is known of them once its service is.

    Attributes
    ----------
    words
        All of them, ``aws`` first.
    values
        What the CLI's own parser made of the global options; its handlers want them like this.
    options
        The same for everybody else.
    rest
        The words that are not global options, behind the service.
    global_names
        Names of all global options, which may stand anywhere in a command.
    """

    words: tuple[str, ...]
    values: argparse.Namespace
    options: GlobalOptions
    rest: tuple[str, ...]
    global_names: tuple[str, ...]

    @property
    def service(self) -> str:
        """The CLI's name of the service, or of its own command."""
        name: str = self.values.command
        return name

    def arguments(
        self, parser: Any, words: Sequence[str], where: str
    ) -> tuple[argparse.Namespace, list[str]]:
        """Let one of the CLI's parsers read ``words``; return its values and what it left.

        Parameters
        ----------
        where
            What stands before the words, such as ``aws rds``.

        Raises
        ------
        CommandError
            A word is none of those possible in its place.
        """
        try:
            given, unknown = parser.parse_known_args(list(words))
        except InvalidChoiceError as error:
            raise wrong_choice(
                error, self.words, where, ErrorKind.UNKNOWN_OPERATION, self.global_names
            ) from None
        return given, list(unknown)

    def refuse_unknown(self, unknown: Sequence[str], known: Sequence[str], where: str) -> None:
        """Refuse words that are left over when all of a command has been read.

        Parameters
        ----------
        known
            The options that the command does have.
        """
        if unknown:
            # An unknown option explains the stray values behind it.
            worst = next((word for word in unknown if word.startswith("-")), unknown[0])
            raise unknown_word(worst, [*known, *self.global_names], where, self.words)


def refuse_foreign(words: Sequence[str]) -> None:
    """Refuse words that are no ``aws`` command, or none that can be read with certainty."""
    if not words or words[0] != "aws":
        raise CommandError(
            ErrorKind.NOT_AWS,
            "Only aws commands can run from a runbook",
            fix="Start the line with aws",
            word=0 if words else None,
        )
    if "--" in words:
        raise CommandError(
            ErrorKind.UNSUPPORTED,
            "A bare -- makes it unclear which words are options",
            fix="Remove it",
            word=words.index("--"),
        )


def read_line(words: tuple[str, ...], parser: Any) -> CommandLine:
    """Read the global options and the service.

    Parameters
    ----------
    words
        The whole command; see `refuse_foreign`.
    parser
        The CLI's parser of its top level.

    Raises
    ------
    CommandError
        There is no service of that name, or an option is malformed.
    """
    if len(words) == 1:
        raise missing_service()
    names = tuple(name for action in parser._actions for name in action.option_strings)
    try:
        values, rest = parser.parse_known_args(list(words[1:]))
    except InvalidChoiceError as error:
        raise wrong_choice(error, words, "aws", ErrorKind.UNKNOWN_SERVICE, names) from None
    except ParserError as error:
        raise translated(error, words) from None
    return CommandLine(words, values, _global_options(values), tuple(rest), names)


def _global_options(values: argparse.Namespace) -> GlobalOptions:
    return GlobalOptions(
        profile=values.profile,
        region=values.region,
        output=values.output,
        query=values.query,
        endpoint_url=values.endpoint_url,
        verify_ssl=values.verify_ssl is not False,
        sign_request=values.sign_request is not False,
        debug=bool(values.debug),
    )
