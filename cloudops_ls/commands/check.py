"""From the text of a command to everything known about it before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.commands.affected import affected
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import (
    AccessLevel,
    CheckedCommand,
    CommandContext,
    Problem,
    ProblemKind,
)
from cloudops_ls.commands.risk import assess
from cloudops_ls.commands.shell import ShellSyntaxError, Words, split
from cloudops_ls.commands.vocabulary import WordKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cloudops_ls.commands.affected import Affected, Find
    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.configured_cli import ConfiguredCli
    from cloudops_ls.commands.estate_doubts import EstateDoubts
    from cloudops_ls.commands.parsed import GlobalOptions
    from cloudops_ls.commands.parser import CommandParser
    from cloudops_ls.commands.vocabulary import Word


class CommandChecker:
    """Reads, validates and classifies commands; thread-safe, offline, runs nothing.

    Parameters
    ----------
    parser
        Reads the argument list.
    classifier
        Knows what operations do.
    find
        Returns the resources of the estate with a name, id or ARN.
    doubts
        Compares commands with the estate; None leaves that out.
    cli
        The CLI that runs them in place of ours.
    """

    def __init__(
        self,
        parser: CommandParser,
        classifier: Classifier,
        find: Find,
        doubts: EstateDoubts | None = None,
        cli: ConfiguredCli | None = None,
    ) -> None:
        self._parser = parser
        self._classifier = classifier
        self._find = find
        self._doubts = doubts
        self._cli = cli

    def next_words(self, words: Sequence[str], typed: str, limit: int) -> list[Word]:
        """Return the words that may come next in a command, operations with what they do.

        Parameters
        ----------
        words
            The command so far, ``aws`` first, without ``typed``, the word that is being typed.
        """
        found = self._parser.next_words(words, typed, limit)
        service = next((word for word in words[1:] if not word.startswith("-")), "")
        return [self._rated(word, {"s3api": "s3"}.get(service, service)) for word in found]

    def _rated(self, word: Word, service: str) -> Word:
        if word.kind is not WordKind.OPERATION:
            return word
        level = self._classifier.level(service, word.detail)
        if level is AccessLevel.UNKNOWN:
            return word
        return word.model_copy(update={"detail": f"{level.value} · {word.detail}"})

    def check(self, text: str, context: CommandContext) -> CheckedCommand:
        """Check one command.

        Profile and region are taken from the command, else from ``context``, and are spelled out
        in the result: what was checked is what runs, whatever the environment says.

        Raises
        ------
        CommandError
            It cannot run as it is written; ``span`` says where.
        """
        try:
            words = split(text)
        except ShellSyntaxError as error:
            raise CommandError(
                ErrorKind.SHELL, error.what, fix=error.fix, span=(error.span.start, error.span.end)
            ) from error
        try:
            argv = explicit(words.argv, self._parser.options(words.argv), context)
            command = self._parser.parse(argv)
        except CommandError as error:
            for each in (error, *error.more):
                each.span = _span_in(text, words, each.word, each.token)
            raise
        if self._cli is not None:
            self._cli.refuse_aliases()
        options = command.options
        # The context's account belongs to the context's profile, not to any other.
        same = options.profile == context.profile
        account = context.account_id if same else None
        where = context.model_copy(update={"account_id": account})
        known = affected(command, self._find, account_id=account, region=options.region)
        classification = self._classifier.classify(command)
        problems = [*command.problems, *_misplaced(known, account, options.region)]
        unresolved: tuple[str, ...] = ()
        if self._doubts is not None:
            problems += self._doubts.of_states(command, classification, known.resources)
            named = list(self._doubts.of_names(command, account, options.region))
            problems += (problem for problem, _ in named if problem is not None)
            unresolved = tuple(dict.fromkeys(value for _, value in named if value is not None))
        return CheckedCommand(
            text=text,
            argv=command.argv,
            program=self._cli.prefix if self._cli is not None else (),
            service=command.service,
            operation=command.operation,
            command=command.command,
            parameters=dict(command.parameters),
            profile=options.profile,
            region=options.region,
            account_id=account,
            account_alias=context.account_alias if same else None,
            access=classification.access,
            reveals_secret=classification.reveals_secret,
            risk=assess(command, classification, known.resources, where),
            calls=classification.calls,
            resources=tuple(resource.arn for resource in known.resources),
            unresolved=unresolved,
            files=command.files,
            problems=tuple(_placed(problems, text, words)),
        )


def explicit(
    argv: tuple[str, ...], options: GlobalOptions, context: CommandContext
) -> tuple[str, ...]:
    """Return ``argv`` with the context's profile and region added where it has none."""
    added: list[str] = []
    if options.profile is None and context.profile is not None:
        added += ["--profile", context.profile]
    if options.region is None and context.region is not None:
        added += ["--region", context.region]
    return (*argv, *added)


def _misplaced(known: Affected, account_id: str | None, region: str | None) -> Iterator[Problem]:
    for token, resources in known.elsewhere:
        places = sorted({(resource.account_id, resource.region) for resource in resources})
        listed = ", ".join(f"{account} {place}" for account, place in places)
        yield Problem(
            kind=ProblemKind.ELSEWHERE,
            what=f"{token} is in {listed}, but the command runs in "
            f"{account_id or 'an unknown account'} {region or 'the default region'}",
            fix=f"Add --region {places[0][1]}"
            if len(places) == 1 and places[0][0] == account_id
            else "Choose the profile and region where it is",
            token=token,
        )


def _placed(problems: Iterable[Problem], text: str, words: Words) -> Iterator[Problem]:
    """Say where in the text each problem is."""
    for problem in problems:
        word, token = problem.word, problem.token
        if word is None and token is not None:
            word = next((i for i, each in enumerate(words.argv) if i and token in each), None)
        start, end = _span_in(text, words, word, token) or (None, None)
        yield problem.model_copy(update={"start": start, "end": end, "word": None, "token": None})


def _span_in(
    text: str, words: Words, word: int | None, token: str | None
) -> tuple[int, int] | None:
    """Return where a word, or the only place of ``token`` in it, stands in the text."""
    if word is None or word >= len(words.spans):
        return None
    span = words.spans[word]
    if token and text.count(token, span.start, span.end) == 1:
        start = text.index(token, span.start, span.end)
        return start, start + len(token)
    return span.start, span.end
