"""The language server's features, each a closure that delegates.

Nothing here imports more than pygls and lsprotocol: ``initialize`` must be answered first. Each
handler imports what it needs when it is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from cloudops_ls.logs import logger
from cloudops_ls.lsp import guard
from cloudops_ls.lsp.abilities import ClientAbilities
from cloudops_ls.lsp.commands import register_commands
from cloudops_ls.lsp.protocol import CloudOpsProtocol
from cloudops_ls.lsp.session import Session

if TYPE_CHECKING:
    from pygls.exceptions import PyglsError

    from cloudops_ls.lsp.dependencies import Dependencies

_SECTION = "cloudops"


class _DiscreetServer(LanguageServer):
    """Logs internal errors; pygls would show their text, which may hold estate data."""

    def report_server_error(
        self, error: Exception, source: type[PyglsError] | type[JsonRpcException]
    ) -> None:
        """Log the kind of an internal error."""
        logger.error("%s: %s", source.__name__, type(error).__name__)


def create_server(dependencies: Dependencies, *, version: str) -> LanguageServer:
    """Return a language server with every feature registered.

    Parameters
    ----------
    dependencies
        How to build what is behind the features; nothing is built yet.
    version
        Reported to the client.
    """
    server = _DiscreetServer("cloudops-ls", version, protocol_cls=CloudOpsProtocol)
    session = Session(server, dependencies)
    _register_lifecycle(server, session)
    _register_language_features(server, session)
    register_commands(server, session)
    return server


def _register_lifecycle(server: LanguageServer, session: Session) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        options = params.initialization_options
        given = options if isinstance(options, dict) else {}
        session.client = ClientAbilities.of(given)
        session.configuration.initial = given
        document = params.capabilities.text_document
        if document is not None and document.diagnostic is not None:
            _register_diagnostic_pull(server, session)

    @server.feature(types.INITIALIZED)
    async def initialized(_params: types.InitializedParams) -> None:
        from cloudops_ls.lsp.lifecycle import log_to_client, watch_client

        log_to_client(server)
        session.spawn(watch_client(server))
        try:
            await _pull_settings(server, session, {})
        finally:
            session.configuration.settle()
        await _register_for_changes(server)
        await session.start()

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        pushed = params.settings.get(_SECTION) if isinstance(params.settings, dict) else None
        if isinstance(pushed, dict):
            session.configuration.change(pushed)
        # Many clients push nothing, or less than what they tell when asked.
        session.configuration.unsettle()
        try:
            await _pull_settings(server, session, pushed if isinstance(pushed, dict) else {})
        finally:
            session.configuration.settle()
        _ = session.settings
        session.diagnoser.forget()
        session.spawn(session.background.configure_sync())

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        if (document := session.document(params.text_document.uri)) is not None:
            session.diagnoser.changed(document)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        if (document := session.document(params.text_document.uri)) is not None:
            session.diagnoser.changed(document)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        session.diagnoser.closed(params.text_document.uri)

    @server.feature(types.SHUTDOWN)
    async def shutdown(_params: None) -> None:
        await session.close()


def _register_diagnostic_pull(server: LanguageServer, session: Session) -> None:
    session.diagnoser.let_client_pull()

    @server.feature(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        types.DiagnosticOptions(
            inter_file_dependencies=False, workspace_diagnostics=False, identifier=_SECTION
        ),
    )
    async def diagnostic(
        params: types.DocumentDiagnosticParams,
    ) -> types.DocumentDiagnosticReport:
        document = session.document(params.text_document.uri)
        pull = guard.quiet(session.warming.settled)(session.diagnoser.pull)
        found = await pull(document, params.previous_result_id) if document else None
        return found or types.RelatedFullDocumentDiagnosticReport(items=[])


async def _register_for_changes(server: LanguageServer) -> None:
    """Ask to be told of settings; only some clients do so unasked."""
    workspace = server.client_capabilities.workspace
    capability = workspace.did_change_configuration if workspace is not None else None
    if capability is not None and capability.dynamic_registration:
        registration = types.Registration(
            id="cloudops-settings",
            method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            register_options={"section": _SECTION},
        )
        try:
            await server.client_register_capability_async(types.RegistrationParams([registration]))
        except JsonRpcException:
            logger.warning("the client refused to register for changes of settings")


async def _pull_settings(
    server: LanguageServer, session: Session, otherwise: dict[str, Any]
) -> None:
    """Take the client's settings, or ``otherwise`` when it answers that it has none."""
    workspace = server.client_capabilities.workspace
    if workspace is None or not workspace.configuration:
        return
    try:
        answers = await server.workspace_configuration_async(
            types.ConfigurationParams(items=[types.ConfigurationItem(section=_SECTION)])
        )
    except JsonRpcException:
        logger.warning("the client did not tell its settings")
        return
    section = answers[0] if answers else None
    session.configuration.change(section if isinstance(section, dict) else otherwise)


def _register_language_features(server: LanguageServer, session: Session) -> None:
    quiet = guard.quiet(session.warming.settled)
    at_once = guard.quiet(session.warming.first_settled)

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION,
        # '-' must not be a trigger: it stands inside most names.
        types.CompletionOptions(trigger_characters=["@", ":"], resolve_provider=True),
    )
    @at_once
    async def completion(params: types.CompletionParams) -> types.CompletionList | None:
        from cloudops_ls.lsp.command_completion import complete_anywhere

        document = session.document(params.text_document.uri)
        return await complete_anywhere(session, document, params.position) if document else None

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    async def completion_resolve(item: types.CompletionItem) -> types.CompletionItem:
        from cloudops_ls.lsp.completion import resolve

        return await at_once(resolve)(session, item) or item

    @server.feature(types.WORKSPACE_SYMBOL)
    @quiet
    async def symbols(params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol] | None:
        from cloudops_ls.lsp.symbols import workspace_symbols

        return workspace_symbols(session, params.query)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    @quiet
    async def hover(params: types.HoverParams) -> types.Hover | None:
        from cloudops_ls.lsp.hover import hover

        document = session.document(params.text_document.uri)
        return await hover(session, document, params.position) if document else None

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    @quiet
    async def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint] | None:
        from cloudops_ls.lsp.hints import inlay_hints

        document = session.document(params.text_document.uri)
        return await inlay_hints(session, document, params.range) if document else None

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(
            code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.Empty]
        ),
    )
    @quiet
    async def code_action(
        params: types.CodeActionParams,
    ) -> list[types.CodeAction | types.Command] | None:
        from cloudops_ls.lsp.actions import code_actions

        document = session.document(params.text_document.uri)
        return await code_actions(session, document, params.range) if document else None

    @server.feature(
        types.WORKSPACE_TEXT_DOCUMENT_CONTENT,
        types.TextDocumentContentOptions(schemes=["cloudops-preview"]),
    )
    async def text_document_content(
        params: types.TextDocumentContentParams,
    ) -> types.TextDocumentContentResult:
        gone = "This preview is gone; ask for it again.\n"
        return types.TextDocumentContentResult(text=session.previews.get(params.uri, gone))

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=True))
    @quiet
    async def code_lens(params: types.CodeLensParams) -> list[types.CodeLens] | None:
        from cloudops_ls.lsp.actions import code_lenses

        document = session.document(params.text_document.uri)
        return await code_lenses(document) if document else None

    @server.feature(types.CODE_LENS_RESOLVE)
    async def code_lens_resolve(lens: types.CodeLens) -> types.CodeLens:
        await session.warming.settled()
        from cloudops_ls.lsp.actions import resolve_lens

        return await quiet(resolve_lens)(session, lens) or lens
