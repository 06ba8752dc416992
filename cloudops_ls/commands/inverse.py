"""The command that takes another one back, where there is one that truly does.

Two kinds are known. Actions of the catalog that lead to a state and back to the one before, such
as stop and start; and settings of a resource whose old value is in its record.
"""

from __future__ import annotations

import shlex
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cloudops_ls.estate.mapping import template_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import ResourceType
    from cloudops_ls.storage.resource import Resource


class _Setting(NamedTuple):
    """An operation that sets values which the record of its resource holds."""

    named_by: frozenset[str]
    """Parameters that say which resource is meant."""
    values: Mapping[str, tuple[str, str]]
    """Parameter to the CLI's option and the record's field."""


_SETTINGS = {
    ("ecs", "UpdateService"): _Setting(
        frozenset({"cluster", "service"}), {"desiredCount": ("--desired-count", "desired")}
    ),
    ("autoscaling", "SetDesiredCapacity"): _Setting(
        frozenset({"AutoScalingGroupName"}), {"DesiredCapacity": ("--desired-capacity", "desired")}
    ),
    ("autoscaling", "UpdateAutoScalingGroup"): _Setting(
        frozenset({"AutoScalingGroupName"}),
        {
            "MinSize": ("--min-size", "min"),
            "MaxSize": ("--max-size", "max"),
            "DesiredCapacity": ("--desired-capacity", "desired"),
        },
    ),
    ("lambda", "UpdateFunctionConfiguration"): _Setting(
        frozenset({"FunctionName"}),
        {"MemorySize": ("--memory-size", "memory_mb"), "Timeout": ("--timeout", "timeout_s")},
    ),
}


def inverse_of(
    checked: CheckedCommand, resources: Sequence[Resource], catalog: Catalog
) -> str | None:
    """Return the inverse of ``checked``, None unless there is a true one.

    Only for commands that touch one resource: of several, some may be as wanted already, and the
    inverse would change those too.

    Parameters
    ----------
    resources
        What the command touches, as it is before.
    """
    if len(resources) != 1:
        return None
    resource = resources[0]
    kind = catalog.get(resource.resource_type)
    if kind is None or kind.service != checked.service:
        return None
    setting = _SETTINGS.get((checked.service, checked.operation))
    if setting is not None:
        return _old_values(checked, resource, setting)
    return _way_back(checked, resource, kind)


def _way_back(checked: CheckedCommand, resource: Resource, kind: ResourceType) -> str | None:
    """Return the action that leads back to the state before."""
    for action in kind.actions.values():
        if action.operation != checked.operation or action.inverse is None:
            continue
        if not _values(action.command) <= set(checked.argv):
            continue
        back = kind.actions[action.inverse]
        if resource.state is None or back.to_state != resource.state:
            # The command changes nothing, or the way back leads elsewhere.
            return None
        try:
            words = back.argv(template_values(resource))
        except KeyError:
            # It wants a value that only the operator has.
            return None
        place = ["--region", checked.region] if checked.region else []
        return shlex.join([*words, *place])
    return None


def _values(command: str) -> set[str]:
    """Return what tells a command from others of its operation: flags and constant values."""
    words = command.split()[3:]
    flags = {
        word
        for word, following in pairwise([*words, "--"])
        if word.startswith("--") and following.startswith("--")
    }
    return flags | {word for word in words if not word.startswith("--") and "{" not in word}


def _old_values(checked: CheckedCommand, resource: Resource, setting: _Setting) -> str | None:
    """Return the same command with the values that the record has now."""
    given = set(checked.parameters)
    if not given <= setting.named_by | setting.values.keys():
        # It changes more than can be put back.
        return None
    words = list(checked.argv)
    changed = False
    for parameter in given & setting.values.keys():
        option, field = setting.values[parameter]
        before = resource.metadata.get(field)
        if not isinstance(before, int) or isinstance(before, bool) or option not in words[:-1]:
            return None
        changed = changed or before != checked.parameters[parameter]
        words[words.index(option) + 1] = str(before)
    return shlex.join(_without_profile(words)) if changed else None


def _without_profile(words: list[str]) -> list[str]:
    """Leave the profile to the runbook, as the catalog's commands do."""
    if "--profile" not in words[:-1]:
        return words
    at = words.index("--profile")
    return [*words[:at], *words[at + 2 :]]
