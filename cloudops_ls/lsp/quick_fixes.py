"""Code actions that mend what is underlined in a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session


def quick_fixes(
    session: Session, document: RunbookDocument, offset: int
) -> list[types.CodeAction | types.Command]:
    """Return the replacements for what is underlined at ``offset``."""
    workspace = session.server.client_capabilities.workspace
    capability = workspace.workspace_edit if workspace is not None else None
    actions: list[types.CodeAction | types.Command] = []
    for each in session.diagnoser.at(document, offset):
        if each.replacement is None:
            continue
        change = types.TextEdit(each.diagnostic.range, each.replacement)
        if capability is not None and capability.document_changes:
            identifier = types.OptionalVersionedTextDocumentIdentifier(
                uri=document.uri, version=document.version
            )
            edit = types.WorkspaceEdit(
                document_changes=[types.TextDocumentEdit(identifier, [change])]
            )
        else:
            edit = types.WorkspaceEdit(changes={document.uri: [change]})
        actions.append(
            types.CodeAction(
                title=f"Replace by {each.replacement}",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[each.diagnostic],
                is_preferred=True,
                edit=edit,
            )
        )
    return actions
