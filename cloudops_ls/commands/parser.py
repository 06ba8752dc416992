"""Read AWS commands with the AWS CLI's own parser: offline, without running anything."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.cli_v2 import explained, set_aside
from cloudops_ls.commands.command_line import CommandLine, read_line, refuse_foreign
from cloudops_ls.commands.errors import CommandError
from cloudops_ls.commands.refusals import translated
from cloudops_ls.commands.vocabulary import fitting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cloudops_ls.commands.command_tree import CommandTree
    from cloudops_ls.commands.parsed import GlobalOptions, ParsedCommand
    from cloudops_ls.commands.vocabulary import Word


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
    version2
        Whether version 2 of the CLI will run the commands; then its options for output and paging,
        and its own commands, are read too.
    """

    def __init__(self, loader: Any = None, *, version2: Callable[[], bool] = lambda: False) -> None:
        self._loader = loader
        self._version2 = version2
        self._lock = threading.RLock()
        self._loaded: CommandTree | None = None

    def warm(self, services: Iterable[str] = ()) -> None:
        """Load the CLI, and the models of ``services``, ahead of the first command."""
        with self._lock:
            self._tree().warm(services)

    def next_words(self, words: Sequence[str], typed: str, limit: int) -> list[Word]:
        """Return the words that may follow ``words`` and that ``typed`` may become.

        Parameters
        ----------
        words
            The command so far, ``aws`` first, without the word that is being typed.
        """
        with self._lock:
            return fitting(self._tree().next_words(words), typed, limit)

    def options(self, argv: Sequence[str]) -> GlobalOptions:
        """Read the global options alone.

        Raises
        ------
        CommandError
            The words do not start with ``aws`` and a known service, or an option is malformed.
        """
        words = tuple(argv)
        with self._lock, self._readable(words) as (readable, _):
            return self._line(readable).options

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
        with self._lock, self._readable(words) as (readable, kept):
            try:
                line = self._line(readable)
                command, rest = self._tree().find(line)
                found = command.parse(line, rest)
                problems = tuple(
                    problem
                    if problem.word is None
                    else problem.model_copy(update={"word": kept[problem.word]})
                    for problem in found.problems
                )
                return replace(found, argv=words, problems=problems)
            except CommandError:
                raise
            except Exception as error:
                # The CLI's customizations raise whatever they like at bad input. All of it means
                # that the command was not understood, so it must not run.
                raise translated(error, readable) from error

    @contextmanager
    def _readable(self, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[int]]]:
        """Give the words that version 1 reads, and where each stands among ``words``.

        Errors about them name words of the whole command.
        """
        kept = set_aside(words) if self._version2() else list(range(len(words)))
        readable = tuple(words[index] for index in kept)
        try:
            yield readable, kept
        except CommandError as error:
            told = explained(error, readable)
            for each in (told, *told.more):
                if each.word is not None and each.word < len(kept):
                    each.word = kept[each.word]
            raise told from error.__cause__

    def _line(self, words: tuple[str, ...]) -> CommandLine:
        # Before the CLI is loaded: a line for another program does not need it.
        refuse_foreign(words)
        return read_line(words, self._tree().top_level)

    def _reads_version2(self) -> bool:
        try:
            return self._version2()
        except CommandError:
            # Whoever checks a command is told; completing goes on.
            return False

    def _tree(self) -> CommandTree:
        if self._loaded is None:
            # The one place that imports the CLI.
            from cloudops_ls.commands.command_tree import CommandTree

            self._loaded = CommandTree(self._loader, version2=self._reads_version2())
        return self._loaded
