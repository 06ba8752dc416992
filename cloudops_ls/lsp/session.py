"""What one language server process holds: settings, the store, the name index, the worker."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.lsp.abilities import ClientAbilities
from cloudops_ls.lsp.diagnosing import Diagnoser
from cloudops_ls.lsp.documents import RunbookDocument, RunbookWorkspace
from cloudops_ls.lsp.estate_view import EstateView
from cloudops_ls.lsp.guard import show, show_error
from cloudops_ls.lsp.live import LiveResources

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from pygls.lsp.server import LanguageServer

    from cloudops_ls.assistant.base import Assistant
    from cloudops_ls.commands.approval import ApprovalBook
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.commands.policy import Verdict
    from cloudops_ls.commands.policy_file import PolicyFile
    from cloudops_ls.config import AssistantSettings, Settings
    from cloudops_ls.home import Home
    from cloudops_ls.lsp.dependencies import Dependencies
    from cloudops_ls.lsp.kept_reply import KeptReply
    from cloudops_ls.runbook.model import Runbook
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.client import WorkerClient

T = TypeVar("T")

_SETTLE_SECONDS = 10.0
_RECORD_SECONDS = 3.5
"""Longest wait at shutdown for cancelled commands to end; SIGKILL follows SIGTERM after 3 s."""
_BEFORE = 4
"""Messages in which the turn before is looked for."""
_POLL_SECONDS = 0.02
_SYNC_AFTER = 10.0
"""Seconds after the start before a worker is started for synchronising alone."""
_SYNC_CHECK = 60.0
_LOSS_SECONDS = 60.0
"""Within this after a worker's end, another one is told only to those whose command failed."""


