"""Everything the worker owns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls.composition.backups import backup_plan
from cloudops_ls.composition.stores import database_url, vector_settings
from cloudops_ls.home import Home, user_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.commands.configured_cli import ConfiguredCli
    from cloudops_ls.config import Settings
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.worker.service import WorkerService


def worker_service(
    home: Home, settings: Settings, notify: Callable[[str, dict[str, Any]], None]
) -> WorkerService:
    """Build everything the worker owns.

    Raises
    ------
    CloudOpsError
        The store cannot be opened.
    """
    from cloudops_ls.aws.keychain import Keychain
    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.commands.check import CommandChecker
    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.estate_doubts import EstateDoubts
    from cloudops_ls.commands.parser import CommandParser
    from cloudops_ls.commands.waiters import Waiters
    from cloudops_ls.config import load_settings
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.estate.search.current import CurrentNames
    from cloudops_ls.estate.search.vocabulary import Vocabulary
    from cloudops_ls.estate.sync.incremental import IncrementalSync
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker import wire
    from cloudops_ls.worker.accounts_part import AccountsPart
    from cloudops_ls.worker.backup_part import BackupPart
    from cloudops_ls.worker.chat_part import ChatPart
    from cloudops_ls.worker.commands_part import CommandsPart
    from cloudops_ls.worker.impact_part import ImpactPart
    from cloudops_ls.worker.index_part import IndexPart
    from cloudops_ls.worker.refresh_part import RefreshPart
    from cloudops_ls.worker.search_part import SearchPart
    from cloudops_ls.worker.service import WorkerService
    from cloudops_ls.worker.sync_part import SyncPart

    catalog = Catalog.load(["resource_explorer"] if settings.estate.resource_explorer else [])

    def words(resource: Resource) -> tuple[str, ...]:
        kind = catalog.get(resource.resource_type)
        return (kind.title, *kind.synonyms) if kind is not None else ()

    vectors = vector_settings(home, settings, words=words)
    keychain = Keychain(home.keychain_register)
    sessions = SessionFactory(
        keychain=keychain,
        organization_role=settings.estate.organization_role,
    )
    storage = StorageService.open(
        home,
        vectors=vectors,
        backup=lambda: backup_plan(home, sessions),
        database_url=database_url(home),
    )
    if storage.settled is not None:
        notify(wire.WORKER_MESSAGE, {"message": f"{storage.settled}."})
    scanner = Scanner(
        sessions,
        catalog,
        storage.estate,
        workers=settings.estate.concurrency,
        per_service=settings.estate.service_concurrency,
    )

    def listed(account_id: str, region: str, resource_type: str) -> bool:
        scope = storage.sync.scope(account_id, region, resource_type)
        return scope is not None and scope.generation > 0

    doubts = EstateDoubts(catalog, storage.estate.find, listed)
    cli = configured_cli(settings)
    parser = CommandParser(version2=lambda: cli is not None and cli.version2)
    checker = CommandChecker(parser, Classifier(), storage.estate.find, doubts, cli)
    index = IndexPart(storage, notify, wanted_model=lambda: load_settings(home)[0].search.model)
    names = CurrentNames(Vocabulary(catalog, accounts=storage.estate.accounts))
    service = WorkerService(
        storage,
        [
            index,
            AccountsPart(storage, sessions, keychain),
            SyncPart(
                storage,
                scanner,
                IncrementalSync(sessions, scanner, catalog, storage),
                index,
                settings.estate,
                settings.profile
                or os.environ.get("AWS_PROFILE")
                or storage.preferences.of(user_name()).profile
                or "default",
                notify,
            ),
            SearchPart(storage, names, index),
            RefreshPart(storage, scanner, notify),
            CommandsPart(storage, sessions, checker),
            ImpactPart(storage, sessions, scanner, catalog, parser, Waiters(), notify),
            BackupPart(storage, notify),
            ChatPart(storage),
        ],
    )
    service.start()
    return service


def configured_cli(settings: Settings) -> ConfiguredCli | None:
    """Return the AWS CLI that the settings name; None for ours. Nothing is started yet."""
    if not settings.commands.aws:
        return None
    from cloudops_ls.commands.configured_cli import ConfiguredCli
    from cloudops_ls.commands.environment import command_environment

    return ConfiguredCli(settings.commands.aws, command_environment(os.environ), Path.home())
