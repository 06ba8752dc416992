"""What is wrong with the commands, while they are typed.

Pulled by clients that announce it (``textDocument/diagnostic``, LSP 3.17), pushed to the others
(``textDocument/publishDiagnostics``); never both, for a client would show everything twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cloudops_ls.commands.placeholders import placeholders
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

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
class _Seen:
    """The commands of a document at one version, and where they would run."""

    version: int | None
    commands: Sequence[Command]
    place: _Place


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
        self._pulled = False
        self._asked: dict[str, object] = {}
        """The newest request for each document."""

    def let_client_pull(self) -> None:
        """Publish nothing from now on: the client asks."""
        self._pulled = True

    def changed(self, document: RunbookDocument) -> None:
        """Check a document again as soon as the typing pauses; the last change wins."""
        if self._pulled:
            return
        self._stop(document.uri)
        task = asyncio.ensure_future(self._later(document))
        self._waiting[document.uri] = task
        task.add_done_callback(_log_failure)

    def closed(self, uri: str) -> None:
        """Take back what was said about a document."""
        self._stop(uri)
        self._asked.pop(uri, None)
        if self._published.pop(uri, None) is not None and not self._pulled:
            self._session.server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri=uri, diagnostics=[])
            )

    def forget(self) -> None:
        """Check all open documents afresh: the estate or the settings have changed."""
        self._known.clear()
        if self._pulled:
            self._session.spawn(self._ask_to_pull())
        for document in self._session.open_runbooks():
            self.changed(document)

    async def pull(
        self, document: RunbookDocument, known: str | None
    ) -> types.RelatedFullDocumentDiagnosticReport | types.RelatedUnchangedDocumentDiagnosticReport:
        """Return what is wrong in a document as it is by the time of the answer.

        Parameters
        ----------
        known
            Id of the result that the client has.
        """
        self._asked[document.uri] = request = object()
        await asyncio.sleep(_QUIET_SECONDS)
        while True:
            # A later request finds the same, so this one only has to end; with an error some
            # editors would show it.
            checks = self._asked.get(document.uri) is request
            seen = [each async for each in self._rounds(document, check=checks)][-1]
            if seen.version == document.version or not checks:
                return self._report(document, seen, known)

    def _report(
        self, document: RunbookDocument, seen: _Seen, known: str | None
    ) -> types.RelatedFullDocumentDiagnosticReport | types.RelatedUnchangedDocumentDiagnosticReport:
        if seen.version != document.version and known is not None:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=known)
        found = self._found(document, seen) if seen.version == document.version else []
        self._published[document.uri] = (document.version, found)
        items = [each.diagnostic for each in found]
        id_ = hashlib.sha256(repr(items).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        if id_ == known:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=id_)
        return types.RelatedFullDocumentDiagnosticReport(items=items, result_id=id_)

    async def _ask_to_pull(self) -> None:
        """Tell the client that what it has pulled may not be true any more."""
        server = self._session.server
        workspace = server.client_capabilities.workspace
        capability = workspace.diagnostics if workspace is not None else None
        if capability is None or not capability.refresh_support:
            return
        try:
            await server.workspace_diagnostic_refresh_async(None)
        except JsonRpcException:
            logger.info("the client does not pull diagnostics again")

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
        async for seen in self._rounds(document):
            self._publish(document, seen)

    async def _rounds(
        self, document: RunbookDocument, *, check: bool = True
    ) -> AsyncIterator[_Seen]:
        """Check what is not known yet; yield what was looked at whenever more is known of it."""
        # A command checked for another profile would be underlined for nothing.
        await self._session.configuration.settled()
        runbook, version = document.runbook, document.version
        place = self._session.profile_for(runbook), self._session.region_for(runbook)
        # Reading all commands of a large file takes a while, and keys come first.
        commands = await asyncio.to_thread(lambda: runbook.commands)
        wanted = dict.fromkeys(each.text for each in commands)
        # One whose values come from another step can only be judged with them.
        self._known.update(((place, text), ()) for text in wanted if placeholders(text))
        missing = [text for text in wanted if check and (place, text) not in self._known]
        seen = _Seen(version, commands, place)
        for start in range(0, len(missing), _BATCH):
            await self._check(place, missing[start : start + _BATCH])
            yield seen
        if not missing:
            yield seen

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

    def _found(self, document: RunbookDocument, seen: _Seen) -> list[Underlined]:
        return [
            _underlined(document, command, finding)
            for command in seen.commands
            for finding in self._known.get((seen.place, command.text), ())
        ]

    def _publish(self, document: RunbookDocument, seen: _Seen) -> None:
        if document.closed or document.version != seen.version:
            return
        found = self._found(document, seen)
        before = self._published.get(document.uri)
        self._published[document.uri] = (seen.version, found)
        if before is None and not found:
            return
        self._session.server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                uri=document.uri,
                version=seen.version,
                diagnostics=[each.diagnostic for each in found],
            )
        )


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
