"""The table of ``workspace/executeCommand`` names what is there."""

from __future__ import annotations

import inspect
from itertools import chain

import pytest

from cloudops_ls.lsp import command_ids
from cloudops_ls.lsp.commands.registry import COMMANDS, LspCommand

ALL = tuple(chain.from_iterable(COMMANDS.values()))


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.id)
def test_a_command_is_answered_by_a_function_that_takes_its_argument(command: LspCommand) -> None:
    handler = command.handler()
    kinds = [str(each.annotation) for each in inspect.signature(handler).parameters.values()]
    assert kinds == ["Session", *([command.argument] if command.argument else [])]
    if command.argument:
        assert command.argument_model().__name__ == command.argument
    # It is what docs/lsp-commands.md says of it.
    assert handler.__doc__


def test_every_id_is_in_the_table_once() -> None:
    ids = [value for name, value in vars(command_ids).items() if name.isupper()]
    assert sorted(command.id for command in ALL) == sorted(ids)
