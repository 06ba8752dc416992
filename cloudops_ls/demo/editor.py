"""The demo's editor: a small scripted LSP client, talking to the real server over stdio."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from cloudops_ls.demo.buffer import Buffer
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.confirming import REFUSE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

REQUEST_SECONDS = 60.0
EXIT_SECONDS = 10.0
_PROGRESS = "demo"

_CAPABILITIES = types.ClientCapabilities(
    general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf16]),
    workspace=types.WorkspaceClientCapabilities(
        apply_edit=True,
        workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
        configuration=True,
        code_lens=types.CodeLensWorkspaceClientCapabilities(refresh_support=True),
        execute_command=types.ExecuteCommandClientCapabilities(),
    ),
    text_document=types.TextDocumentClientCapabilities(
        synchronization=types.TextDocumentSyncClientCapabilities(did_save=True),
        completion=types.CompletionClientCapabilities(
            completion_item=types.ClientCompletionItemOptions(
                documentation_format=[types.MarkupKind.Markdown],
                insert_replace_support=False,
                label_details_support=True,
                resolve_support=types.ClientCompletionItemResolveOptions(
                    properties=["documentation", "detail"]
                ),
            ),
            context_support=True,
        ),
        hover=types.HoverClientCapabilities(content_format=[types.MarkupKind.Markdown]),
        code_lens=types.CodeLensClientCapabilities(),
    ),
    window=types.WindowClientCapabilities(
        work_done_progress=True,
        show_message=types.ShowMessageRequestClientCapabilities(),
    ),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What the server asks through ``window/showMessageRequest``."""

    message: str
    choices: tuple[str, ...]

    @property
    def yes(self) -> str:
        """The choice that lets the command run; it need not be the first."""
        return next((choice for choice in self.choices if choice != REFUSE), REFUSE)


@dataclass(slots=True)
class Work:
    """One piece of work in progress, as ``$/progress`` tells it."""

    title: str = ""
    percentage: int | None = None
    lines: list[str] = field(default_factory=list)
    """Every message so far, newest last."""


