"""Read AWS commands with the AWS CLI's own parser: offline, without running anything."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.cli_v2 import explained
from cloudops_ls.commands.command_line import CommandLine, read_line, refuse_foreign
from cloudops_ls.commands.errors import CommandError
from cloudops_ls.commands.refusals import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloudops_ls.commands.command_tree import CommandTree
    from cloudops_ls.commands.parsed import GlobalOptions, ParsedCommand


class CommandParser:
    """Parses and validates AWS CLI commands; thread-safe.

    The CLI is imported on the first call (about half a second); after that the first command of a
    service takes 20 to 200 ms, the next ones under 3 ms.

    Parameters
    ----------
    loader
        A botocore data loader to share. By default the service models of the installed CLI are
        used, which are the ones that apply when the command runs; they are often older than
        those of the ordinary botocore.
    """

    def __init__(self, loader: Any = None) -> None:
        self._loader = loader
        self._lock = threading.RLock()
        self._loaded: CommandTree | None = None

    def warm(self, services: Iterable[str] = ()) -> None:
        """Load the CLI, and the models of ``services``, ahead of the first command."""
        with self._lock:
            self._tree().warm(services)

    def options(self, argv: Sequence[str]) -> GlobalOptions:
        """Read the global options alone.

        Raises
        ------
        CommandError
            The words do not start with ``aws`` and a known service, or an option is malformed.
        """
        words = tuple(argv)
        with self._lock:
            try:
                return self._line(words).options
            except CommandError as error:
                raise explained(error, words) from None

    def parse(self, argv: Sequence[str]) -> ParsedCommand:
        """Parse one command.

        Parameters
        ----------
        argv
            Its words, ``aws`` first, as :func:`cloudops_ls.commands.shell.split` returns them.

        Raises
        ------
        CommandError
            The command is invalid, or is one that is not run from here. ``word`` is the index of
            the wrong word where there is one.
        """
        words = tuple(argv)
        with self._lock:
            try:
                line = self._line(words)
                command, rest = self._tree().find(line)
                return command.parse(line, rest)
            except CommandError as error:
                raise explained(error, words) from None
            except Exception as error:
                # The CLI's customizations raise whatever they like at bad input. All of it means
                # that the command was not understood, so it must not run.
                raise translated(error, words) from error

    def _line(self, words: tuple[str, ...]) -> CommandLine:
        # Before the CLI is loaded: a line for another program does not need it.
        refuse_foreign(words)
        return read_line(words, self._tree().top_level)

    def _tree(self) -> CommandTree:
        if self._loaded is None:
            # The one place that imports the CLI.
            from cloudops_ls.commands.command_tree import CommandTree

            self._loaded = CommandTree(self._loader)
        return self._loaded
