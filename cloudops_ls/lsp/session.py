"""What one language server process holds for its editor."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.lsp.abilities import ClientAbilities
from cloudops_ls.lsp.backend import Backend
from cloudops_ls.lsp.background import Background
from cloudops_ls.lsp.diagnosing import Diagnoser
from cloudops_ls.lsp.documents import RunbookDocument, RunbookWorkspace
from cloudops_ls.lsp.guard import show, show_error
from cloudops_ls.lsp.live import LiveResources
from cloudops_ls.lsp.warming import Warming

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from pygls.lsp.server import LanguageServer

    from cloudops_ls.commands.approval import ApprovalBook
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.commands.policy_file import PolicyFile
    from cloudops_ls.commands.verdict import Verdict
    from cloudops_ls.lsp.dependencies import Dependencies
    from cloudops_ls.lsp.kept_reply import KeptReply
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.worker.client import WorkerClient

_RECORD_SECONDS = 3.5
"""Longest wait at shutdown for cancelled commands to end; SIGKILL follows SIGTERM after 3 s."""
_POLL_SECONDS = 0.02


class Session(Backend):
    """The state behind the handlers, built piece by piece when first needed.

    Parameters
    ----------
    server
        The server whose client is served.
    dependencies
        How to build the parts.
    """

    def __init__(self, server: LanguageServer, dependencies: Dependencies) -> None:
        super().__init__(dependencies, self._report_setting)
        self.server = server
        self.client = ClientAbilities()
        self.warming = Warming()
        self._reported: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.background = Background(self)
        self.live = LiveResources(self)
        self.kept_replies: dict[tuple[str, str], KeptReply] = {}
        """Answers whose place in the file was gone, by conversation and prompt."""
        self.planned_requests: dict[tuple[str, str], str] = {}
        """Ids of requests that were shown and not sent yet, by conversation and prompt."""
        self.previews: dict[str, str] = {}
        """Texts of requests that were shown, by URI, for clients that fetch them."""
        self.diagnoser = Diagnoser(self)
        self._approvals: ApprovalBook | None = None
        self._policy: PolicyFile | None = None
        self.work: set[asyncio.Event] = set()
        """Cancel events of what is under way; set when the server shuts down."""
        self.executions: dict[str, asyncio.Event] = {}
        """Cancel events of the executions under way, by id."""
        self.unrecorded: set[str] = set()
        """Executions whose end is not in the store yet; a shutdown waits for them a little."""

    def document(self, uri: str) -> RunbookDocument | None:
        """Return the open runbook at ``uri``, None for other files."""
        workspace = self.server.workspace
        return workspace.open_runbook(uri) if isinstance(workspace, RunbookWorkspace) else None

    def open_runbooks(self) -> list[RunbookDocument]:
        """Return the runbooks that are open."""
        workspace = self.server.workspace
        return workspace.open_runbooks if isinstance(workspace, RunbookWorkspace) else []

    def require_document(self, uri: str) -> RunbookDocument:
        """Return the open runbook at ``uri``.

        Raises
        ------
        CloudOpsError
            It is not open, or not a runbook.
        """
        document = self.document(uri)
        if document is None:
            raise CloudOpsError(
                "This file is not an open runbook",
                where=uri.rsplit("/", 1)[-1],
                fix="Open it, and give it a name that ends in .cloudops.md",
            )
        return document

    def report_once(self, text: str) -> bool:
        """Return whether ``text`` was not reported before; it counts as reported from now on."""
        if text in self._reported:
            return False
        self._reported.add(text)
        return True

    def _report_setting(self, problem: str) -> None:
        if self.report_once(problem):
            show(self.server, problem, types.MessageType.Warning)

    def _connect(self) -> WorkerClient:
        background = self.background
        return self._dependencies.connect_worker(
            background.notified, background.lost, background.connected
        )

    async def request_client(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request of our own to the client; return its result as plain JSON.

        Raises
        ------
        JsonRpcException
            The client failed, or does not know the method.
        """
        return _plain(await self.server.protocol.send_request_async(method, params))

    @contextmanager
    def executing(self, execution_id: str, cancel: asyncio.Event) -> Iterator[None]:
        """Let an execution be cancelled by its id, and a shutdown wait for its record."""
        self.executions[execution_id] = cancel
        self.unrecorded.add(execution_id)
        try:
            yield
        finally:
            del self.executions[execution_id]
            self.unrecorded.discard(execution_id)

    @property
    def approvals(self) -> ApprovalBook:
        """The operator's unused confirmations."""
        if self._approvals is None:
            self._approvals = self._dependencies.build_approvals()
        return self._approvals

    async def decide(self, checked: CheckedCommand, resources: Sequence[Resource]) -> Verdict:
        """Return what the policy file, as it is now, says about a command on ``resources``.

        The operator's preference to be asked about everything counts on top of it.
        """
        from cloudops_ls.commands.verdict import always_asked
        from cloudops_ls.storage.preferences import Approval

        if self._policy is None:
            self._policy = self._dependencies.open_policy()
        verdict = await asyncio.to_thread(self._policy.decide, checked, resources)
        preferred = await self.recall()
        return always_asked(verdict) if preferred.approval is Approval.ALWAYS else verdict

    async def remembered(self) -> None:
        """Read what the user prefers, unless the store cannot be opened; who needs it will say."""
        try:
            await self.recall()
        except CloudOpsError as error:
            logger.info("preferences: %s", type(error).__name__)

    async def start(self) -> None:
        """Open the store and load the names; failures are shown, not raised."""
        try:
            await self.warming.first()
            _ = self.settings
            await self.remembered()
            await self.reload_names()
            self.spawn(self.background.keep_fresh())
            recovered = await self.stored(lambda store: store.executions.recover())
            if recovered:
                show(
                    self.server,
                    f"{len(recovered)} commands were running when CloudOps ended, and nobody saw "
                    "how they ended. None is run again: cloudops-ls executions list",
                    types.MessageType.Warning,
                )
        except CloudOpsError as error:
            show_error(self.server, error)
        except Exception:
            # Nobody awaits this task: what is not caught here would be told to no one.
            logger.exception("start failed")
            show_error(self.server, CloudOpsError("The estate could not be read"))
        # After the names: the first completion goes first.
        self.keep(asyncio.ensure_future(self.warming.features()))

    async def reload_names(self, gone: Sequence[str] = ()) -> None:
        """Take in what has changed in the estate; see ``EstateView.reload``."""
        if await self.estate.reload(gone):
            self.refresh_lenses()
            self.diagnoser.forget()
            self.refresh_hints()

    def refresh_lenses(self) -> None:
        """Ask the client to fetch code lenses again, where it can."""
        workspace = self.server.client_capabilities.workspace
        lens = workspace.code_lens if workspace is not None else None
        if lens is not None and lens.refresh_support:
            self.server.workspace_code_lens_refresh(None)

    def refresh_hints(self) -> None:
        """Ask the client to fetch inlay hints again, where it can."""
        workspace = self.server.client_capabilities.workspace
        hint = workspace.inlay_hint if workspace is not None else None
        if hint is not None and hint.refresh_support:
            self.server.workspace_inlay_hint_refresh(None)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background and log, not raise, its failure."""
        self.keep(asyncio.ensure_future(self._after_imports(work)))

    async def _after_imports(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self.warming.settled()
        except BaseException:
            work.close()
            raise
        await work

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Keep a task from being collected, log its failure, and end it with the session."""
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("background work failed: %s", type(task.exception()).__name__)

    async def close(self) -> None:
        """Cancel what is under way and release everything; safe to call twice."""
        self.diagnoser.close()
        for cancel in list(self.work):
            cancel.set()
        deadline = asyncio.get_running_loop().time() + _RECORD_SECONDS
        while self.unrecorded and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await self.release()


def _plain(value: Any) -> Any:
    """Return what pygls made of a result as the JSON that it was."""
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
