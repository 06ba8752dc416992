"""The worker's part for what was said: searching it by words and by meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.storage.service import StorageService


class ChatPart:
    """Searches past conversations.

    Parameters
    ----------
    storage
        The store, opened with its search index.
    """

    def __init__(self, storage: StorageService) -> None:
        self._storage = storage
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.CHAT_SEARCH: self.search
        }

    @property
    def busy(self) -> bool:
        """A search is short, and somebody waits for it."""
        return False

    def start(self) -> None:
        """Nothing runs unasked."""

    def abandon(self) -> None:
        """Nothing is under way that outlives its caller."""

    def close(self) -> None:
        """Nothing is owned."""

    def search(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the conversations for ``query``, at most ``limit``, best first."""
        found = self._storage.chat.search_conversations(
            str(params["query"]), int(params.get("limit") or 20)
        )
        return [conversation.model_dump(mode="json") for conversation in found]
