"""Which of botocore's waiters sees a command through to its end.

A waiter polls one describe operation until a resource is in a state. It fits a command when it is
about the same noun, waits for where the command's verb leads, and can be given the very resources
that the command named or made: waiting for everything there is would be another thing.

Importing this module costs what the CLI's models cost; it belongs into the worker.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import DataNotFoundError
from botocore.model import ServiceModel
from botocore.waiter import WaiterModel

from cloudops_ls.commands.awscli_bridge import cli_loader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.commands.model import CheckedCommand

_LEADS_TO = {
    "create": (
        *("available", "completed", "create_complete", "active_v2", "active", "running"),
        *("in_service", "deployed", "exists"),
    ),
    "run": ("running",),
    "start": ("running", "available", "active"),
    "stop": ("stopped",),
    "terminate": ("terminated",),
    "delete": ("deleted", "delete_complete", "not_exists", "inactive"),
    "reboot": ("available", "status_ok"),
    "restore": ("available", "completed"),
    "copy": ("available", "completed"),
    "modify": ("available",),
    "update": ("update_complete", "updated_v2", "updated", "stable", "active"),
}
"""Where a verb leads, likeliest first, in the words that waiters use."""
_NO_IDENTITY = frozenset(
    {"filters", "maxresults", "maxrecords", "maxitems", "marker", "nexttoken", "dryrun", "include"}
)
_DEEPEST = 6


class Waiters:
    """Finds waiters; thread-safe.

    Parameters
    ----------
    loader
        A botocore data loader; None for one of the CLI's own models.
    """

    def __init__(self, loader: Any = None) -> None:
        self._loader = loader or cli_loader()

    def command_for(self, checked: CheckedCommand, output: str) -> tuple[str, ...] | None:
        """Return the ``aws … wait …`` that waits for what a command began, or None.

        Parameters
        ----------
        checked
            A command that has run.
        output
            What it answered, for the ids of what it made.
        """
        verb, _, noun = xform_name(checked.operation).partition("_")
        if verb not in _LEADS_TO or not noun:
            return None
        try:
            waiters = WaiterModel(self._loader.load_service_model(checked.service, "waiters-2"))
            service = ServiceModel(
                self._loader.load_service_model(checked.service, "service-2"), checked.service
            )
        except DataNotFoundError:
            return None
        names = {xform_name(name): name for name in waiters.waiter_names}
        for wanted in (f"{form}_{end}" for end in _LEADS_TO[verb] for form in _forms(noun)):
            if wanted in names:
                operation = waiters.get_waiter(names[wanted]).operation
                shape = service.operation_model(operation).input_shape
                given = _identify(shape, checked.parameters, output) if shape is not None else None
                if given is not None:
                    return (*_words(checked), "wait", wanted.replace("_", "-"), *given)
        return None


def _forms(noun: str) -> tuple[str, ...]:
    """Return a noun in the forms that waiters may have it in.

    >>> _forms("db_instances")
    ('db_instances', 'db_instance')
    """
    if noun.endswith("s"):
        return noun, noun.removesuffix("s")
    return noun, f"{noun}s"


def _words(checked: CheckedCommand) -> tuple[str, str]:
    # s3api, not s3: the latter has commands of its own.
    name = checked.command.partition(" ")[0]
    return "aws", name


def _identify(shape: Any, parameters: dict[str, Any], output: str) -> tuple[str, ...] | None:
    """Return the options that name what the command was about; None where that is not certain."""
    words: list[str] = []
    identified = False
    for name, member in shape.members.items():
        if name.casefold() in _NO_IDENTITY:
            continue
        values = _values(name, member, parameters, output)
        if values:
            identified = True
            words += [f"--{xform_name(name, '-')}", *values]
        elif name in shape.required_members:
            return None
    return tuple(words) if identified else None


def _values(name: str, member: Any, parameters: dict[str, Any], output: str) -> list[str]:
    names = (name, name.removesuffix("s")) if member.type_name == "list" else (name,)
    if member.type_name not in ("list", "string"):
        return []
    for known in names:
        found = _texts(parameters.get(known))
        if found:
            return found if member.type_name == "list" else found[:1]
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        return []
    # Only ids of its own: the answer names many other things too.
    for known in names:
        if known.endswith(("Id", "Identifier", "Arn", "Name")):
            found = list(dict.fromkeys(_held(answer, known, 0)))
            if len(found) == 1:
                return found
    return []


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return list(value)
    return []


def _held(value: Any, name: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, each in value.items():
            if key == name and isinstance(each, str):
                yield each
            else:
                yield from _held(each, name, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _held(each, name, depth + 1)
