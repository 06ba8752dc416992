"""What the language server and the command line are built from."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from cloudops_ls.composition.assistants import build_assistant
from cloudops_ls.composition.stores import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cloudops_ls.commands.approval import ApprovalBook
    from cloudops_ls.commands.policy_file import PolicyFile
    from cloudops_ls.config import SettingProblem, Settings
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.search.current import CurrentNames
    from cloudops_ls.home import Home
    from cloudops_ls.lsp.dependencies import Dependencies
    from cloudops_ls.storage.records import AccountRecord
    from cloudops_ls.worker.client import WorkerClient


def language_server_dependencies(home: Home) -> Dependencies:
    """Return the factories of everything behind the language server's features."""
    from cloudops_ls.lsp.dependencies import Dependencies

    def settings(*editor: Mapping[str, Any]) -> tuple[Settings, list[SettingProblem]]:
        from cloudops_ls.config import load_settings

        return load_settings(home, *editor)

    # Once: reading it takes 50 ms, which the event loop does not have.
    @cache
    def catalog() -> Catalog:
        from cloudops_ls.estate.catalog.loader import Catalog

        return Catalog.load()

    def names(accounts: Callable[[], Sequence[AccountRecord]]) -> CurrentNames:
        from cloudops_ls.estate.search.current import CurrentNames
        from cloudops_ls.estate.search.vocabulary import Vocabulary

        return CurrentNames(Vocabulary(catalog(), accounts=accounts))

    def approvals() -> ApprovalBook:
        from cloudops_ls.commands.approval import ApprovalBook

        return ApprovalBook()

    return Dependencies(
        home=home,
        load_settings=settings,
        open_storage=lambda: open_storage(home),
        connect_worker=lambda *listeners: connect_worker(home, *listeners),
        build_assistant=build_assistant,
        build_names=names,
        build_approvals=approvals,
        open_policy=lambda: open_policy(home),
        load_catalog=catalog,
    )


def connect_worker(
    home: Home,
    on_notification: Callable[[str, dict[str, Any]], None] | None = None,
    on_lost: Callable[[], None] | None = None,
    on_connected: Callable[[], None] | None = None,
) -> WorkerClient:
    """Make a connection to the worker of ``home``; it connects on the first request."""
    from cloudops_ls.worker.client import WorkerClient

    def opens() -> bool:
        from cloudops_ls.storage.keys import KeyRing

        return KeyRing(home).opens()

    return WorkerClient(
        home,
        version=installed_version("cloudops-ls"),
        opens=opens,
        on_notification=on_notification,
        on_lost=on_lost,
        on_connected=on_connected,
    )


def open_policy(home: Home) -> PolicyFile:
    """Return the reader of the home's policy file; nothing is read yet."""
    from cloudops_ls.commands.policy_file import PolicyFile

    return PolicyFile(home.policy)
