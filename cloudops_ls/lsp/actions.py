"""``textDocument/codeAction`` and ``textDocument/codeLens``: ask, run, copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.logs import logger
from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command

_TITLE_LENGTH = 60


def code_actions(
    document: RunbookDocument, selection: types.Range
) -> list[types.CodeAction | types.Command]:
    """Return what can be done at the cursor. Nothing is checked or asked yet."""
    offset = document.offset(selection.start)
    runbook = document.runbook
    actions: list[types.CodeAction | types.Command] = []
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
    turn = runbook.user_turn_at(offset)
    if turn is not None:
        answered = runbook.assistant_turn_for(turn) is not None
        ask = types.Command(
            title="Ask CloudOps again" if answered else "Ask CloudOps",
            command=command_ids.SEND_PARAGRAPH,
            arguments=[_place(document, turn.span.start)],
        )
        actions.append(
            types.CodeAction(title=ask.title, kind=types.CodeActionKind.QuickFix, command=ask)
        )
    return actions


def code_lenses(document: RunbookDocument) -> list[types.CodeLens]:
    """Return one unresolved lens per command; risk is added when it comes into view."""
    return [
        types.CodeLens(
            range=document.range(command.span),
            data={
                "place": {**_place(document, command.span.start), "text": command.text},
                "executed": command.output.status if command.output is not None else None,
            },
        )
        for command in document.runbook.commands
    ]


async def resolve_lens(session: Session, lens: types.CodeLens) -> types.CodeLens:
    """Say how risky the command of a lens is, or why it cannot run."""
    from cloudops_ls.lsp.checking import check

    data: Any = lens.data
    place = data["place"]
    document = session.document(place["uri"])
    title = "▶ Run"
    try:
        if document is not None:
            checked = (await check(session, document, place["text"])).command
            secret = " · reveals a secret" if checked.reveals_secret else ""
            title = f"▶ Run · {checked.access} · {checked.risk.level} risk{secret}"
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


def _run(document: RunbookDocument, command: Command) -> types.Command:
    text = " ".join(command.text.split())
    if len(text) > _TITLE_LENGTH:
        text = text[: _TITLE_LENGTH - 1] + "…"
    return types.Command(
        title=f"Run: {text}",
        command=command_ids.EXECUTE_COMMAND,
        arguments=[{**_place(document, command.span.start), "text": command.text}],
    )


def _place(document: RunbookDocument, offset: int) -> dict[str, Any]:
    position = document.position(offset)
    return {
        "uri": document.uri,
        "position": {"line": position.line, "character": position.character},
    }
