"""Read AWS commands with the AWS CLI's own parser: offline, without running anything."""

from __future__ import annotations

import copy
import json
import textwrap
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import FileReference, FileUse, Problem
from cloudops_ls.commands.parsed import GlobalOptions, ParsedCommand
from cloudops_ls.commands.shapes import findings, nearest, plain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from types import ModuleType

_REMEMBERED_OPERATIONS = 128  # about 0.25 MB each
_LONGEST_MESSAGE = 300
_OVERRIDES = ("--cli-input-json", "--generate-cli-skeleton")
_IN_TERMINAL = "Run it in a terminal"
_HELP = "Help is shown in a pager"
_INTERACTIVE = frozenset(
    {"configure", "history", "ssm start-session", "ecs execute-command", "logs start-live-tail"}
)


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
                raise self._translate(error, words) from error

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
        cli = self._bridge
        if len(words) == 1:
            raise CommandError(
                ErrorKind.MISSING_COMMAND,
                "The service is missing",
                fix="Write aws <service> <operation>",
            )
        try:
            values, rest = self._top.parse_known_args(list(words[1:]))
        except cli.InvalidChoiceError as error:
            raise self._wrong_choice(error, words, "aws", ErrorKind.UNKNOWN_SERVICE) from None
        except cli.ParserError as error:
            raise self._translate(error, words) from None
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
        raise _own_command(name, words)

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
        try:
            chosen, rest = parser.parse_known_args(rest)
        except cli.InvalidChoiceError as error:
            raise self._wrong_choice(
                error, words, f"aws {name}", ErrorKind.UNKNOWN_OPERATION
            ) from None
        path: tuple[str, ...] = (name, chosen.operation)
        if rest == ["help"]:
            raise CommandError(ErrorKind.UNSUPPORTED, _HELP, fix=_IN_TERMINAL)
        target = table[chosen.operation]
        if isinstance(target, cli.WaitCommand):
            target, path, rest = self._waiter(target, path, rest, words)
        elif not cli.is_api_call(target):
            raise _own_command(" ".join(path), words)
        return self._operation(words, values, options, path, target, rest)

    def _waiter(
        self, target: Any, path: tuple[str, ...], rest: list[str], words: tuple[str, ...]
    ) -> tuple[Any, tuple[str, ...], list[str]]:
        cli = self._bridge
        parser = cli.OperationArguments(target.arg_table, target.subcommand_table)
        try:
            chosen, rest = parser.parse_known_args(rest)
        except cli.InvalidChoiceError as error:
            where = f"aws {' '.join(path)}"
            raise self._wrong_choice(error, words, where, ErrorKind.UNKNOWN_OPERATION) from None
        if getattr(chosen, "subcommand", None) is None:
            raise CommandError(
                ErrorKind.MISSING_COMMAND, f"aws {' '.join(path)} needs the name of a waiter"
            )
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
        given, unknown = self._arguments(ready.arguments, rest, words)
        if stray := vars(given).pop("help", None):
            unknown.append(stray)
        self._refuse_unknown(unknown, ready.arguments, where, words)
        if not any(word in _OVERRIDES for word in rest):
            _require(ready.arguments.missing(given), where)
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
        files = [*files, *_global_files(values)]
        skipped = frozenset(_members_from(files, ready.table))
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
        self, parser: Any, rest: list[str], words: tuple[str, ...]
    ) -> tuple[argparse.Namespace, list[str]]:
        cli = self._bridge
        try:
            given, unknown = parser.parse_known_args(rest)
        except cli.InvalidChoiceError as error:
            raise CommandError(
                ErrorKind.INVALID_VALUE,
                f"{error.value!r} is not a value of {error.dest}",
                suggestion=nearest(error.value, error.choices),
                fix=None if nearest(error.value, error.choices) else _one_of(error.choices),
                word=_index(words, error.value),
            ) from None
        return given, list(unknown)

    def _refuse_unknown(
        self, unknown: list[str], parser: Any, where: str, words: tuple[str, ...]
    ) -> None:
        for word in unknown:
            if word.startswith("-") and len(word) > 1:
                option = word.partition("=")[0]
                known = [
                    *parser.options,
                    *(o for a in self._top._actions for o in a.option_strings),
                ]
                raise CommandError(
                    ErrorKind.UNKNOWN_PARAMETER,
                    f"{where} has no parameter {option}",
                    suggestion=nearest(option, known),
                    word=_index(words, word),
                )
        if unknown:
            raise CommandError(
                ErrorKind.UNKNOWN_PARAMETER,
                f"{unknown[0]!r} belongs to no parameter of {where}",
                fix="Put the name of the parameter before it, or quotes around a value with spaces",
                word=_index(words, unknown[0]),
            )

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
                    word=_index(words, argument.cli_name),
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
            if reference := self._reference(argument, value):
                files.append(reference)
                continue
            if argument.name == "cli-input-json":
                continue
            argument.add_to_params(parameters, value)
        if (text := present.get("cli_input_json")) and not any(
            reference.parameter == "--cli-input-json" for reference in files
        ):
            for key, item in _json_object(text).items():
                parameters.setdefault(key, item)
        return parameters, files

    def _reference(self, argument: Any, value: Any) -> FileReference | None:
        """Say which file or URL the CLI would open for this value, if any."""
        cli = self._bridge
        if isinstance(value, cli.FileValue):
            use = FileUse.FETCH if value.startswith(cli.URL_PREFIXES) else FileUse.READ
            return FileReference(parameter=argument.cli_name, location=str(value), use=use)
        if argument.name == "cli-input-json" and isinstance(value, str):
            if value.startswith(cli.FILE_PREFIXES):
                return FileReference(parameter=argument.cli_name, location=value, use=FileUse.READ)
            return None
        if isinstance(value, str) and (
            argument.name == "outfile" or argument.name.endswith("-outfile")
        ):
            return FileReference(parameter=argument.cli_name, location=value, use=FileUse.WRITE)
        model = getattr(argument, "argument_model", None)
        streams = (
            model is not None
            and model.type_name == "blob"
            and getattr(model, "serialization", {}).get("streaming")
        )
        if isinstance(value, str) and (streams or argument.name == "priv-launch-key"):
            return FileReference(parameter=argument.cli_name, location=value, use=FileUse.READ)
        for text in value if isinstance(value, list) else [value]:
            # Shorthand key@=file://… loads a file in the middle of a value.
            if isinstance(text, str) and "@=" in text and "://" in text:
                return FileReference(parameter=argument.cli_name, location=text, use=FileUse.READ)
        return None

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
        try:
            given, unknown = parser.parse_known_args(rest)
        except cli.InvalidChoiceError as error:
            if error.dest == "command":
                raise self._wrong_choice(error, words, where, ErrorKind.UNKNOWN_OPERATION) from None
            raise CommandError(
                ErrorKind.INVALID_VALUE,
                f"{error.value!r} is not a value of {error.dest}",
                suggestion=nearest(error.value, error.choices),
                word=_index(words, error.value),
            ) from None
        if getattr(given, "help", None):
            raise CommandError(ErrorKind.UNSUPPORTED, _HELP, fix=_IN_TERMINAL)
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
        _require(parser.missing(given), where)
        parameters: dict[str, Any] = {}
        files: list[FileReference] = []
        for argument in command.arg_table.values():
            value = vars(given).get(getattr(argument, "_dest", None) or argument.py_name)
            if value is None or value is False:
                continue
            if isinstance(value, str | list):
                value = cli.unpack_argument(
                    self._session, "custom", command.name, argument, value, given
                )
            if isinstance(value, cli.FileValue):
                files.append(
                    FileReference(
                        parameter=argument.cli_name,
                        location=str(value),
                        use=FileUse.FETCH if value.startswith(cli.URL_PREFIXES) else FileUse.READ,
                    )
                )
                continue
            parameters[argument.name] = plain(value)
        files += [*_s3_files(path[-1], parameters, words), *_global_files(values)]
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

    def _wrong_choice(
        self, error: Any, words: tuple[str, ...], where: str, kind: ErrorKind
    ) -> CommandError:
        if error.dest != "command":
            return CommandError(
                ErrorKind.INVALID_VALUE,
                f"{error.value!r} is not a value of {error.dest}",
                suggestion=nearest(error.value, error.choices),
                fix=None if nearest(error.value, error.choices) else _one_of(error.choices),
                word=_index(words, error.value),
            )
        if error.value == "help":
            return CommandError(ErrorKind.UNSUPPORTED, _HELP, fix=_IN_TERMINAL)
        index = _index(words, error.value)
        option = words[index - 1] if index is not None else ""
        known = [name for action in self._top._actions for name in action.option_strings]
        if option.startswith("--") and not any(name.startswith(option) for name in known):
            # The word is the value of a misspelt option.
            return CommandError(
                ErrorKind.UNKNOWN_PARAMETER,
                f"{where} has no parameter {option}",
                suggestion=nearest(option, known),
                word=_index(words, option),
            )
        what = "service" if kind is ErrorKind.UNKNOWN_SERVICE else "operation"
        return CommandError(
            kind,
            f"{where} has no {what} {error.value!r}",
            suggestion=nearest(error.value, error.choices),
            word=index,
        )

    def _translate(self, error: Exception, words: tuple[str, ...]) -> CommandError:
        cli = self._bridge
        if isinstance(error, cli.OfflineError):
            return CommandError(
                ErrorKind.UNSUPPORTED,
                "The AWS CLI asks AWS before it can read this command",
                fix="Give the whole configuration instead of the shortcut",
            )
        if isinstance(error, KeyError | AttributeError | IndexError | AssertionError):
            return CommandError(ErrorKind.UNSUPPORTED, "The AWS CLI's parser fails on this command")
        text = " ".join(str(error).split()) or type(error).__name__
        if "following arguments are required: command" in text:
            return CommandError(
                ErrorKind.MISSING_COMMAND,
                "The service is missing",
                fix="Write aws <service> <operation>",
            )
        if "following arguments are required: operation" in text:
            return CommandError(ErrorKind.MISSING_COMMAND, "The operation is missing")
        option = next((word for word in words if word.startswith("--") and word in text), None)
        return CommandError(
            ErrorKind.INVALID_VALUE,
            textwrap.shorten(text, _LONGEST_MESSAGE, placeholder=" …").rstrip("."),
            word=_index(words, option) if option else None,
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


def _global_files(values: argparse.Namespace) -> list[FileReference]:
    if not values.ca_bundle:
        return []
    return [FileReference(parameter="--ca-bundle", location=values.ca_bundle, use=FileUse.READ)]


def _members_from(files: Iterable[FileReference], table: dict[str, Any]) -> Iterable[str]:
    """Members of the input that the given files stand for."""
    names = {reference.parameter for reference in files}
    if "--cli-input-json" in names:
        # Any member may be in that file.
        for argument in table.values():
            yield getattr(argument, "_serialized_name", "")
    for argument in table.values():
        if argument.cli_name in names:
            yield getattr(argument, "_serialized_name", "")
            yield getattr(argument, "_param_to_replace", "")
            yield getattr(argument, "_param_to_overwrite", "")


def _require(missing: list[str], where: str) -> None:
    if missing:
        raise CommandError(
            ErrorKind.MISSING_PARAMETER,
            f"{where} needs {' and '.join(missing)}",
            suggestion=None,
            fix="Add it" if len(missing) == 1 else "Add them",
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


def _s3_files(
    operation: str, parameters: dict[str, Any], words: tuple[str, ...]
) -> list[FileReference]:
    """Local paths of an ``aws s3`` transfer: the first is read, the second is written."""
    if operation not in {"cp", "mv", "sync"}:
        return []
    paths = [str(path) for path in parameters.get("paths", [])]
    if not any(path.startswith("s3://") for path in paths):
        raise CommandError(
            ErrorKind.INVALID_VALUE,
            f"aws s3 {operation} copies from or to S3, and neither path starts with s3://",
            word=_index(words, paths[0]) if paths else None,
        )
    found = []
    for path, use in zip(paths, (FileUse.READ, FileUse.WRITE), strict=False):
        if path.startswith("s3://"):
            continue
        if path == "-":
            if use is FileUse.READ:
                raise CommandError(
                    ErrorKind.UNSUPPORTED,
                    "Standard input is empty here, so S3 would receive an empty object",
                    word=_index(words, "-"),
                )
            continue
        found.append(FileReference(parameter="paths", location=path, use=use))
    return found


def _own_command(name: str, words: tuple[str, ...]) -> CommandError:
    if name in _INTERACTIVE:
        return CommandError(
            ErrorKind.UNSUPPORTED,
            f"aws {name} asks questions or keeps a terminal open",
            fix=_IN_TERMINAL,
            word=_index(words, name.split()[-1]),
        )
    return CommandError(
        ErrorKind.UNSUPPORTED,
        f"aws {name} is a program inside the AWS CLI that makes several calls or writes files, "
        "so its effect cannot be checked",
        fix=f"{_IN_TERMINAL}, or use the single API operations",
        word=_index(words, name.split()[-1]),
    )


def _one_of(choices: Sequence[str]) -> str | None:
    return f"Use one of {', '.join(choices)}" if 0 < len(choices) <= 12 else None


def _index(words: Sequence[str], word: str) -> int | None:
    """Return where ``word`` stands after ``aws``; an option may carry ``=value``."""
    for index in range(1, len(words)):
        if words[index] == word or words[index].startswith(f"{word}="):
            return index
    return None
