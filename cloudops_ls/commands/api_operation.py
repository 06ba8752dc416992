"""Read one operation of an AWS API: its parameters as the API would receive them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands import awscli_bridge as cli
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import Problem, ProblemKind
from cloudops_ls.commands.parsed import ParsedCommand
from cloudops_ls.commands.queries import members_let_through
from cloudops_ls.commands.references import members, of_global_options, reference
from cloudops_ls.commands.refusals import index_of, index_of_value, missing_parameters
from cloudops_ls.commands.shapes import Finding, FindingKind, findings, plain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from cloudops_ls.commands.command_line import CommandLine
    from cloudops_ls.commands.model import FileReference

_PROBLEMS = {
    FindingKind.UNKNOWN: ProblemKind.UNKNOWN_VALUE,
    FindingKind.RANGE: ProblemKind.OUT_OF_RANGE,
    FindingKind.DEPRECATED: ProblemKind.DEPRECATED,
}
_OVERRIDES = ("--cli-input-json", "--generate-cli-skeleton")


class ApiOperation:
    """An operation or a waiter, ready to parse any number of commands. Not thread-safe.

    Parameters
    ----------
    path
        Its name, such as ``("rds", "stop-db-instance")``.
    target
        The CLI's object for it; a copy of it is used.
    session
        A session of its own, since the CLI's handlers are not made for a second operation.
    validator
        A ``botocore.validate.ParamValidator``.
    """

    def __init__(self, path: tuple[str, ...], target: Any, session: Any, validator: Any) -> None:
        self._path = path
        self._where = f"aws {' '.join(path)}"
        self._session = session
        self._validator = validator
        self._model = target._operation_model
        self._event = f"{target._parent_name}.{target._name}"
        self._command = type(target)(
            name=target._name,
            parent_name=target._parent_name,
            operation_caller=None,
            operation_model=self._model,
            session=session,
        )
        self._arguments = cli.OperationArguments(self._command.arg_table)
        # As the CLI does it: an optional positional, so that a stray word is seen.
        self._arguments.add_argument("help", nargs="?")
        self._table = dict(self._command.arg_table)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The CLI's arguments of the operation, by name."""
        return self._table

    def parse(self, line: CommandLine, rest: Sequence[str]) -> ParsedCommand:
        """Parse the words behind its name.

        Raises
        ------
        CommandError
            They are not valid. The CLI's own handlers raise whatever they like besides.
        """
        given = self._given(line, rest)
        parameters, files = self._sent(line, rest, given)
        skeleton = getattr(given, "generate_cli_skeleton", None)
        files += of_global_options(line.values)
        skipped = frozenset(members(files, self._table))
        # A skeleton is printed whatever the parameters are.
        problems = self._problems(line.words, parameters, skipped) if skeleton is None else ()
        service = self._model.service_model
        return ParsedCommand(
            argv=line.words,
            service=service.service_name,
            operation=self._model.name,
            command=" ".join(self._path),
            parameters={name: plain(value) for name, value in parameters.items()},
            options=line.options,
            waiter="wait" in self._path[1:-1],
            dry_run=parameters.get("DryRun") is True or skeleton is not None,
            files=tuple(files),
            problems=problems,
            let_through=self._let_through(line.options.query),
            arn_services=frozenset(
                filter(None, (service.service_name, service.endpoint_prefix, service.signing_name))
            ),
        )

    def _let_through(self, query: str | None) -> frozenset[str] | None:
        return None if query is None else members_let_through(query, self._model.output_shape)

    def _given(self, line: CommandLine, rest: Sequence[str]) -> argparse.Namespace:
        """Return the words as values by argument; refuse what is unknown, missing or empty."""
        given, unknown = line.arguments(self._arguments, rest, self._where)
        if stray := vars(given).pop("help", None):
            unknown.append(stray)
        line.refuse_unknown(unknown, self._arguments.options, self._where)
        overridden = any(word in _OVERRIDES for word in rest)
        if not overridden and (missing := self._arguments.missing(given)):
            raise missing_parameters(missing, self._where)
        for argument in self._table.values():
            # For many operations an empty list means "all".
            if vars(given).get(argument.py_name) == []:
                raise CommandError(
                    ErrorKind.INVALID_VALUE,
                    f"{argument.cli_name} has no value",
                    fix="Add a value, or write '[]' if an empty list is meant",
                    word=index_of(line.words, argument.cli_name),
                )
        return given

    def _sent(
        self, line: CommandLine, rest: Sequence[str], given: argparse.Namespace
    ) -> tuple[dict[str, Any], list[FileReference]]:
        """Return what the API would receive, after all that the CLI's handlers do to it."""
        try:
            # On a copy: these handlers compile --query and resolve the endpoint in place.
            self._session.emit(
                "top-level-args-parsed",
                parsed_args=copy.copy(line.values),
                session=self._session,
                remaining_args=list(rest),
            )
            self._session.emit(
                f"operation-args-parsed.{self._event}",
                parsed_args=given,
                parsed_globals=line.values,
            )
            parameters, files = self._parameters(line, vars(given))
        finally:
            # Handlers swap arguments (pagination does); the next command must not see that.
            self._command.arg_table.clear()
            self._command.arg_table.update(self._table)
        service = self._model.service_model.service_id.hyphenize()
        self._session.emit(
            f"before-parameter-build.{service}.{self._model.name}",
            params=parameters,
            model=self._model,
            context={},
        )
        return parameters, files

    def _parameters(
        self, line: CommandLine, given: dict[str, Any]
    ) -> tuple[dict[str, Any], list[FileReference]]:
        parameters: dict[str, Any] = {}
        files: list[FileReference] = []
        service = self._model.service_model.endpoint_prefix
        # A copy: handlers and arguments may change the table while it is read.
        for argument in list(self._command.arg_table.values()):
            value = given.get(argument.py_name)
            if value is None:
                continue
            if isinstance(value, str | list):
                value = cli.unpack_argument(
                    self._session, service, self._command._name, argument, value, line.values
                )
            if file := reference(argument, value):
                files.append(file)
                continue
            if argument.name == "cli-input-json":
                continue
            argument.add_to_params(parameters, value)
        if (text := given.get("cli_input_json")) and not any(
            file.parameter == "--cli-input-json" for file in files
        ):
            for key, item in _json_object(text).items():
                parameters.setdefault(key, item)
        return parameters, files

    def _problems(
        self, words: Sequence[str], parameters: dict[str, Any], skipped: frozenset[str]
    ) -> tuple[Problem, ...]:
        """Check values against the API's model; refuse what is wrong, return what is doubtful."""
        problems: list[Problem] = []
        wrong: list[CommandError] = []
        if self._model.input_shape is not None:
            sent = {name: value for name, value in parameters.items() if name != "PaginationConfig"}
            for finding in findings(self._validator, self._model.input_shape, sent, skipped):
                word = self._word(words, finding)
                if finding.fatal:
                    missing = finding.kind is FindingKind.MISSING
                    if missing and (option := self._option(finding)) is not None:
                        # The CLI does not mark all that the API requires.
                        absent = missing_parameters([option], self._where)
                        absent.word = word
                        wrong.append(absent)
                        continue
                    kind = ErrorKind.MISSING_PARAMETER if missing else ErrorKind.INVALID_VALUE
                    error = CommandError(
                        kind,
                        finding.what,
                        suggestion=finding.suggestion,
                        word=word,
                        token=finding.token,
                    )
                    wrong.append(error)
                    continue
                fix = f"Did you mean {finding.suggestion}?" if finding.suggestion else None
                problems.append(
                    Problem(
                        kind=_PROBLEMS[finding.kind],
                        what=finding.what,
                        fix=fix,
                        replacement=finding.suggestion,
                        word=word,
                        token=finding.token,
                    )
                )
        if wrong:
            wrong[0].more = tuple(wrong[1:])
            raise wrong[0]
        if self._model.deprecated:
            problems.append(
                Problem(
                    kind=ProblemKind.DEPRECATED,
                    what=f"AWS has deprecated {self._model.name}",
                    word=index_of(words, self._path[-1]),
                )
            )
        return tuple(problems)

    def _option(self, finding: Finding) -> str | None:
        """Return the option of the member that a finding is about."""
        options = [
            argument.cli_name
            for argument in self._table.values()
            if getattr(argument, "_serialized_name", None) == finding.member
            and not getattr(argument, "_UNDOCUMENTED", False)
        ]
        return options[0] if options else None

    def _word(self, words: Sequence[str], finding: Finding) -> int | None:
        """Return the index of the word that a finding is about."""
        for argument in self._table.values():
            names = {
                getattr(argument, "_serialized_name", None),
                getattr(argument, "_param_to_replace", None),
            }
            if finding.member is not None and finding.member in names:
                index = index_of_value(words, argument.cli_name, finding.token)
                if index is not None:
                    return index
        return index_of_value(words, "--cli-input-json", finding.token)


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
