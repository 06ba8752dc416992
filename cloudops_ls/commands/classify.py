"""What a command can do: access level, and whether its answer holds secrets.

The table is generated (``tools/generate_access_levels.py``); this module only reads it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.custom_effects import effect_of
from cloudops_ls.commands.model import AccessLevel

if TYPE_CHECKING:
    from cloudops_ls.commands.parsed import ParsedCommand


@dataclass(frozen=True, slots=True)
class Classification:
    """What a command can do.

    Attributes
    ----------
    access
        The strongest thing it does.
    reveals_secret
        Its answer holds credentials, keys or plaintext.
    calls
        API calls it makes, as ``rds:StopDBInstance``.
    notes
        Reasons for its risk that only the command itself explains.
    """

    access: AccessLevel
    reveals_secret: bool
    calls: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Classifier:
    """Looks operations up in the generated table; thread-safe, loaded on first use.

    Parameters
    ----------
    table
        The table's content; by default the one that ships with this package.
    """

    def __init__(self, table: dict[str, Any] | None = None) -> None:
        self._given = table

    @cached_property
    def _table(self) -> dict[str, Any]:
        if self._given is not None:
            return self._given
        source = files("cloudops_ls.commands").joinpath("data", "access_levels.json")
        table: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
        return table

    @cached_property
    def _by_service(self) -> dict[str, dict[str, AccessLevel]]:
        return {}

    @cached_property
    def _secret(self) -> frozenset[str]:
        return frozenset(self._table["secrets"]["always"])

    @cached_property
    def _environment(self) -> tuple[frozenset[str], re.Pattern[str]]:
        table = self._table["secrets"]["environment"]
        return frozenset(table["operations"]), re.compile("|".join(table["names"]), re.IGNORECASE)

    def level(self, service: str, operation: str) -> AccessLevel:
        """Return the access level of an API operation by botocore's names."""
        operations = self._by_service.get(service)
        if operations is None:
            operations = {
                name: AccessLevel(kind)
                for kind, names in self._table["services"].get(service, {}).items()
                for name in names.split()
            }
            self._by_service[service] = operations
        return operations.get(operation, AccessLevel.UNKNOWN)

    def reveals_secret(
        self,
        service: str,
        operation: str,
        parameters: Any = None,
        let_through: frozenset[str] | None = None,
    ) -> bool:
        """Whether the answer holds secrets.

        Parameters
        ----------
        parameters
            Of the call.
        let_through
            What is left of the answer, see ``ParsedCommand``.
        """
        name = f"{service}:{operation}"
        if name in self._secret:
            return True
        operations, variables = self._environment
        if name in operations:
            return let_through is None or any(map(variables.fullmatch, let_through))
        condition = self._table["secrets"]["when"].get(name)
        if condition is None:
            return False
        parameter, value = condition
        return bool((parameters or {}).get(parameter) == value)

    def classify(self, command: ParsedCommand) -> Classification:
        """Classify a parsed command.

        A waiter counts as the operation it polls. The CLI's own commands are in a table of their
        own; one that is not there is unknown.
        """
        if command.custom:
            return self._of_custom(command)
        name = f"{command.service}:{command.operation}"
        # The parameter that decides may be in a file nobody has read.
        values_in_file = any(use.parameter == "--cli-input-json" for use in command.files)
        return Classification(
            self.level(command.service, command.operation),
            self.reveals_secret(
                command.service, command.operation, command.parameters, command.let_through
            )
            or (values_in_file and name in self._table["secrets"]["when"]),
            calls=(name,),
        )

    def _of_custom(self, command: ParsedCommand) -> Classification:
        known = effect_of(command.command)
        if known is None:
            return Classification(AccessLevel.UNKNOWN, reveals_secret=True)
        effect = known.of(command.parameters)
        secret = any(
            self.reveals_secret(service, operation)
            for service, _, operation in (call.partition(":") for call in effect.calls)
        )
        return Classification(effect.access, known.secret or secret, effect.calls, known.notes)
