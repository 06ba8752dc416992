"""An editor under test control: holds buffers, applies edits, answers questions."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient
from pytest_lsp.client import DEFAULT_CLIENT_FEATURES, register_lsp_features

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LINE_END = re.compile(r"\r\n|\n|\r")
_CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}

Answer = "str | None | Callable[[types.ShowMessageRequestParams], Awaitable[str | None]]"


@dataclass
class Buffer:
    """One open file, with positions counted by Python's own codecs."""

    uri: str
    text: str
    encoding: str
    version: int = 1
    edits: list[str] = field(default_factory=list)
    cursor: int = 0
    """Where it stands; it moves as in VS Code: along with what is inserted where it stands."""

    def offset(self, position: types.Position) -> int:
        start = 0
        for _ in range(position.line):
            end = _LINE_END.search(self.text, start)
            assert end is not None, f"line {position.line} is not in the file"
            start = end.end()
        end = _LINE_END.search(self.text, start)
        line = self.text[start : end.start() if end else len(self.text)]
        codec, size = _CODECS[self.encoding]
        encoded = line.encode(codec)
        assert position.character * size <= len(encoded), f"{position} is beyond its line"
        return start + len(encoded[: position.character * size].decode(codec))

    def position(self, offset: int) -> types.Position:
        ends = [match.end() for match in _LINE_END.finditer(self.text) if match.end() <= offset]
        codec, size = _CODECS[self.encoding]
        before = self.text[ends[-1] if ends else 0 : offset]
        return types.Position(len(ends), len(before.encode(codec)) // size)

    def after(self, needle: str) -> types.Position:
        return self.position(self.text.index(needle) + len(needle))

    def at(self, needle: str) -> types.Position:
        return self.position(self.text.index(needle))


class Editor(LanguageClient):
    """pytest-lsp's client with everything a real editor answers.

    ``answers`` are given to questions in turn: a choice's title, None to close the question, or
    a function. A question without an answer waiting is closed, and kept in ``unexpected``.
    """

    def __init__(self, capabilities: types.ClientCapabilities, settings: Mapping[str, Any]) -> None:
        super().__init__(
            converter_factory=default_converter, configuration={"": {"cloudops": dict(settings)}}
        )
        # Our own handlers take the place of those that only count.
        ours = {types.WORKSPACE_DIAGNOSTIC_REFRESH}
        register_lsp_features(
            self, {name: each for name, each in DEFAULT_CLIENT_FEATURES.items() if name not in ours}
        )
        self.wanted = capabilities
        self.settings = dict(settings)
        self.buffers: dict[str, Buffer] = {}
        self.answers: deque[Any] = deque()
        self.questions: list[types.ShowMessageRequestParams] = []
        self.unexpected: list[str] = []
        self.refuse_edits = False
        self.encoding = "utf-16"
        self.stderr = b""
        self.apply_labels: list[str | None] = []
        self.hint_refreshes = 0
        self._pulls: set[asyncio.Task[None]] = set()
        self._pulled: dict[str, types.RelatedFullDocumentDiagnosticReport] = {}
        self._register()

    def _register(self) -> None:
        @self.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)
        async def question(params: types.ShowMessageRequestParams) -> Any:
            self.questions.append(params)
            if not self.answers:
                self.unexpected.append(params.message)
                return None
            answer = self.answers.popleft()
            if callable(answer):
                answer = await answer(params)
            return types.MessageActionItem(answer) if answer is not None else None

        @self.feature(types.WORKSPACE_APPLY_EDIT)
        def apply_edit(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            if self.refuse_edits:
                return types.ApplyWorkspaceEditResult(applied=False, failure_reason="read-only")
            for change in params.edit.document_changes or []:
                buffer = self.buffers.get(change.text_document.uri)
                if buffer is None or change.text_document.version != buffer.version:
                    return types.ApplyWorkspaceEditResult(applied=False, failure_reason="stale")
                self.apply_labels.append(params.label)
                self._apply(buffer, list(change.edits))
            return types.ApplyWorkspaceEditResult(applied=True)

        @self.feature(types.CLIENT_REGISTER_CAPABILITY)
        def register(_params: types.RegistrationParams) -> None:
            return None

        @self.feature(types.WORKSPACE_INLAY_HINT_REFRESH)
        def refresh_hints(_params: None) -> None:
            self.hint_refreshes += 1

        @self.feature(types.WORKSPACE_DIAGNOSTIC_REFRESH)
        def refresh_diagnostics(_params: None) -> None:
            for buffer in self.buffers.values():
                self._pull(buffer)

        @self.feature(types.WORKSPACE_CODE_LENS_REFRESH)
        def refresh(_params: None) -> None:
            return None

    async def start(
        self,
        environment: Mapping[str, str],
        *,
        options: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
        command: Sequence[str] = (),
        process_id: int | None = None,
    ) -> types.InitializeResult:
        """Start a server and initialize it.

        ``command`` is put before the interpreter, ``arguments`` after the module;
        ``process_id`` is told as the editor's own.
        """
        await LanguageClient.__mro__[1].start_io(  # keep stderr for ourselves
            self,
            *(*command, sys.executable, "-m", "cloudops_ls", *arguments),
            env=dict(environment),
        )
        self._reading_stderr = asyncio.create_task(self._read_stderr())
        result = await self.initialize_session(
            types.InitializeParams(
                capabilities=self.wanted,
                root_uri=None,
                process_id=process_id,
                initialization_options=dict(options or {}),
            )
        )
        self.initialized_with = result
        self.encoding = str(result.capabilities.position_encoding or "utf-16")
        return result

    async def _read_stderr(self) -> None:
        assert self._server is not None and self._server.stderr is not None
        while line := await self._server.stderr.readline():
            self.stderr += line

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._server is not None
        return self._server

    async def quit(self) -> int:
        """End the session as an editor does; return the server's exit code."""
        if self.process.returncode is None:
            await self.shutdown_async(None)
            self.exit(None)
        return await asyncio.wait_for(self.process.wait(), 15)

    def begin_again(self) -> None:
        """Close every file and forget what was heard, as if the session had just begun."""
        for uri, buffer in list(self.buffers.items()):
            buffer.uri = uri  # a test may have said something else
            self.close(buffer)
        for heard in (
            *(self.messages, self.log_messages, self.questions, self.answers),
            *(self.apply_labels, self.progress_reports, self.diagnostics),
        ):
            heard.clear()
        self.refuse_edits = False
        self.hint_refreshes = 0
        self.configure(self.settings)

    def open(self, text: str, name: str = "friday", *, uri: str | None = None) -> Buffer:
        if uri is None:
            uri = f"file:///runbooks/{name}.cloudops.md"
        buffer = Buffer(uri, text, self.encoding)
        self.buffers[buffer.uri] = buffer
        self.text_document_did_open(
            types.DidOpenTextDocumentParams(
                types.TextDocumentItem(buffer.uri, "markdown", buffer.version, text)
            )
        )
        self._pull(buffer)
        return buffer

    @property
    def pulls(self) -> bool:
        """Whether diagnostics are asked for, as VS Code does, and not waited for."""
        document = self.wanted.text_document
        return document is not None and document.diagnostic is not None

    def _pull(self, buffer: Buffer) -> None:
        if not self.pulls:
            return
        pull = asyncio.ensure_future(self._pull_once(buffer))
        self._pulls.add(pull)
        pull.add_done_callback(self._pulls.discard)
        # Whether it went well shows in what is underlined; the server may be gone by then.
        pull.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _pull_once(self, buffer: Buffer) -> None:
        known, version = self._pulled.get(buffer.uri), buffer.version
        report = await self.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(
                types.TextDocumentIdentifier(buffer.uri),
                previous_result_id=known.result_id if known is not None else None,
            )
        )
        if buffer.uri not in self.buffers or version != buffer.version:
            return
        if isinstance(report, types.RelatedFullDocumentDiagnosticReport):
            self._pulled[buffer.uri] = report

    def underlined(self, uri: str) -> list[types.Diagnostic]:
        """Return what is shown of a file: whatever was pushed, and whatever was pulled."""
        pulled = self._pulled.get(uri)
        return [*self.diagnostics.get(uri, []), *(pulled.items if pulled is not None else [])]

    def close(self, buffer: Buffer) -> None:
        del self.buffers[buffer.uri]
        # A client drops what it has pulled itself.
        self._pulled.pop(buffer.uri, None)
        self.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(buffer.uri))
        )

    def type(self, buffer: Buffer, offset: int, text: str, *, delete: int = 0) -> None:
        """Insert ``text`` at a code-point offset, over ``delete`` code points."""
        span = types.Range(buffer.position(offset), buffer.position(offset + delete))
        self._apply(buffer, [types.TextEdit(span, text)])

    def _apply(self, buffer: Buffer, edits: list[Any]) -> None:
        # Ranges of one edit refer to the text before it: apply from the end.
        places = sorted(
            ((buffer.offset(e.range.start), buffer.offset(e.range.end), e) for e in edits),
            key=lambda place: place[0],
            reverse=True,
        )
        changes = []
        for start, end, edit in places:
            changes.append(types.TextDocumentContentChangePartial(edit.range, edit.new_text))
            buffer.text = buffer.text[:start] + edit.new_text + buffer.text[end:]
            buffer.edits.append(edit.new_text)
            if start <= buffer.cursor:
                # From within what is replaced it goes to the end of it.
                buffer.cursor = start + len(edit.new_text) + max(buffer.cursor - end, 0)
        buffer.version += 1
        self.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(buffer.version, buffer.uri), changes
            )
        )
        self._pull(buffer)

    async def complete(self, buffer: Buffer, position: types.Position) -> types.CompletionList:
        result = await self.text_document_completion_async(
            types.CompletionParams(types.TextDocumentIdentifier(buffer.uri), position)
        )
        assert isinstance(result, types.CompletionList)
        return result

    async def hover(self, buffer: Buffer, position: types.Position) -> str | None:
        result = await self.text_document_hover_async(
            types.HoverParams(types.TextDocumentIdentifier(buffer.uri), position)
        )
        if result is None:
            return None
        assert isinstance(result.contents, types.MarkupContent)
        return result.contents.value

    async def actions(
        self, buffer: Buffer, position: types.Position, end: types.Position | None = None
    ) -> dict[str, types.Command]:
        """Return the code actions' commands by title."""
        result = await self.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(buffer.uri),
                types.Range(position, end or position),
                types.CodeActionContext([]),
            )
        )
        commands = {}
        for action in result or []:
            # lsprotocol reads a CodeAction that carries a command as a Command whose id is the
            # printed dictionary.
            inner = (
                ast.literal_eval(action.command)
                if isinstance(action.command, str) and action.command.startswith("{")
                else None
            )
            commands[action.title] = types.Command(**inner) if inner else action.command
        return commands

    async def lenses(self, buffer: Buffer) -> list[types.CodeLens]:
        found = await self.text_document_code_lens_async(
            types.CodeLensParams(types.TextDocumentIdentifier(buffer.uri))
        )
        return [await self.code_lens_resolve_async(lens) for lens in found or []]

    async def inlay_hints(self, buffer: Buffer) -> list[types.InlayHint]:
        found = await self.text_document_inlay_hint_async(
            types.InlayHintParams(
                types.TextDocumentIdentifier(buffer.uri),
                types.Range(types.Position(0, 0), buffer.position(len(buffer.text))),
            )
        )
        return list(found or [])

    async def hints(self, buffer: Buffer) -> dict[str, str]:
        """Return what stands behind which line's last hint, by what stands before it."""
        hints = {}
        for hint in await self.inlay_hints(buffer):
            before = buffer.text[: buffer.offset(hint.position)]
            hints[re.split(r"\s|(?<= )\[", before)[-1]] = str(hint.label)
        return hints

    async def execute(self, command: str, *arguments: Any) -> Any:
        return await self.workspace_execute_command_async(
            types.ExecuteCommandParams(command, list(arguments))
        )

    async def ask(self, buffer: Buffer, needle: str) -> Any:
        return await self.execute("cloudops.sendParagraph", self.place(buffer, needle))

    async def act(self, title: str, buffer: Buffer, start: str, end: str = "") -> Any:
        """Do the code action with this title, on the text from ``start`` up to after ``end``."""
        first = buffer.at(start)
        found = await self.actions(buffer, first, buffer.after(end) if end else None)
        command = found[title]
        return await self.execute(command.command, *(command.arguments or []))

    async def run(self, buffer: Buffer, needle: str) -> Any:
        return await self.execute("cloudops.executeCommand", self.place(buffer, needle))

    def place(self, buffer: Buffer, needle: str) -> dict[str, Any]:
        position = buffer.at(needle)
        return {
            "uri": buffer.uri,
            "position": {"line": position.line, "character": position.character},
        }

    def configure(self, settings: Any) -> None:
        """Change the ``cloudops`` settings and tell the server, as VS Code does."""
        self.set_configuration({} if settings is None else {"cloudops": settings})
        self.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))

    def progress(self) -> str:
        """Every message of work in progress so far."""
        values = [value for reports in self.progress_reports.values() for value in reports]
        return "\n".join(str(getattr(value, "message", "")) for value in values)

    def said(self) -> str:
        """Everything shown to the operator so far."""
        return "\n".join(message.message for message in self.messages)

    def logged(self) -> str:
        return "\n".join(message.message for message in self.log_messages)

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, f"never: {what}\n{self.said()}"
            await asyncio.sleep(0.02)

    def cancel_work(self) -> None:
        """Press cancel on the newest piece of work."""
        token = list(self.progress_reports)[-1]
        self.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
