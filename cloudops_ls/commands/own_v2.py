"""Commands that only version 2 of the AWS CLI has, as the parser of version 1 can read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.commands import awscli_bridge as cli
from cloudops_ls.commands.custom_effects import v2_effects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.commands.custom_effects import V2Effect


def v2_commands(session: Any) -> dict[str, dict[str, Any]]:
    """Return commands of the CLI's own kind by service; under "" those that have none."""
    found: dict[str, dict[str, Any]] = {}
    for path, effect in v2_effects().items():
        service, _, name = path.rpartition(" ")
        found.setdefault(service, {})[name] = _command(name, effect)(session)
    return found


def group_of(name: str, commands: dict[str, Any], session: Any) -> Any:
    """Return a command that only has subcommands, such as ``ddb``."""
    group = type(
        f"Group_{name}",
        (cli.BasicCommand,),
        {
            "NAME": name,
            "SUBCOMMANDS": [
                {"name": each, "command_class": type(command)} for each, command in commands.items()
            ],
        },
    )
    return group(session)


def _command(name: str, effect: V2Effect) -> Any:
    return type(
        f"V2_{name}", (cli.BasicCommand,), {"NAME": name, "ARG_TABLE": list(_arguments(effect))}
    )


def _arguments(effect: V2Effect) -> Iterator[dict[str, Any]]:
    for name in effect.positional:
        yield {"name": name, "positional_arg": True}
    for name, takes in effect.options.items():
        match takes:
            case "switch":
                yield {"name": name, "action": "store_true"}
            case "list":
                yield {"name": name, "nargs": "+"}
            case "text":
                yield {"name": name}
            case values:
                yield {"name": name, "choices": list(values)}
