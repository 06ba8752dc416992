"""The command that takes another one back, from the catalog's own data."""

from __future__ import annotations

import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from cloudops_ls.estate.mapping import template_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.storage.resource import Resource


def inverse_of(
    checked: CheckedCommand, resources: Sequence[Resource], catalog: Catalog
) -> str | None:
    """Return the inverse of ``checked``, None unless the catalog declares a true one.

    Only for commands that touch one resource, and change its state as it is now: of several, some
    may be in the target state already, and the inverse would change those too.
    """
    if len(resources) != 1:
        return None
    resource = resources[0]
    kind = catalog.get(resource.resource_type)
    if kind is None or kind.service != checked.service:
        return None
    for action in kind.actions.values():
        if (
            action.operation == checked.operation
            and action.inverse is not None
            and _values(action.command) <= set(checked.argv)
        ):
            if resource.state is not None and resource.state == action.to_state:
                return None
            words = kind.actions[action.inverse].argv(template_values(resource))
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
