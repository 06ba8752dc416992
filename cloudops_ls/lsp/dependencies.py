"""What the language server is built from; tests and the composition root hand it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudops_ls.assistant.base import Assistant
    from cloudops_ls.assistant.known_estate import EstateSources
    from cloudops_ls.commands.approval import ApprovalBook
    from cloudops_ls.commands.policy_file import PolicyFile
    from cloudops_ls.config import SettingProblem, Settings
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.search.current import CurrentNames
    from cloudops_ls.home import Home
    from cloudops_ls.storage.records import AccountRecord
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.client import WorkerClient


class ConnectWorker(Protocol):
    """Makes the connection to the worker of the home."""

    def __call__(
        self,
        on_notification: Callable[[str, dict[str, Any]], None],
        on_lost: Callable[[], None],
        on_connected: Callable[[], None],
        /,
    ) -> WorkerClient:
        """Return the connection; nothing is started yet."""
        ...


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Factories of everything the server needs; none is called before ``initialize``.

    Attributes
    ----------
    home
        The home to work in.
    load_settings
        Merges the editor's settings, one mapping or several, over the file's.
    open_storage
        Opens the store without search index; blocking.
    connect_worker
        Makes the connection to the shared worker.
    build_assistant
        Builds the configured assistant; blocking.
    build_names
        Makes the search in memory, still empty, from what returns the accounts known now.
    build_approvals
        Makes the book that holds confirmations between question and run.
    open_policy
        Makes the reader of the operator's policy file.
    load_catalog
        Reads the catalog of resource types.
    """

    home: Home
    load_settings: Callable[..., tuple[Settings, list[SettingProblem]]]
    open_storage: Callable[[], StorageService]
    connect_worker: ConnectWorker
    build_assistant: Callable[[Settings, EstateSources], Assistant]
    build_names: Callable[[Callable[[], Sequence[AccountRecord]]], CurrentNames]
    build_approvals: Callable[[], ApprovalBook]
    open_policy: Callable[[], PolicyFile]
    load_catalog: Callable[[], Catalog]
