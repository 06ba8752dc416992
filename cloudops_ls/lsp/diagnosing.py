"""``textDocument/publishDiagnostics``: what is wrong with the commands, while they are typed.

Pushed, not pulled: the findings come from the worker after the request would have been answered.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.commands.placeholders import placeholders
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.commands.diagnose import Finding
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command

SOURCE = "cloudops"
_QUIET_SECONDS = 0.2
"""Pause in the typing before commands are checked."""
_AGAIN_SECONDS = 20.0
"""Rest after the worker could not answer; typing must not start one after the other."""
_BATCH = 32
"""Commands per request: what is on screen first must not wait for a long file."""
_REMEMBERED = 4096

_Place = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Underlined:
    """One published finding with what would mend it."""

    diagnostic: types.Diagnostic
    replacement: str | None


class Diagnoser:
    """Checks the commands of open runbooks, each text once, and publishes what it finds.

    Parameters
    ----------
    session
        Whose documents, profile and worker to use.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[_Place, str], Sequence[Finding]] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._published: dict[str, tuple[int | None, list[Underlined]]] = {}
        self._not_before = 0.0

    def changed(self, document: RunbookDocument) -> None:
        """Check a document again as soon as the typing pauses; the last change wins."""
        self._stop(document.uri)
        task = asyncio.ensure_future(self._later(document))
        self._waiting[document.uri] = task
        task.add_done_callback(_log_failure)

    def closed(self, uri: str) -> None:
        """Take back what was said about a document."""
        self._stop(uri)
        if self._published.pop(uri, None) is not None:
            self._session.server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri=uri, diagnostics=[])
            )

    def forget(self) -> None:
        """Check all open documents afresh: the estate or the settings have changed."""
        self._known.clear()
        for document in self._session.open_runbooks():
            self.changed(document)

    def at(self, document: RunbookDocument, offset: int) -> list[Underlined]:
        """Return what is underlined at an offset, as long as it is still true."""
        version, found = self._published.get(document.uri, (None, []))
        if version != document.version:
            return []
        return [
            each
            for each in found
            if document.offset(each.diagnostic.range.start)
            <= offset
            <= document.offset(each.diagnostic.range.end)
        ]

    def close(self) -> None:
        """Stop all work."""
        for uri in list(self._waiting):
            self._stop(uri)

    def _stop(self, uri: str) -> None:
        task = self._waiting.pop(uri, None)
        if task is not None:
            task.cancel()

    async def _later(self, document: RunbookDocument) -> None:
        await asyncio.sleep(_QUIET_SECONDS)
        # A command checked for another profile would be underlined for nothing.
        await self._session.configuration.settled()
        runbook, version = document.runbook, document.version
        place = self._session.profile_for(runbook), self._session.region_for(runbook)
        # Reading all commands of a large file takes a while, and keys come first.
        commands = await asyncio.to_thread(lambda: runbook.commands)
        wanted = dict.fromkeys(each.text for each in commands)
        # One whose values come from another step can only be judged with them.
        self._known.update(((place, text), ()) for text in wanted if placeholders(text))
        missing = [text for text in wanted if (place, text) not in self._known]
        for start in range(0, len(missing), _BATCH):
            await self._check(place, missing[start : start + _BATCH])
            self._publish(document, version, commands, place)
        if not missing:
            self._publish(document, version, commands, place)

    async def _check(self, place: _Place, texts: list[str]) -> None:
        from cloudops_ls.commands.diagnose import Finding
        from cloudops_ls.worker import wire

        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            return
        profile, region = place
        try:
            answer = await self._session.worker.request(
                wire.DIAGNOSE, {"texts": texts, "profile": profile, "region": region}
            )
        except CloudOpsError as error:
            # Whoever runs a command is told; nobody who types one is.
            self._not_before = loop.time() + _AGAIN_SECONDS
            logger.info("diagnostics: %s", type(error).__name__)
            return
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        for text, findings in zip(texts, answer, strict=True):
            self._known[place, text] = [Finding.model_validate(each) for each in findings]

    def _publish(
        self,
        document: RunbookDocument,
        version: int | None,
        commands: Sequence[Command],
        place: _Place,
    ) -> None:
        if document.closed or document.version != version:
            return
        found = [
            _underlined(document, command, finding)
            for command in commands
            for finding in self._known.get((place, command.text), ())
        ]
        before = self._published.get(document.uri)
        self._published[document.uri] = (version, found)
        if before is None and not found:
            return
        self._session.server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                uri=document.uri,
                version=version,
                diagnostics=[each.diagnostic for each in found],
            )
        )


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


def _underlined(document: RunbookDocument, command: Command, finding: Finding) -> Underlined:
    from cloudops_ls.commands.diagnose import Severity
    from cloudops_ls.commands.model import ProblemKind

    if finding.start is None or finding.end is None:
        span = command.document_span(0, len(command.text.splitlines()[0].rstrip()))
    else:
        span = command.document_span(finding.start, finding.end)
    severity = {
        Severity.ERROR: types.DiagnosticSeverity.Error,
        Severity.WARNING: types.DiagnosticSeverity.Warning,
        Severity.HINT: types.DiagnosticSeverity.Hint,
    }[finding.severity]
    deprecated = finding.code == ProblemKind.DEPRECATED
    diagnostic = types.Diagnostic(
        range=document.range(Span(span.start, max(span.end, span.start))),
        message=finding.message,
        severity=severity,
        code=finding.code,
        source=SOURCE,
        tags=[types.DiagnosticTag.Deprecated] if deprecated else None,
    )
    return Underlined(diagnostic, finding.replacement)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("diagnostics failed: %s", type(task.exception()).__name__)