class Session:
    """The state behind the handlers, built piece by piece when first needed.

    Parameters
    ----------
    server
        The server whose client is served.
    dependencies
        How to build the parts.
    """

    def __init__(self, server: LanguageServer, dependencies: Dependencies) -> None:
        self.server = server
        self._dependencies = dependencies
        self.client = ClientAbilities()
        self.initial_settings: dict[str, Any] = {}
        """What came with ``initialize``; the editor's configuration is laid over it."""
        self._configuration: dict[str, Any] = {}
        self._settings: Settings | None = None
        self._settled = asyncio.Event()
        self._awaited_settings = 1
        """Answers of the client about its settings that are still to come."""
        self._reported: set[str] = set()
        self._selected_profile: str | None = None
        # pygls reads stdin on its own pool; a store call must never wait behind it.
        self.store_thread = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store")
        self._storage: StorageService | None = None
        self._storage_lock = asyncio.Lock()
        self._worker: WorkerClient | None = None
        self._worker_lost_at = -_LOSS_SECONDS
        self.worker_loss_told = False
        """Whether the operator was told of the worker's last end, beside any failed command."""
        self._assistants: dict[AssistantSettings, Assistant] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.estate = EstateView(dependencies, self.stored)
        self._watchers: list[tuple[str, Callable[[dict[str, Any]], None]]] = []
        self.live = LiveResources(self)
        self.conversations: dict[tuple[str, str | None], str] = {}
        """Ids of conversations that are not in their file yet, by URI and the id that is there."""
        self.kept_replies: dict[tuple[str, str], KeptReply] = {}
        """Answers whose place in the file was gone, by conversation and prompt."""
        self.diagnoser = Diagnoser(self)
        self._approvals: ApprovalBook | None = None
        self._policy: PolicyFile | None = None
        self.work: set[asyncio.Event] = set()
        """Cancel events of what is under way; set when the server shuts down."""
        self.executions: dict[str, asyncio.Event] = {}
        """Cancel events of the executions under way, by id."""
        self.unrecorded: set[str] = set()
        """Executions whose end is not in the store yet; a shutdown waits for them a little."""

    @property
    def home(self) -> Home:
        """The home this server works in."""
        return self._dependencies.home

    @property
    def settings(self) -> Settings:
        """The settings in force; problems in them are reported once each."""
        if self._settings is None:
            settings, problems = self._dependencies.load_settings(
                self.initial_settings, self._configuration
            )
            self._settings = settings
            for problem in problems:
                if str(problem) not in self._reported:
                    self._reported.add(str(problem))
                    show(self.server, str(problem), types.MessageType.Warning)
        return self._settings

    def change_settings(self, configuration: dict[str, Any]) -> None:
        """Take the editor's configuration as it is now; it is read when next needed."""
        self._configuration = configuration
        self._settings = None

    def unsettle(self) -> None:
        """Say that the client has changed its settings and is being asked for them."""
        self._awaited_settings += 1
        self._settled.clear()

    def settle(self) -> None:
        """Say that the client has answered, or will not."""
        self._awaited_settings -= 1
        if self._awaited_settings == 0:
            self._settled.set()

    async def settled(self) -> None:
        """Wait for the client's settings: commands must not run with another profile's.

        Raises
        ------
        CloudOpsError
            They did not come.
        """
        try:
            await asyncio.wait_for(self._settled.wait(), _SETTLE_SECONDS)
        except TimeoutError:
            raise CloudOpsError(
                "The editor has not sent its settings yet", fix="Try again"
            ) from None

    def document(self, uri: str) -> RunbookDocument | None:
        """Return the open runbook at ``uri``, None for other files."""
        workspace = self.server.workspace
        return workspace.open_runbook(uri) if isinstance(workspace, RunbookWorkspace) else None

    def open_runbooks(self) -> list[RunbookDocument]:
        """Return the runbooks that are open."""
        workspace = self.server.workspace
        return workspace.open_runbooks if isinstance(workspace, RunbookWorkspace) else []

    def conversation_of(self, document: RunbookDocument) -> str | None:
        """Return the id of a file's conversation, None when it has none yet."""
        matter = document.runbook.front_matter
        named = matter.values.get("conversation") if matter is not None else None
        return named or self.conversations.get((document.uri, None))

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

    @property
    def default_profile(self) -> str:
        """The AWS profile of runbooks that name none."""
        if self._selected_profile is not None:
            return self._selected_profile
        return self.settings.profile or os.environ.get("AWS_PROFILE") or "default"

    def select_profile(self, profile: str) -> None:
        """Let ``profile`` count instead of the settings' one, until this window closes."""
        self._selected_profile = profile

    def report_once(self, text: str) -> bool:
        """Return whether ``text`` was not reported before; it counts as reported from now on."""
        if text in self._reported:
            return False
        self._reported.add(text)
        return True

    def profile_for(self, runbook: Runbook) -> str:
        """Return the AWS profile a runbook works with."""
        named = runbook.front_matter.values.get("profile") if runbook.front_matter else None
        return named or self.default_profile

    def region_for(self, runbook: Runbook) -> str | None:
        """Return the AWS region a runbook works in, None to leave it to the profile."""
        named = runbook.front_matter.values.get("region") if runbook.front_matter else None
        return named or self.settings.region

    async def storage(self) -> StorageService:
        """Return the store, opened on first use.

        Raises
        ------
        CloudOpsError
            It cannot be opened, such as with a locked keychain; tried again next time.
        """
        async with self._storage_lock:
            if self._storage is None:
                self._storage = await self._on_store_thread(self._dependencies.open_storage)
            return self._storage

    async def stored(self, call: Callable[[StorageService], T]) -> T:
        """Run one call on the store, off the event loop."""
        storage = await self.storage()
        return await self._on_store_thread(lambda: call(storage))

    async def _on_store_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.store_thread, call)

    @property
    def worker(self) -> WorkerClient:
        """The connection to the shared worker; it connects on the first request."""
        if self._worker is None:
            self._worker = self._dependencies.connect_worker(
                self._from_worker, self._worker_lost, self._worker_connected
            )
        return self._worker

    def _from_worker(self, method: str, params: dict[str, Any]) -> None:
        from cloudops_ls.worker import wire

        for watched, watcher in list(self._watchers):
            if watched == method:
                watcher(params)
        if method == wire.ESTATE_CHANGED:
            self.spawn(self.reload_names(tuple(params.get("gone") or ())))
        elif method == wire.WORKER_MESSAGE:
            text = str(params.get("message", ""))
            if text not in self._reported:
                self._reported.add(text)
                show(self.server, text)

    def _worker_connected(self) -> None:
        self.spawn(self.configure_sync())

    async def configure_sync(self) -> None:
        """Tell a connected worker what this editor's settings say about the estate."""
        if self._worker is None or not self._worker.connected:
            return
        from cloudops_ls.worker import wire

        settings = self.settings.estate.model_dump(mode="json")
        await self._worker.request(
            wire.CONFIGURE_SYNC, {"settings": settings, "profile": self.default_profile}
        )

    async def _keep_fresh(self) -> None:
        """Have a worker running, which synchronises by the clock, once there is an estate.

        Not at once: an editor that has just been opened has better things to do.
        """
        await asyncio.sleep(_SYNC_AFTER)
        while True:
            if self.settings.estate.sync and len(self.estate.names) and not self.worker.connected:
                from cloudops_ls.worker import wire

                try:
                    await self.worker.request(wire.SYNC_STATUS)
                except CloudOpsError as error:
                    # Whoever asks for something will be told; the clock only tries again.
                    logger.info("no worker for synchronising: %s", type(error).__name__)
            await asyncio.sleep(_SYNC_CHECK)

    def _worker_lost(self) -> None:
        # A worker that dies again and again, such as for want of memory, is no news each time.
        now = asyncio.get_running_loop().time()
        self.worker_loss_told = now - self._worker_lost_at > _LOSS_SECONDS
        self._worker_lost_at = now
        if self.worker_loss_told:
            show(
                self.server,
                "The CloudOps background process stopped. What it was doing is to be done again; "
                "a new one is started for it. Completion and hover go on with what is known.",
                types.MessageType.Warning,
            )

    async def assistant(self) -> Assistant:
        """Return the configured assistant.

        Raises
        ------
        CloudOpsError
            The settings name one that cannot be used.
        """
        chosen = self.settings.assistant
        if chosen not in self._assistants:
            from cloudops_ls.assistant.known_estate import EstateSources

            storage = await self.storage()
            known = EstateSources(
                storage.estate, lambda: self.estate.finder, lambda: self.estate.accounts
            )
            self._assistants[chosen] = await asyncio.to_thread(
                self._dependencies.build_assistant, self.settings, known
            )
        return self._assistants[chosen]

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

    @contextmanager
    def watching(self, method: str, watcher: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Call ``watcher`` with the parameters of every such notification of the worker."""
        entry = (method, watcher)
        self._watchers.append(entry)
        try:
            yield
        finally:
            self._watchers.remove(entry)

    @property
    def approvals(self) -> ApprovalBook:
        """The operator's unused confirmations."""
        if self._approvals is None:
            self._approvals = self._dependencies.build_approvals()
        return self._approvals

    async def decide(self, checked: CheckedCommand, resources: Sequence[Resource]) -> Verdict:
        """Return what the policy file, as it is now, says about a command on ``resources``."""
        if self._policy is None:
            self._policy = self._dependencies.open_policy()
        return await asyncio.to_thread(self._policy.decide, checked, resources)

    async def start(self) -> None:
        """Open the store and load the names; failures are shown, not raised."""
        try:
            _ = self.settings
            await self.reload_names()
            self.spawn(self._keep_fresh())
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
            logger.exception("start failed")
            show_error(self.server, CloudOpsError("The estate could not be read"))

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

    async def turn_before(self, document: RunbookDocument) -> tuple[str, ...]:
        """Return the ARNs of what the last turn of a file's conversation was about."""
        from cloudops_ls.assistant.request import previously

        conversation = self.conversation_of(document)
        if conversation is None:
            return ()
        return previously(
            await self.stored(lambda store: store.chat.get_history(conversation, limit=_BEFORE))
        )

    def refresh_hints(self) -> None:
        """Ask the client to fetch inlay hints again, where it can."""
        workspace = self.server.client_capabilities.workspace
        hint = workspace.inlay_hint if workspace is not None else None
        if hint is not None and hint.refresh_support:
            self.server.workspace_inlay_hint_refresh(None)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background and log, not raise, its failure."""
        self.keep(asyncio.ensure_future(work))

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
        for assistant in self._assistants.values():
            await assistant.aclose()
        self._assistants.clear()
        if self._worker is not None:
            await self._worker.close()
            self._worker = None
        if self._storage is not None:
            storage, self._storage = self._storage, None
            await self._on_store_thread(storage.close)
        self.store_thread.shutdown(wait=False, cancel_futures=True)


def _plain(value: Any) -> Any:
    """Return what pygls made of a result as the JSON that it was."""
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
