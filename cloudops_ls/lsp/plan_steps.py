"""Which commands of a file make a plan, which of them have run, and what they printed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.commands.placeholders import (
    Filled,
    Placeholder,
    PlaceholderError,
    fill,
    placeholders,
    value_in,
)
from cloudops_ls.storage.records import ExecutionStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from cloudops_ls.lsp.documents import Anchor, RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command, Runbook
    from cloudops_ls.storage.records import Execution
    from cloudops_ls.storage.service import StorageService

_LARGEST = 16 * 2**20
"""Characters of output that are read for a value."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a plan.

    Attributes
    ----------
    number
        From 1.
    text
        The command's text when the plan was read.
    anchor
        Where it is by now.
    """

    number: int
    text: str
    anchor: Anchor

    def command(self, document: RunbookDocument) -> Command | None:
        """Return the command as it stands in the file, None when it is gone or another."""
        if not self.anchor.alive:
            return None
        found = document.runbook.command_at(self.anchor.span.start)
        return found if found is not None and found.text == self.text else None


def plan_commands(runbook: Runbook, offset: int) -> tuple[Command, ...]:
    """Return the commands of the plan at ``offset``.

    That is all commands of the answer there, or of the code fence where it belongs to none.
    """
    turn = runbook.assistant_turn_at(offset)
    if turn is not None:
        return tuple(command for block in turn.commands for command in block.commands)
    block = runbook.command_block_at(offset)
    return block.commands if block is not None else ()


def plan_steps(document: RunbookDocument, offset: int) -> tuple[Step, ...]:
    """Return the steps of the plan at ``offset``; empty where there is none."""
    return tuple(
        Step(number, command.text, document.anchor(command.span))
        for number, command in enumerate(plan_commands(document.runbook, offset), 1)
    )


async def succeeded(session: Session, document: RunbookDocument, step: Step) -> Execution | None:
    """Return the run of a step that its output in the file is from, if it went well.

    The file says which execution it was, the store whether that is true.
    """
    command = step.command(document)
    if command is None or command.output is None or not command.output.execution_id:
        return None
    id_ = command.output.execution_id
    found = await session.stored(lambda store: store.executions.get(id_, output=False))
    if found is None or found.command != step.text or found.metadata.get("dry_run"):
        return None
    return found if found.status is ExecutionStatus.SUCCESS else None


async def fill_step(
    session: Session, document: RunbookDocument, steps: Sequence[Step], step: Step
) -> Filled:
    """Return a step with the values of earlier steps' outputs in it.

    Raises
    ------
    PlaceholderError
        A value is not there, or cannot be filled in.
    """
    outputs: dict[int, str] = {}
    for each in placeholders(step.text):
        if each.step >= step.number:
            raise PlaceholderError(
                f"Step {step.number} can only take values from steps before it", where=each.text
            )
        if each.step not in outputs:
            outputs[each.step] = await _output_of(session, document, steps[each.step - 1], each)

    def value_of(placeholder: Placeholder) -> JsonValue:
        return value_in(outputs[placeholder.step], placeholder)

    return fill(step.text, value_of)


async def _output_of(
    session: Session, document: RunbookDocument, step: Step, placeholder: Placeholder
) -> str:
    run = await succeeded(session, document, step)
    if run is None:
        raise PlaceholderError(
            f"Step {step.number} has not run successfully, so there is no value to fill in",
            where=placeholder.text,
            fix=f"Run step {step.number} first",
        )
    if run.metadata.get("reveals_secret"):
        raise PlaceholderError(
            f"The output of step {step.number} holds a secret, which is not written into commands",
            where=placeholder.text,
        )

    def read(store: StorageService) -> str | None:
        too_long = store.executions.output_length(run.id) > _LARGEST
        return None if too_long else "".join(store.executions.output(run.id))

    output = await session.stored(read)
    if output is None:
        raise PlaceholderError(
            f"The output of step {step.number} is too long to take a value from",
            where=placeholder.text,
            fix=f"Let step {step.number} print less, with --query",
        )
    return output


def text_digest(runbook: Runbook) -> str:
    """Return a digest of everything in a file that decides what its commands do.

    That is the front matter and the commands, but not the outputs, which the server writes itself
    while a plan runs.
    """
    matter = runbook.front_matter
    parts = [repr(sorted(matter.values.items())) if matter is not None else ""]
    parts += (command.text for command in runbook.commands)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
