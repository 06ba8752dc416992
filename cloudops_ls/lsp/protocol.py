"""pygls' language server protocol, mended where it loses edits, shutdowns or exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.protocol import LanguageServerProtocol, lsp_method

from cloudops_ls.lsp.documents import RunbookWorkspace

if TYPE_CHECKING:
    from collections.abc import Generator


class CloudOpsProtocol(LanguageServerProtocol):
    """The protocol with our documents and an orderly shutdown.

    - Documents split lines as LSP does; pygls' own also split at form feed, NEL and U+2028.
    - ``workspace/textDocumentContent`` is announced; pygls serves it and does not say so.
    - ``shutdown`` walks over a copy of the requests in flight (pygls#606).
    """

    @property
    def shut_down(self) -> bool:
        """Whether the client asked for ``shutdown``; decides the exit code."""
        return self._shutdown

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(
        self, params: types.InitializeParams
    ) -> Generator[Any, Any, types.InitializeResult]:
        """Answer ``initialize``, then hold documents in a workspace of our own."""
        result = yield from super().lsp_initialize(params)
        told = result.capabilities.workspace
        options = self.fm.feature_options.get(types.WORKSPACE_TEXT_DOCUMENT_CONTENT)
        if told is not None and isinstance(options, types.TextDocumentContentOptions):
            told.text_document_content = options
        self._workspace = RunbookWorkspace(
            self.workspace.root_uri,
            self._server._text_document_sync_kind,
            list(self.workspace.folders.values()),
            self.workspace.position_encoding,
        )
        return result

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        """Let the server stop its work, then cancel what is still waiting."""
        handler = self.fm.features.get(types.SHUTDOWN)
        if handler is not None:
            yield handler, args, None
        current = self.msg_id
        for msg_id, future in list(self._request_futures.items()):
            if msg_id != current and not future.done():
                future.cancel()
        self._shutdown = True
