"""Read one of the CLI's own commands (``aws s3``) by its argument table; never call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands import awscli_bridge as cli
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.parsed import ParsedCommand
from cloudops_ls.commands.references import (
    FileValue,
    of_global_options,
    of_s3_transfer,
    reference,
)
from cloudops_ls.commands.refusals import help_wanted, missing_parameters
from cloudops_ls.commands.shapes import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.commands.command_line import CommandLine
    from cloudops_ls.commands.model import FileReference


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
            They are not valid.
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
        if subcommands:
            raise CommandError(
                ErrorKind.MISSING_COMMAND,
                f"The operation of {where} is missing",
                fix=f"One of {', '.join(subcommands)}",
            )
        line.refuse_unknown(unknown, parser.options, where)
        if missing := parser.missing(given):
            raise missing_parameters(missing, where)
        parameters, files = self._parameters(line, vars(given))
        files += [
            *of_s3_transfer(self.path[-1], parameters, line.words),
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
            dry_run=bool(parameters.get("dryrun")),
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
            if value is None or value is False:
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
