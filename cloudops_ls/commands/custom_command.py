"""Read one of the CLI's own commands by its argument table; never call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands import awscli_bridge as cli
from cloudops_ls.commands.custom_effects import effect_of
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import FileReference, FileUse
from cloudops_ls.commands.parsed import ParsedCommand
from cloudops_ls.commands.references import (
    FileValue,
    of_global_options,
    of_s3_transfer,
    reference,
)
from cloudops_ls.commands.refusals import help_wanted, missing_parameters, own_command
from cloudops_ls.commands.shapes import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from cloudops_ls.commands.command_line import CommandLine
    from cloudops_ls.commands.custom_effects import CustomEffect


@dataclass(frozen=True, slots=True)
class CustomCommand:
    """A program inside the CLI, with options of its own and perhaps subcommands.

    Attributes
    ----------
    path
        Its name, such as ``("s3", "cp")``.
    command
        The CLI's object for it.
    session
        The CLI's session, for its events.
    """

    path: tuple[str, ...]
    command: Any
    session: Any

    def parse(self, line: CommandLine, rest: Sequence[str]) -> ParsedCommand:
        """Parse the words behind its name.

        Raises
        ------
        CommandError
            They are not valid, or the command is one that never runs from here.
        """
        where = f"aws {' '.join(self.path)}"
        # The CLI's order: building the subcommands may add to the arguments (s3 sync).
        subcommands = self.command.subcommand_table
        parser = cli.OperationArguments(self.command.arg_table, subcommands)
        given, unknown = line.arguments(parser, rest, where)
        if getattr(given, "help", None):
            raise help_wanted()
        if chosen := getattr(given, "subcommand", None):
            inner = CustomCommand((*self.path, chosen), subcommands[chosen], self.session)
            return inner.parse(line, unknown)
        effect = effect_of(" ".join(self.path))
        if subcommands and effect is None:
            raise CommandError(
                ErrorKind.MISSING_COMMAND,
                f"The operation of {where} is missing",
                fix=f"One of {', '.join(subcommands)}",
            )
        if effect is None or effect.refused is not None:
            raise own_command(" ".join(self.path), effect, line.words)
        line.refuse_unknown(unknown, parser.options, where)
        if missing := parser.missing(given):
            raise missing_parameters(missing, where)
        parameters, files = self._parameters(line, vars(given))
        dry_run = bool(parameters.get("dryrun") or parameters.get("dry-run"))
        files += [
            *_named_files(effect, parameters, dry_run=dry_run),
            *of_s3_transfer(self.path, parameters, line.words),
            *of_global_options(line.values),
        ]
        return ParsedCommand(
            argv=line.words,
            service=self.path[0],
            operation=self.path[-1],
            command=" ".join(self.path),
            parameters=parameters,
            options=line.options,
            custom=True,
            dry_run=dry_run,
            files=tuple(files),
            arn_services=frozenset({self.path[0]}),
        )

    def _parameters(
        self, line: CommandLine, given: dict[str, Any]
    ) -> tuple[dict[str, Any], list[FileReference]]:
        parameters: dict[str, Any] = {}
        files: list[FileReference] = []
        for argument in self.command.arg_table.values():
            value = given.get(getattr(argument, "_dest", None) or argument.py_name)
            if getattr(argument, "_action", None) == "store_false":
                # Several switches may share one value, so the words tell which was given.
                value = value is False and _is_given(argument.cli_name, line.words)
            if value is None or value is False or value == []:
                continue
            if isinstance(value, str | list):
                value = cli.unpack_argument(
                    self.session, "custom", self.command.name, argument, value, line.values
                )
            if isinstance(value, FileValue) and (file := reference(argument, value)):
                files.append(file)
                continue
            parameters[argument.name] = plain(value)
        return parameters, files


def _is_given(option: str, words: Sequence[str]) -> bool:
    """Whether a switch, perhaps abbreviated, stands among the words."""
    return any(len(word) > 3 and option.startswith(word) for word in words)


def _named_files(
    effect: CustomEffect, parameters: dict[str, JsonValue], *, dry_run: bool
) -> list[FileReference]:
    """Return the local files that the reviewed table says the command uses."""
    found = []
    for options, use in ((effect.reads, FileUse.READ), (effect.writes, FileUse.WRITE)):
        if use is FileUse.WRITE and dry_run:
            continue
        for option, default in options.items():
            location = parameters.get(option) or default
            if location:
                found.append(
                    FileReference(parameter=f"--{option}", location=str(location), use=use)
                )
    if effect.file is not None:
        found.append(FileReference(parameter="", location=effect.file, use=FileUse.WRITE))
    return found
