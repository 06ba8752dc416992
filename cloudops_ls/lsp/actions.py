"""``textDocument/codeAction`` and ``textDocument/codeLens``: ask, run, copy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.commands.placeholders import placeholders
from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.estate.untrusted import visible
from cloudops_ls.logs import logger
from cloudops_ls.lsp import command_ids
from cloudops_ls.lsp.asking import selected_words
from cloudops_ls.lsp.choosing import choice_actions
from cloudops_ls.lsp.guard import show
from cloudops_ls.lsp.plan_steps import plan_commands
from cloudops_ls.lsp.quick_fixes import quick_fixes
from cloudops_ls.lsp.undoing import undo_actions
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.lsp.arguments import CopyCommand
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command, Runbook
    from cloudops_ls.runbook.text import Encoding

_TITLE_LENGTH = 60


async def code_actions(
    session: Session, document: RunbookDocument, selection: types.Range
) -> list[types.CodeAction | types.Command]:
    """Return what can be done at the cursor. Nothing is checked or asked yet."""
    offset = document.offset(selection.start)
    runbook = document.runbook
    actions = quick_fixes(session, document, offset)
    actions += await undo_actions(session, document, offset)
    command = runbook.command_at(offset)
    if command is not None:
        run = _run(document, command)
        actions.append(
            types.CodeAction(title=run.title, kind=types.CodeActionKind.QuickFix, command=run)
        )
        copy = types.Command(
            title="Copy command",
            command=command_ids.COPY_COMMAND,
            arguments=[{"text": command.text}],
        )
        actions.append(
            types.CodeAction(title=copy.title, kind=types.CodeActionKind.Empty, command=copy)
        )
        actions += _plan_actions(document, offset)
    selected = _selection_action(document, selection)
    if not _is_one_word(document, selection):
        actions += selected
        selected = []
    actions += await choice_actions(session, document, offset)
    turn = runbook.user_turn_at(offset)
    if turn is not None:
        answered = runbook.assistant_turn_for(turn) is not None
        ask = types.Command(
            title="Ask CloudOps again" if answered else "Ask CloudOps",
            command=command_ids.SEND_PARAGRAPH,
            arguments=[_place(document.uri, document.position(turn.span.start))],
        )
        actions.append(
            types.CodeAction(title=ask.title, kind=types.CodeActionKind.QuickFix, command=ask)
        )
    return actions + selected


def _is_one_word(document: RunbookDocument, selection: types.Range) -> bool:
    """Whether the range may be that of the word at the cursor, as Emacs sends it."""
    words = document.source[document.offset(selection.start) : document.offset(selection.end)]
    return len(words.split()) <= 1


def _selection_action(
    document: RunbookDocument, selection: types.Range
) -> list[types.CodeAction | types.Command]:
    """Return the action that asks about the selected words, where they are words of one turn."""
    span = Span(document.offset(selection.start), document.offset(selection.end))
    # Where the cursor is a selection of one character, as in Helix, nothing is selected.
    words = selected_words(document, span) if span.end - span.start > 1 else None
    turn = document.runbook.user_turn_at(words.start) if words is not None else None
    if words is None or turn is None or words in (turn.span, Span(turn.span.start, turn.insert_at)):
        return []
    found = document.range(words)
    ends = {
        name: {"line": place.line, "character": place.character}
        for name, place in (("start", found.start), ("end", found.end))
    }
    ask = types.Command(
        title="Ask CloudOps about the selection",
        command=command_ids.SEND_SELECTION,
        arguments=[{"uri": document.uri, "range": ends}],
    )
    return [types.CodeAction(title=ask.title, kind=types.CodeActionKind.QuickFix, command=ask)]


async def code_lenses(document: RunbookDocument) -> list[types.CodeLens]:
    """Return one unresolved lens per command; risk is added when it comes into view."""
    # Reading all commands of a large file takes a while, and keys typed meanwhile come first.
    return await asyncio.to_thread(_lenses, document.uri, document.runbook, document.encoding)


def _lenses(uri: str, runbook: Runbook, encoding: Encoding) -> list[types.CodeLens]:
    lenses = []
    for command in runbook.commands:
        start = types.Position(*runbook.lines.position(command.span.start, encoding))
        end = types.Position(*runbook.lines.position(command.span.end, encoding))
        status = command.output.status if command.output is not None else None
        place = {**_place(uri, start), "text": command.text}
        lenses.append(
            types.CodeLens(types.Range(start, end), data={"place": place, "executed": status})
        )
        plan = plan_commands(runbook, command.span.start)
        if len(plan) > 1 and plan[0].span == command.span:
            data = {"place": _place(uri, start), "steps": len(plan)}
            lenses.append(types.CodeLens(types.Range(start, end), data=data))
    return lenses


async def resolve_lens(session: Session, lens: types.CodeLens) -> types.CodeLens:
    """Say how risky the command of a lens is, or why it cannot run."""
    from cloudops_ls.lsp.checking import check

    data: Any = lens.data
    place = data["place"]
    document = session.document(place["uri"])
    if "steps" in data:
        title = f"▶▶ Run all {data['steps']} steps"
        lens.command = types.Command(title=title, command=command_ids.RUN_PLAN, arguments=[place])
        return lens
    title = "▶ Run"
    if sources := sorted({each.step for each in placeholders(place["text"])}):
        document = None
        title += f" · filled in from step {' and '.join(str(number) for number in sources)}"
    try:
        if document is not None:
            checked = (await check(session, document, place["text"])).command
            secret = " · reveals a secret" if checked.reveals_secret else ""
            title = f"▶ Run · {checked.access} · {checked.risk.level} risk{secret}"
            title += _state(session, checked.resources)
    except RetryableError as error:
        # Not the command's fault.
        logger.info("lens: %s", type(error).__name__)
    except CloudOpsError as error:
        title = f"✖ Cannot run: {error.what}"
    if data.get("executed"):
        title += f" · last run: {data['executed']}"
    lens.command = types.Command(
        title=title, command=command_ids.EXECUTE_COMMAND, arguments=[place]
    )
    return lens


def _plan_actions(document: RunbookDocument, offset: int) -> list[types.CodeAction | types.Command]:
    plan = plan_commands(document.runbook, offset)
    if len(plan) < 2:
        return []
    place = _place(document.uri, document.position(plan[0].span.start))
    found: list[types.CodeAction | types.Command] = []
    for mode, title in (
        ("step", f"Run all {len(plan)} steps, one by one"),
        ("all", f"Review all {len(plan)} steps and approve them once"),
    ):
        command = types.Command(
            title=title, command=command_ids.RUN_PLAN, arguments=[{**place, "mode": mode}]
        )
        found.append(
            types.CodeAction(title=title, kind=types.CodeActionKind.QuickFix, command=command)
        )
    return found


def _state(session: Session, arns: Sequence[str]) -> str:
    """Return how the one resource is that a command is about."""
    entries = session.estate.names.find(arns[0]) if len(arns) == 1 else []
    return f" · now {visible(entries[0].state)}" if entries and entries[0].state else ""


def _run(document: RunbookDocument, command: Command) -> types.Command:
    text = " ".join(command.text.split())
    if len(text) > _TITLE_LENGTH:
        text = text[: _TITLE_LENGTH - 1] + "…"
    return types.Command(
        title=f"Run: {text}",
        command=command_ids.EXECUTE_COMMAND,
        arguments=[
            {
                **_place(document.uri, document.position(command.span.start)),
                "text": command.text,
            }
        ],
    )


def _place(uri: str, position: types.Position) -> dict[str, Any]:
    return {
        "uri": uri,
        "position": {"line": position.line, "character": position.character},
    }


def copy_command(session: Session, wanted: CopyCommand) -> dict[str, Any]:
    """Show the text of a command, for clients without a clipboard of their own.

    Others handle this id themselves; a server has none.
    """
    show(session.server, wanted.text)
    return {"text": wanted.text}
