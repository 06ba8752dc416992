"""The smallest valid command of every operation, generated from the installed CLI's own models."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands import awscli_bridge as cli
from cloudops_ls.commands.command_tree import _operations_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.commands.command_tree import CommandTree

_DEEPEST = 12
# Required by the API, and given through arguments of the CLI's own.
_BESIDES = {
    "cloudfront create-distribution": "--origin-domain-name b.s3.amazonaws.com",
    "cloudfront create-invalidation": "--paths /x",
    "iam enable-mfa-device": "--authentication-code1 111111 --authentication-code2 222222",
    "iam resync-mfa-device": "--authentication-code1 111111 --authentication-code2 222222",
    "lambda create-function": "--zip-file fileb://code.zip",
    "lambda publish-layer-version": "--zip-file fileb://code.zip",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A command and what it must be read as.

    Attributes
    ----------
    parameters
        By the name that the API gives them; of arguments that the CLI adds itself nothing is said.
    """

    text: str
    service: str
    operation: str
    command: str
    parameters: dict[str, Any]


class Corpus:
    """All plain API operations of the installed CLI."""

    def __init__(self, tree: CommandTree) -> None:
        # The parser's own: loading every model twice would double the time.
        self._tree = tree

    @property
    def services(self) -> list[str]:
        return sorted(
            name
            for name, command in self._tree._services.items()
            if isinstance(command, cli.ServiceCommand)
        )

    def of_service(self, name: str) -> Iterator[Sample]:
        for operation, target in _operations_of(self._tree._services[name]).items():
            if not isinstance(target, cli.WaitCommand) and cli.is_api_call(target):
                yield self._sample((name, operation), target)

    def _sample(self, path: tuple[str, ...], target: Any) -> Sample:
        model = target._operation_model
        words, expected = ["aws", *path], {}
        table = self._tree._operation(path, target)._table
        besides = _BESIDES.get(" ".join(path))
        required = set(model.input_shape.required_members) if model.input_shape else set()
        # Positional ones first: behind a list they would belong to it.
        for argument in sorted(table.values(), key=lambda each: each.cli_name.startswith("--")):
            positional = not argument.cli_name.startswith("--")
            # The CLI does not mark all that the API requires: what it has renamed, or added a
            # shortcut for.
            member = getattr(argument, "_serialized_name", None)
            wanted = member in required - set(expected) and besides is None
            if not (argument.required or positional or wanted):
                continue
            words += [] if positional else [argument.cli_name]
            shape = getattr(argument, "argument_model", None)
            if shape is None or getattr(argument, "choices", None):
                words.append((getattr(argument, "choices", None) or ["sample"])[0])
                continue
            value = _value(shape, 0)
            if shape.type_name != "boolean":
                words.append(_written(shape, value))
            member = getattr(argument, "_serialized_name", None)
            # A streamed value is the path of a file that is not opened.
            if member is not None and not shape.serialization.get("streaming"):
                expected[member] = value
        words += shlex.split(besides or "")
        return Sample(
            shlex.join(words),
            model.service_model.service_name,
            model.name,
            " ".join(path),
            expected,
        )


def _written(shape: Any, value: Any) -> str:
    if shape.type_name in ("structure", "list", "map") or isinstance(value, dict | list):
        return json.dumps(value)
    return str(value)


def _value(shape: Any, depth: int) -> Any:
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return {"a": 1}
        names = list(shape.required_members)
        if getattr(shape, "is_tagged_union", False) and not names:
            names = list(shape.members)[:1]
        # Some models require members that they do not define.
        known = (name for name in names if name in shape.members)
        return {name: _value(shape.members[name], depth + 1) for name in known}
    if kind == "list":
        # Recursive shapes end here; the shortest list that is allowed is long enough.
        count = max(int(shape.metadata.get("min", 1)), 1) if depth < _DEEPEST else 0
        return [_value(shape.member, depth + 1) for _ in range(count)]
    if kind == "map":
        return {_value(shape.key, depth + 1): _value(shape.value, depth + 1)}
    if kind in ("integer", "long"):
        return int(max(shape.metadata.get("min", 1), 1))
    if kind in ("float", "double"):
        return float(max(shape.metadata.get("min", 1), 1))
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return "2026-01-01T00:00:00Z"
    if getattr(shape, "enum", None):
        return shape.enum[0]
    return "a" * max(int(shape.metadata.get("min", 1)), 1)