class Editor:
    """Holds one buffer and speaks LSP for it.

    Parameters
    ----------
    answer
        Gives the operator's choice, or None to close the question without one.
    redraw
        Called after everything that changes what a user would see.
    """

    def __init__(
        self,
        *,
        answer: Callable[[Question], Awaitable[str | None]],
        redraw: Callable[[], None],
    ) -> None:
        self.buffer: Buffer
        self.work: Work | None = None
        self.messages: list[str] = []
        self._answer = answer
        self._redraw = redraw
        self._asking: set[asyncio.Future[str | None]] = set()
        self._settings: Mapping[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._stderr: deque[str] = deque(maxlen=20)
        self._draining: asyncio.Task[None] | None = None
        self._client = _Client("cloudops-demo", "1")
        self._register()

    async def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        settings: Mapping[str, Any],
    ) -> None:
        """Start the server and initialize it.

        Parameters
        ----------
        command
            Program and arguments of the server.
        environment
            Its whole environment.
        folder
            The workspace folder and working directory.
        settings
            The ``cloudops`` section, sent as initialization options.
        """
        self._settings = settings
        # A session of its own: a terminal's Ctrl-C ends the demo, and the demo ends the server.
        await self._client.start_io(
            *command, env=dict(environment), cwd=str(folder), start_new_session=True
        )
        self._process = self._client.process
        self._draining = asyncio.create_task(self._drain())
        await self._wait(
            self._client.initialize_async(
                types.InitializeParams(
                    process_id=None,
                    client_info=types.ClientInfo("cloudops-demo"),
                    root_uri=folder.as_uri(),
                    workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name)],
                    capabilities=_CAPABILITIES,
                    initialization_options=dict(settings),
                )
            )
        )
        self._client.initialized(types.InitializedParams())

    async def close(self) -> None:
        """Say goodbye as an editor does, and make sure that the server is gone."""
        process = self._process
        if process is None:
            return
        # Closing an editor closes its open questions, which is a No.
        for asking in list(self._asking):
            asking.cancel()
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                if process.returncode is None:
                    await self._client.shutdown_async(None)
                    self._client.exit(None)
                await process.wait()
        except (TimeoutError, RuntimeError, JsonRpcException, ConnectionError):
            if process.returncode is None:
                process.kill()
        await process.wait()
        await self._client.end()
        if self._draining is not None:
            await self._draining

    def open(self, path: Path) -> None:
        """Open a file in the editor's one buffer."""
        self.buffer = Buffer(path)
        self._client.text_document_did_open(
            types.DidOpenTextDocumentParams(
                types.TextDocumentItem(
                    uri=self.buffer.uri,
                    language_id="markdown",
                    version=self.buffer.version,
                    text=self.buffer.text,
                )
            )
        )
        self._redraw()

    def save(self) -> None:
        """Write the buffer to its file."""
        self.buffer.path.write_text(self.buffer.text, encoding="utf-8")
        self._client.text_document_did_save(
            types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(self.buffer.uri))
        )

    def type(self, text: str) -> None:
        """Type one character, or paste a text, at the cursor."""
        self._tell(self.buffer.insert(text))

    async def complete(self) -> list[types.CompletionItem]:
        """Return what the server offers at the cursor, best first."""
        answer = await self._wait(
            self._client.text_document_completion_async(
                types.CompletionParams(
                    text_document=types.TextDocumentIdentifier(self.buffer.uri),
                    position=self.buffer.position(self.buffer.cursor),
                    context=types.CompletionContext(types.CompletionTriggerKind.Invoked),
                )
            )
        )
        items = answer.items if isinstance(answer, types.CompletionList) else answer or []
        return sorted(items, key=lambda item: item.sort_text or item.label)

    def accept(self, item: types.CompletionItem) -> None:
        """Put a completion into the buffer."""
        if not isinstance(item.text_edit, types.TextEdit):
            raise CloudOpsError("The server offered a completion without saying where it goes")
        self._tell(self.buffer.apply([item.text_edit]))

    async def hover(self, offset: int) -> str:
        """Return the Markdown of the hover card at an offset; empty when there is none."""
        answer = await self._wait(
            self._client.text_document_hover_async(
                types.HoverParams(
                    text_document=types.TextDocumentIdentifier(self.buffer.uri),
                    position=self.buffer.position(offset),
                )
            )
        )
        if answer is None or not isinstance(answer.contents, types.MarkupContent):
            return ""
        return answer.contents.value

    async def lenses(self) -> list[types.CodeLens]:
        """Return the code lenses of the buffer, resolved."""
        lenses = await self._wait(
            self._client.text_document_code_lens_async(
                types.CodeLensParams(types.TextDocumentIdentifier(self.buffer.uri))
            )
        )
        return [
            lens if lens.command else await self._wait(self._client.code_lens_resolve_async(lens))
            for lens in lenses or []
        ]

    async def execute(self, command: str, *arguments: Any, seconds: float | None) -> Any:
        """Run a server command and return its result; progress shows in :attr:`work`.

        ``seconds`` is the longest wait, None where a person may be asked meanwhile.
        """
        self.work = Work()
        return await self._wait(
            self._client.workspace_execute_command_async(
                types.ExecuteCommandParams(
                    command=command, arguments=list(arguments), work_done_token=_PROGRESS
                )
            ),
            seconds,
        )

    def at(self, offset: int) -> dict[str, Any]:
        """Return the argument of the commands that work at a place in the buffer."""
        position = self.buffer.position(offset)
        return {
            "uri": self.buffer.uri,
            "position": {"line": position.line, "character": position.character},
        }

    def _register(self) -> None:
        handlers: dict[str, Callable[[Any], Any]] = {
            types.WORKSPACE_APPLY_EDIT: self._apply_edit,
            types.WINDOW_SHOW_MESSAGE_REQUEST: self._ask,
            types.WINDOW_SHOW_MESSAGE: self._show,
            types.WORKSPACE_CONFIGURATION: self._configuration,
            types.PROGRESS: self._progress,
            types.WINDOW_LOG_MESSAGE: _ignore,
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: _ignore,
            types.WINDOW_WORK_DONE_PROGRESS_CREATE: _ignore,
            types.CLIENT_REGISTER_CAPABILITY: _ignore,
            types.WORKSPACE_CODE_LENS_REFRESH: _ignore,
        }
        for method, handler in handlers.items():
            self._client.on(method, handler)

    def _apply_edit(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        edits: list[types.TextEdit] = []
        for change in params.edit.document_changes or []:
            if not isinstance(change, types.TextDocumentEdit):
                return types.ApplyWorkspaceEditResult(False, "only text edits are supported")
            if change.text_document.version not in (None, self.buffer.version):
                return types.ApplyWorkspaceEditResult(False, "the document has changed")
            edits += [one for one in change.edits if isinstance(one, types.TextEdit)]
        for uri, changes in (params.edit.changes or {}).items():
            if uri == self.buffer.uri:
                edits += changes
        self._tell(self.buffer.apply(edits))
        return types.ApplyWorkspaceEditResult(True)

    async def _ask(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        choices = tuple(action.title for action in params.actions or ())
        asking = asyncio.ensure_future(self._answer(Question(params.message, choices)))
        self._asking.add(asking)
        try:
            chosen = await asking
        except asyncio.CancelledError:
            # The editor is closing under the question.
            chosen = None
        finally:
            self._asking.discard(asking)
        return types.MessageActionItem(chosen) if chosen is not None else None

    def _show(self, params: types.ShowMessageParams) -> None:
        self.messages.append(params.message)
        self._redraw()

    def _configuration(self, params: types.ConfigurationParams) -> list[Any]:
        return [
            dict(self._settings) if item.section == "cloudops" else None for item in params.items
        ]

    def _progress(self, params: types.ProgressParams) -> None:
        if self.work is None:
            self.work = Work()
        value = params.value

        def read(name: str) -> Any:
            return value.get(name) if isinstance(value, dict) else getattr(value, name, None)

        self.work.title = str(read("title") or self.work.title)
        percentage = read("percentage")
        if percentage is not None:
            self.work.percentage = int(percentage)
        message = read("message")
        if message:
            self.work.lines.append(str(message))
        self._redraw()

    def _tell(self, changes: list[types.TextDocumentContentChangeEvent]) -> None:
        if changes:
            self._client.text_document_did_change(
                types.DidChangeTextDocumentParams(
                    types.VersionedTextDocumentIdentifier(self.buffer.version, self.buffer.uri),
                    changes,
                )
            )
        self._redraw()

    async def _wait(self, request: Awaitable[T], seconds: float | None = REQUEST_SECONDS) -> T:
        # The answer may still come after a timeout or an interrupt, and must find its request.
        asked = asyncio.ensure_future(request)
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(asked), seconds)
        except TimeoutError:
            raise CloudOpsError(f"The language server did not answer in {seconds} s") from None
        except JsonRpcException as error:
            raise CloudOpsError(f"The language server refused: {error.message}") from None
        except RuntimeError as error:
            reason = self._stderr[-1] if self._stderr else str(error)
            raise CloudOpsError(f"The language server stopped: {reason}") from None

    async def _drain(self) -> None:
        stream = self._process.stderr if self._process else None
        while stream is not None and (line := await stream.readline()):
            self._stderr.append(line.decode(errors="replace").rstrip())


class _Client(LanguageClient):
    """pygls' client, with a way to its server's process."""

    @property
    def process(self) -> asyncio.subprocess.Process | None:
        return self._server

    def on(self, method: str, handler: Callable[[Any], Any]) -> None:
        """Handle a request or notification of the server."""
        # pygls marks what it registers, and a bound method cannot be marked.
        self.feature(method)(partial(handler))

    async def end(self) -> None:
        """Stop reading; the server must have ended."""
        await self.stop()  # type: ignore[no-untyped-call] # pygls has no types here


def _ignore(_params: Any) -> None:
    """Answer what needs no more than an answer."""
