"""The AWS CLI's commands as a tree: services, their operations and waiters, and its own.

Importing this module costs about half a second, as ``awscli_bridge.py`` does.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands import awscli_bridge as cli
from cloudops_ls.commands.api_operation import ApiOperation
from cloudops_ls.commands.custom_command import CustomCommand
from cloudops_ls.commands.custom_effects import effect_of
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.own_v2 import group_of, v2_commands
from cloudops_ls.commands.refusals import help_wanted, own_command
from cloudops_ls.commands.vocabulary import (
    Word,
    WordKind,
    commands_in,
    parameters_in,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloudops_ls.commands.command_line import CommandLine

_REMEMBERED_OPERATIONS = 128  # about 0.25 MB each


class CommandTree:
    """All commands of the installed CLI. Not thread-safe.

    Parameters
    ----------
    loader
        A botocore data loader to share; None for one of the CLI's own models.
    version2
        Whether to know the commands that only version 2 has.

    Attributes
    ----------
    top_level
        The parser of the global options and the service.
    """

    def __init__(self, loader: Any = None, *, version2: bool = False) -> None:
        self._models = loader or cli.cli_loader()
        driver = cli.create_driver(self._models)
        help_command = driver.create_help_command()
        self._session = driver.session
        self._services = help_command.command_table
        self._global_options = help_command.arg_table
        self._added = self._own_of_version2() if version2 else {}
        self.top_level: Any = cli.TopLevelParser(
            self._services, "", "", help_command.arg_table, prog="aws"
        )
        self._validator = cli.ParamValidator()
        self._operations: OrderedDict[tuple[str, ...], ApiOperation] = OrderedDict()

    def _own_of_version2(self) -> dict[str, dict[str, Any]]:
        """Add commands that version 2 alone has; return those that belong to services.

        A service's are added when it is first used: its models would have to be loaded.
        """
        own = v2_commands(self._session)
        self._services.update(own.pop("", {}))
        for name in [*own]:
            command = self._services.get(name)
            if command is None:
                self._services[name] = group_of(name, own.pop(name), self._session)
            elif not isinstance(command, cli.ServiceCommand):
                command.subcommand_table.update(own.pop(name))
        return own

    def _complete(self, name: str) -> None:
        """See that a service has all its commands."""
        if (added := self._added.pop(name, None)) is not None:
            _operations_of(self._services[name]).update(added)

    def warm(self, services: Iterable[str]) -> None:
        """Load the models of ``services``; unknown ones are ignored."""
        for name in services:
            command = self._services.get(name)
            if command is not None:
                _operations_of(command)

    def next_words(self, words: Sequence[str]) -> list[Word]:
        """Return the words that may follow ``words``, ``aws`` first; empty where nobody knows.

        Nothing is checked: words that are wrong lead nowhere.
        """
        plain = self._without_options(words)
        if not plain:
            return list(commands_in(self._services, WordKind.SERVICE, _detail))
        command = self._services.get(plain[0])
        if command is None:
            return []
        self._complete(plain[0])
        path: tuple[str, ...] = (plain[0],)
        while table := _subcommands(command):
            if len(plain) == len(path):
                found = list(commands_in(table, WordKind.OPERATION, _detail))
                return [*found, *self._options(path, command, words)]
            if plain[len(path)] not in table:
                break
            path = (*path, plain[len(path)])
            command = table[path[-1]]
        return self._options(path, command, words)

    def _without_options(self, words: Sequence[str]) -> list[str]:
        """Return the words behind ``aws`` that are neither options nor values of global ones."""
        plain = []
        for before, word in pairwise(words):
            if not word.startswith("-") and not values_of(self._global_options, before):
                plain.append(word)
        return plain

    def _options(self, path: tuple[str, ...], command: Any, words: Sequence[str]) -> list[Word]:
        if isinstance(command, cli.ServiceCommand):
            return []
        if isinstance(command, cli.BasicCommand):
            table = command.arg_table
        else:
            table = self._operation(path, command).arguments
        values = values_of(table, words[-1])
        if values is None:
            values = values_of(self._global_options, words[-1])
        if values is not None:
            return values
        return [*parameters_in(table, words), *parameters_in(self._global_options, words)]

    def find(self, line: CommandLine) -> tuple[ApiOperation | CustomCommand, Sequence[str]]:
        """Return the command that a line names, and the words behind its name.

        Raises
        ------
        CommandError
            There is none of that name, or it is one that is not run from here.
        """
        name = line.service
        command = self._services.get(name)
        if line.values.v2_debug:
            raise CommandError(
                ErrorKind.UNSUPPORTED, "--v2-debug is for moving to another CLI", fix="Remove it"
            )
        if isinstance(command, cli.ServiceCommand):
            return self._find_operation(line, command)
        return CustomCommand((name,), command, self._session), line.rest

    def _find_operation(
        self, line: CommandLine, service: Any
    ) -> tuple[ApiOperation | CustomCommand, Sequence[str]]:
        name = line.service
        self._complete(name)
        table = _operations_of(service)
        if not line.rest:
            raise CommandError(
                ErrorKind.MISSING_COMMAND,
                f"The operation of {name} is missing",
                fix=f"Write aws {name} <operation>",
            )
        parser = cli.ServiceParser(operations_table=table, service_name=name)
        chosen, rest = line.arguments(parser, line.rest, f"aws {name}")
        path: tuple[str, ...] = (name, chosen.operation)
        if rest == ["help"]:
            raise help_wanted()
        target = table[chosen.operation]
        if isinstance(target, cli.WaitCommand):
            waiters = target.subcommand_table
            waiter, rest = _find_waiter(line, target, path, rest)
            target, path = waiters[waiter], (*path, waiter)
        elif isinstance(target, cli.BasicCommand):
            return CustomCommand(path, target, self._session), rest
        elif not cli.is_api_call(target):
            # An API operation with a program behind it, such as a session on the terminal.
            name = " ".join(path)
            raise own_command(name, effect_of(name), line.words)
        return self._operation(path, target), rest

    def _operation(self, path: tuple[str, ...], target: Any) -> ApiOperation:
        found = self._operations.get(path)
        if found is not None:
            self._operations.move_to_end(path)
            return found
        session = cli.create_session(self._models)
        found = self._operations[path] = ApiOperation(path, target, session, self._validator)
        if len(self._operations) > _REMEMBERED_OPERATIONS:
            self._operations.popitem(last=False)
        return found


def _subcommands(command: Any) -> Any:
    """Return what a command is followed by: operations, waiters, subcommands; or nothing."""
    if isinstance(command, cli.ServiceCommand):
        return _operations_of(command)
    return getattr(command, "subcommand_table", None)


def _detail(command: Any) -> str:
    """Return what a command is: the API's name of an operation, nothing for a service."""
    if isinstance(command, cli.WaitCommand):
        return "waits until something is so"
    model = getattr(command, "_operation_model", None)
    return str(model.name) if model is not None else ""


def _operations_of(service: Any) -> Any:
    """Return a service's operations by name; the CLI builds the table once."""
    return service._get_command_table()


def _find_waiter(
    line: CommandLine, wait: Any, path: tuple[str, ...], rest: Sequence[str]
) -> tuple[str, list[str]]:
    """Return the name of the waiter behind ``wait``, and the words behind it."""
    where = f"aws {' '.join(path)}"
    parser = cli.OperationArguments(wait.arg_table, wait.subcommand_table)
    chosen, rest = line.arguments(parser, rest, where)
    name: str | None = getattr(chosen, "subcommand", None)
    if name is None:
        raise CommandError(ErrorKind.MISSING_COMMAND, f"{where} needs the name of a waiter")
    return name, rest
