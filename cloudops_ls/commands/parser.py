"""Read AWS commands with the AWS CLI's own parser: offline, without running anything."""

from __future__ import annotations

import copy
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import Problem
from cloudops_ls.commands.parsed import GlobalOptions, ParsedCommand
from cloudops_ls.commands.references import (
    FileValue,
    members,
    of_global_options,
    of_s3_transfer,
    reference,
)
from cloudops_ls.commands.refusals import (
    InvalidChoiceError,
    ParserError,
    help_wanted,
    index_of,
    missing_parameters,
    missing_service,
    own_command,
    translated,
    unknown_word,
    wrong_choice,
)
from cloudops_ls.commands.shapes import findings, plain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from cloudops_ls.commands.model import FileReference

_REMEMBERED_OPERATIONS = 128  # about 0.25 MB each
_OVERRIDES = ("--cli-input-json", "--generate-cli-skeleton")


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation ready to parse, with what it takes to undo the CLI's changes to it."""

    command: Any
    session: Any
    arguments: Any
    table: dict[str, Any]


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
        self._cli: ModuleType | None = None
        self._services: Any = None
        self._session: Any = None
        self._models: Any = None
        self._top: Any = None
        self._operations: OrderedDict[tuple[str, ...], _Operation] = OrderedDict()
        self._validator: Any = None

    def warm(self, services: Iterable[str] = ()) -> None:
        """Load the CLI, and the models of ``services``, ahead of the first command."""
        with self._lock:
            self._load()
            for name in services:
                command = self._services.get(name)
                if command is not None:
                    self._table(command)

    def options(self, argv: Sequence[str]) -> GlobalOptions:
        """Read the global options alone.

        Raises
        ------
        CommandError
            The words do not start with ``aws`` and a known service, or an option is malformed.
        """
        with self._lock:
            return _global_options(self._top_level(tuple(argv))[0])

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
                return self._parse(words)
            except CommandError:
                raise
            except Exception as error:
                # The CLI's customizations raise whatever they like at bad input. All of it means
                # that the command was not understood, so it must not run.
                raise translated(error, words) from error

    def _load(self) -> None:
        if self._cli is not None:
            return
        from cloudops_ls.commands import awscli_bridge as cli

        self._models = self._loader or cli.cli_loader()
        driver = cli.create_driver(self._models)
        help_command = driver.create_help_command()
        self._session = driver.session
        self._services = help_command.command_table
        self._top = cli.TopLevelParser(self._services, "", "", help_command.arg_table, prog="aws")
        self._validator = cli.ParamValidator()
        self._cli = cli

    @property
    def _bridge(self) -> Any:
        self._load()
        return self._cli

    def _top_level(self, words: tuple[str, ...]) -> tuple[argparse.Namespace, list[str]]:
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
        self._load()
        if len(words) == 1:
            raise missing_service()
        try:
            values, rest = self._top.parse_known_args(list(words[1:]))
        except InvalidChoiceError as error:
            raise self._wrong_choice(error, words, "aws", ErrorKind.UNKNOWN_SERVICE) from None
        except ParserError as error:
            raise translated(error, words) from None
        return values, rest

    def _parse(self, words: tuple[str, ...]) -> ParsedCommand:
        cli = self._bridge
        values, rest = self._top_level(words)
        options = _global_options(values)
        name = values.command
        command = self._services.get(name)
        if values.v2_debug:
            raise CommandError(
                ErrorKind.UNSUPPORTED, "--v2-debug is for moving to another CLI", fix="Remove it"
            )
        if isinstance(command, cli.ServiceCommand):
            return self._service(words, values, options, name, command, rest)
        if name == "s3":
            return self._custom(words, values, options, (name,), command, rest)
        raise own_command(name, words)

    def _service(
        self,
        words: tuple[str, ...],
        values: argparse.Namespace,
        options: GlobalOptions,
        name: str,
        command: Any,
        rest: list[str],
    ) -> ParsedCommand:
        cli = self._bridge
        table = self._table(command)
        parser = cli.ServiceParser(operations_table=table, service_name=name)
        if not rest:
            raise CommandError(
                ErrorKind.MISSING_COMMAND,
                f"The operation of {name} is missing",
                fix=f"Write aws {name} <operation>",
            )
        chosen, rest = self._arguments(parser, rest, f"aws {name}", words)
        path: tuple[str, ...] = (name, chosen.operation)
        if rest == ["help"]:
            raise help_wanted()
        target = table[chosen.operation]
        if isinstance(target, cli.WaitCommand):
            target, path, rest = self._waiter(target, path, rest, words)
        elif not cli.is_api_call(target):
            raise own_command(" ".join(path), words)
        return self._operation(words, values, options, path, target, rest)

    def _waiter(
        self, target: Any, path: tuple[str, ...], rest: list[str], words: tuple[str, ...]
    ) -> tuple[Any, tuple[str, ...], list[str]]:
        cli = self._bridge
        parser = cli.OperationArguments(target.arg_table, target.subcommand_table)
        where = f"aws {' '.join(path)}"
        chosen, rest = self._arguments(parser, rest, where, words)
        if getattr(chosen, "subcommand", None) is None:
            raise CommandError(ErrorKind.MISSING_COMMAND, f"{where} needs the name of a waiter")
        return target.subcommand_table[chosen.subcommand], (*path, chosen.subcommand), rest

    def _table(self, command: Any) -> Any:
        """Return a command's operations by name; the CLI builds the table once."""
        return command._get_command_table()

    def _prepared(self, path: tuple[str, ...], target: Any) -> _Operation:
        found = self._operations.get(path)
        if found is not None:
            self._operations.move_to_end(path)
            return found
        session = self._bridge.create_session(self._models)
        command = type(target)(
            name=target._name,
            parent_name=target._parent_name,
            operation_caller=None,
            operation_model=target._operation_model,
            session=session,
        )
        arguments = self._bridge.OperationArguments(command.arg_table)
        # As the CLI does it: an optional positional, so that a stray word is seen.
        arguments.add_argument("help", nargs="?")
        found = _Operation(command, session, arguments, dict(command.arg_table))
        self._operations[path] = found
        if len(self._operations) > _REMEMBERED_OPERATIONS:
            self._operations.popitem(last=False)
        return found

    def _operation(
        self,
        words: tuple[str, ...],
        values: argparse.Namespace,
        options: GlobalOptions,
        path: tuple[str, ...],
        target: Any,
        rest: list[str],
    ) -> ParsedCommand:
        ready = self._prepared(path, target)
        model = target._operation_model
        where = f"aws {' '.join(path)}"
        given, unknown = self._arguments(ready.arguments, rest, where, words)
        if stray := vars(given).pop("help", None):
            unknown.append(stray)
        self._refuse_unknown(unknown, ready.arguments, where, words)
        if not any(word in _OVERRIDES for word in rest):
            self._require(ready.arguments, given, where)
        self._refuse_empty(ready, given, words)
        try:
            # On a copy: these handlers compile --query and resolve the endpoint in place.
            ready.session.emit(
                "top-level-args-parsed",
                parsed_args=copy.copy(values),
                session=ready.session,
                remaining_args=rest,
            )
            ready.session.emit(
                f"operation-args-parsed.{target._parent_name}.{target._name}",
                parsed_args=given,
                parsed_globals=values,
            )
            parameters, files = self._parameters(ready, given, values)
        finally:
            # Handlers swap arguments (pagination does); the next command must not see that.
            ready.command.arg_table.clear()
            ready.command.arg_table.update(ready.table)
        ready.session.emit(
            f"before-parameter-build.{model.service_model.service_id.hyphenize()}.{model.name}",
            params=parameters,
            model=model,
            context={},
        )
        skeleton = getattr(given, "generate_cli_skeleton", None)
        files = [*files, *of_global_options(values)]
        skipped = frozenset(members(files, ready.table))
        problems = self._validate(model, parameters, skipped, words, complete=skeleton is None)
        service = model.service_model
        return ParsedCommand(
            argv=words,
            service=service.service_name,
            operation=model.name,
            command=" ".join(path),
            parameters={name: plain(value) for name, value in parameters.items()},
            options=options,
            waiter="wait" in path[1:-1],
            dry_run=parameters.get("DryRun") is True or skeleton is not None,
            files=tuple(files),
            problems=problems,
            arn_services=frozenset(
                filter(None, (service.service_name, service.endpoint_prefix, service.signing_name))
            ),
        )

    def _arguments(
        self, parser: Any, rest: list[str], where: str, words: tuple[str, ...]
    ) -> tuple[argparse.Namespace, list[str]]:
        try:
            given, unknown = parser.parse_known_args(rest)
        except InvalidChoiceError as error:
            raise self._wrong_choice(error, words, where) from None
        return given, list(unknown)

    def _wrong_choice(
        self,
        error: InvalidChoiceError,
        words: tuple[str, ...],
        where: str,
        kind: ErrorKind = ErrorKind.UNKNOWN_OPERATION,
    ) -> CommandError:
        return wrong_choice(error, words, where, kind, self._global_names)

    @property
    def _global_names(self) -> list[str]:
        return [name for action in self._top._actions for name in action.option_strings]

    def _refuse_unknown(
        self, unknown: list[str], parser: Any, where: str, words: tuple[str, ...]
    ) -> None:
        if unknown:
            # An unknown option explains the stray values behind it.
            worst = next((word for word in unknown if word.startswith("-")), unknown[0])
            raise unknown_word(worst, [*parser.options, *self._global_names], where, words)

    def _require(self, parser: Any, given: argparse.Namespace, where: str) -> None:
        if missing := parser.missing(given):
            raise missing_parameters(missing, where)

    def _refuse_empty(
        self, ready: _Operation, given: argparse.Namespace, words: tuple[str, ...]
    ) -> None:
        """Refuse a list parameter without values: for many operations that means "all"."""
        for argument in ready.table.values():
            if vars(given).get(argument.py_name) == []:
                raise CommandError(
                    ErrorKind.INVALID_VALUE,
                    f"{argument.cli_name} has no value",
                    fix="Add a value, or write '[]' if an empty list is meant",
                    word=index_of(words, argument.cli_name),
                )

    def _parameters(
        self, ready: _Operation, given: argparse.Namespace, values: argparse.Namespace
    ) -> tuple[dict[str, Any], list[FileReference]]:
        cli = self._bridge
        parameters: dict[str, Any] = {}
        files: list[FileReference] = []
        model = ready.command._operation_model
        service = model.service_model.endpoint_prefix
        present = vars(given)
        # A copy: handlers and arguments may change the table while it is read.
        for argument in list(ready.command.arg_table.values()):
            if argument.py_name not in present:
                continue
            value = present[argument.py_name]
            if value is None:
                continue
            if isinstance(value, str | list):
                value = cli.unpack_argument(
                    ready.session, service, ready.command._name, argument, value, values
                )
            if file := reference(argument, value):
                files.append(file)
                continue
            if argument.name == "cli-input-json":
                continue
            argument.add_to_params(parameters, value)
        if (text := present.get("cli_input_json")) and not any(
            file.parameter == "--cli-input-json" for file in files
        ):
            for key, item in _json_object(text).items():
                parameters.setdefault(key, item)
        return parameters, files

    def _validate(
        self,
        model: Any,
        parameters: dict[str, Any],
        skipped: frozenset[str],
        words: tuple[str, ...],
        *,
        complete: bool,
    ) -> tuple[Problem, ...]:
        if model.input_shape is None or not complete:
            return ()
        sent = {name: value for name, value in parameters.items() if name != "PaginationConfig"}
        problems = []
        for finding in findings(self._validator, model.input_shape, sent, skipped):
            if finding.fatal:
                missing = finding.what.startswith("Missing parameter")
                raise CommandError(
                    ErrorKind.MISSING_PARAMETER if missing else ErrorKind.INVALID_VALUE,
                    finding.what,
                    suggestion=finding.suggestion,
                )
            fix = f"Did you mean {finding.suggestion}?" if finding.suggestion else None
            problems.append(Problem(what=finding.what, fix=fix))
        if model.deprecated:
            problems.append(Problem(what=f"AWS has deprecated {model.name}"))
        return tuple(problems)

    def _custom(
        self,
        words: tuple[str, ...],
        values: argparse.Namespace,
        options: GlobalOptions,
        path: tuple[str, ...],
        command: Any,
        rest: list[str],
    ) -> ParsedCommand:
        """Read one of the CLI's own commands by its argument table; never call it."""
        cli = self._bridge
        where = f"aws {' '.join(path)}"
        # The CLI's order: building the subcommands may add to the arguments (s3 sync).
        subcommands = command.subcommand_table
        parser = cli.OperationArguments(command.arg_table, subcommands)
        given, unknown = self._arguments(parser, rest, where, words)
        if getattr(given, "help", None):
            raise help_wanted()
        if chosen := getattr(given, "subcommand", None):
            return self._custom(
                words, values, options, (*path, chosen), subcommands[chosen], unknown
            )
        if subcommands:
            raise CommandError(
                ErrorKind.MISSING_COMMAND,
                f"The operation of {where} is missing",
                fix=f"One of {', '.join(subcommands)}",
            )
        self._refuse_unknown(unknown, parser, where, words)
        self._require(parser, given, where)
        parameters: dict[str, Any] = {}
        files: list[FileReference] = []
        for argument in command.arg_table.values():
            value = vars(given).get(getattr(argument, "_dest", None) or argument.py_name)
            if value is None or value is False:
                continue
            if isinstance(value, str | list):
                value = cli.unpack_argument(
                    self._session, "custom", command.name, argument, value, values
                )
            if isinstance(value, FileValue) and (file := reference(argument, value)):
                files.append(file)
                continue
            parameters[argument.name] = plain(value)
        files += [*of_s3_transfer(path[-1], parameters, words), *of_global_options(values)]
        return ParsedCommand(
            argv=words,
            service=path[0],
            operation=path[-1],
            command=" ".join(path),
            parameters=parameters,
            options=options,
            custom=True,
            dry_run=bool(parameters.get("dryrun")),
            files=tuple(files),
            arn_services=frozenset({path[0]}),
        )


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


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CommandError(
            ErrorKind.INVALID_VALUE, f"--cli-input-json is not valid JSON: {error}"
        ) from None
    if not isinstance(value, dict):
        raise CommandError(ErrorKind.INVALID_VALUE, "--cli-input-json must be a JSON object")
    return value
