"""What is behind every front end: settings, store, estate, assistant. No editor is needed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from cloudops_ls.home import user_name
from cloudops_ls.lsp.configuration import Configuration
from cloudops_ls.lsp.estate_view import EstateView

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.assistant.base import Assistant
    from cloudops_ls.assistant.tokens import TokenCounter
    from cloudops_ls.config import AssistantSettings, Settings
    from cloudops_ls.home import Home
    from cloudops_ls.lsp.dependencies import Dependencies
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.runbook.model import Runbook, UserTurn
    from cloudops_ls.storage.preferences import Preferences
    from cloudops_ls.storage.records import Message
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.client import WorkerClient

T = TypeVar("T")

_BEFORE = 4
"""Messages in which the turn before is looked for."""


class Backend:
    """The parts of one home as a front end uses them, built piece by piece when first needed.

    Parameters
    ----------
    dependencies
        How to build the parts.
    report
        Told of each setting that cannot be used, and of what became of an interrupted change of
        the key; may be told the same again.
    """

    def __init__(self, dependencies: Dependencies, report: Callable[[str], None]) -> None:
        self._dependencies = dependencies
        self._report = report
        self.configuration = Configuration(dependencies.load_settings, report)
        # pygls reads stdin on its own pool; a store call must never wait behind it.
        self.store_thread = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store")
        self._storage: StorageService | None = None
        self._storage_lock = asyncio.Lock()
        self._assistants: dict[AssistantSettings, Assistant] = {}
        self._counters: dict[str | None, TokenCounter] = {}
        self._worker: WorkerClient | None = None
        self.estate = EstateView(dependencies, self.stored)
        self.conversations: dict[tuple[str, str | None], str] = {}
        """Ids of conversations that are not in their file yet, by URI and the id that is there."""

    @property
    def home(self) -> Home:
        """The home that is worked in."""
        return self._dependencies.home

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.configuration.settings

    @property
    def default_profile(self) -> str:
        """The AWS profile of runbooks that name none."""
        return self.configuration.default_profile

    def profile_for(self, runbook: Runbook) -> str:
        """Return the AWS profile a runbook works with."""
        return self.configuration.profile_for(runbook)

    def region_for(self, runbook: Runbook) -> str | None:
        """Return the AWS region a runbook works in, None to leave it to the profile."""
        return self.configuration.region_for(runbook)

    def open_runbooks(self) -> list[RunbookDocument]:
        """Return the runbooks that are open."""
        return []

    def conversation_of(self, document: RunbookDocument) -> str | None:
        """Return the id of a file's conversation, None when it has none yet."""
        matter = document.runbook.front_matter
        named = matter.values.get("conversation") if matter is not None else None
        return named or self.conversations.get((document.uri, None))

    async def turn_before(self, document: RunbookDocument, turn: UserTurn) -> tuple[str, ...]:
        """Return the ARNs of what was talked about before a turn: above it, else last."""
        from cloudops_ls.assistant.request import previously
        from cloudops_ls.lsp.kept_reply import continued
        from cloudops_ls.lsp.question import answer_above

        conversation = self.conversation_of(document)
        if conversation is None:
            return ()
        below = answer_above(document, turn)

        def read(store: StorageService) -> list[Message]:
            for limit in (_BEFORE, None) if below is not None else ():
                history = continued(store.chat.get_history(conversation, limit), below or "")
                if history is not None:
                    return history
            return store.chat.get_history(conversation, _BEFORE)

        return previously(await self.stored(read))

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
                if self._storage.settled is not None:
                    self._report(f"{self._storage.settled}.")
            return self._storage

    async def recall(self) -> Preferences:
        """Read what the user prefers; it counts from now on.

        Raises
        ------
        CloudOpsError
            The store cannot be opened.
        """
        preferred = await self.stored(lambda store: store.preferences.of(user_name()))
        self.configuration.preferences = preferred
        return preferred

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
            self._worker = self._connect()
        return self._worker

    @property
    def worker_connected(self) -> bool:
        """Whether there is a connection to a worker now."""
        return self._worker is not None and self._worker.connected

    def _connect(self) -> WorkerClient:
        return self._dependencies.connect_worker(lambda *_: None, lambda: None, lambda: None)

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
                storage.estate,
                lambda: self.estate.finder,
                lambda: self.estate.accounts,
                lambda: self.estate.last_identifier,
            )
            self._assistants[chosen] = await asyncio.to_thread(
                self._dependencies.build_assistant, self.settings, known
            )
        return self._assistants[chosen]

    def token_counter(self) -> TokenCounter:
        """Return what counts tokens for the configured model; blocking.

        Raises
        ------
        CloudOpsError
            The settings name a tokenizer that cannot be used.
        """
        from cloudops_ls.assistant.tokens import token_counter

        chosen = self.settings.assistant.tokenizer
        if chosen not in self._counters:
            self._counters[chosen] = token_counter(chosen)
        return self._counters[chosen]

    async def release(self) -> None:
        """Close assistants, worker connection and store; safe to call twice."""
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
