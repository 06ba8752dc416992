"""The composition root: the one place that knows how every part is built.

Importing this module is cheap; each function imports what it builds.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cloudops_ls.home import Home, user_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cloudops_ls.assistant.base import Assistant
    from cloudops_ls.assistant.known_estate import EstateSources
    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.commands.approval import ApprovalBook
    from cloudops_ls.commands.configured_cli import ConfiguredCli
    from cloudops_ls.commands.policy_file import PolicyFile
    from cloudops_ls.config import SettingProblem, Settings
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.search.current import CurrentNames
    from cloudops_ls.estate.search.snapshot import Snapshots
    from cloudops_ls.lsp.dependencies import Dependencies
    from cloudops_ls.storage.backup.records import BackupPlan
    from cloudops_ls.storage.indexing.settings import VectorSettings
    from cloudops_ls.storage.records import AccountRecord
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.client import WorkerClient
    from cloudops_ls.worker.service import WorkerService


def serve_stdio() -> NoReturn:
    """Serve one editor over stdin and stdout, then end the process."""
    from cloudops_ls.lsp import lifecycle
    from cloudops_ls.lsp.server import create_server

    server = create_server(
        language_server_dependencies(Home.locate()), version=installed_version("cloudops-ls")
    )
    code = lifecycle.serve_stdio(server)
    sys.stderr.flush()
    # A thread that is still in a store or AWS call must not keep the editor waiting.
    os._exit(code)


def serve_tcp(host: str, port: int) -> NoReturn:
    """Serve one editor over TCP, then end the process."""
    from cloudops_ls.lsp import lifecycle
    from cloudops_ls.lsp.server import create_server

    server = create_server(
        language_server_dependencies(Home.locate()), version=installed_version("cloudops-ls")
    )
    code = lifecycle.serve_tcp(server, host, port)
    sys.stderr.flush()
    os._exit(code)


def serve_worker(arguments: list[str]) -> None:
    """Be the worker of the home named by ``--home``; return when idle or asked to stop."""
    import asyncio
    import logging.handlers

    from cloudops_ls import logs
    from cloudops_ls.config import load_settings
    from cloudops_ls.worker.process import WorkerProcess

    named = arguments[1] if len(arguments) == 2 and arguments[0] == "--home" else None
    home = Home(Path(named)) if named else Home.locate()
    if not home.root.is_dir():
        # Whoever started it has removed the home since; it must not come back.
        os._exit(1)
    home.create()
    logs.configure(
        logging.handlers.RotatingFileHandler(home.log, maxBytes=1_000_000, backupCount=1)
    )
    home.log.chmod(0o600)
    settings, _ = load_settings(home)
    process = WorkerProcess(
        home,
        lambda notify: worker_service(home, settings, notify),
        version=installed_version("cloudops-ls"),
        idle_seconds=settings.worker.idle_seconds,
    )
    try:
        asyncio.run(process.run())
    except Exception:
        logs.logger.exception("the worker failed")
        os._exit(1)
    os._exit(0)


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

        return CurrentNames(Vocabulary(catalog(), accounts=accounts), name_snapshots(home))

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


def open_policy(home: Home) -> PolicyFile:
    """Return the reader of the home's policy file; nothing is read yet."""
    from cloudops_ls.commands.policy_file import PolicyFile

    return PolicyFile(home.policy)


def open_storage(home: Home) -> StorageService:
    """Open the store without a search index, as front ends do."""
    from cloudops_ls.storage.keys import KeyRing

    keys = KeyRing(home)
    url = database_url(home)
    if url is None:
        # While SQLAlchemy is imported.
        keys.prepare()
    from cloudops_ls.storage.service import StorageService

    return StorageService.open(home, keys=keys, database_url=url)


def database_url(home: Home) -> str | None:
    """Return the PostgreSQL database that the operator chose, None for the home's own file.

    Editors have no say: all processes of a home must agree, and a workspace must not move a store.
    """
    from cloudops_ls.config import load_settings

    return load_settings(home)[0].database.url


def name_snapshots(home: Home) -> Snapshots | None:
    """Return where the name index of ``home`` is kept between processes.

    None where no directory is in memory: names are never on a disk in the clear.
    """
    from cloudops_ls.estate.search.snapshot import Snapshots
    from cloudops_ls.storage.keys import KeyRing
    from cloudops_ls.storage.vectors.directory import candidates, memory_backed

    record = KeyRing(home).record()
    if record is None or database_url(home) is not None:
        return None
    for place in memory_backed(candidates()):
        return Snapshots(place / home.runtime.name, record.key_id)
    return None


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
        database_url=settings.database.url,
    )
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
    names = CurrentNames(
        Vocabulary(catalog, accounts=storage.estate.accounts), name_snapshots(home)
    )
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


def backup_plan(home: Home, sessions: SessionFactory) -> BackupPlan | None:
    """Return where backups go by the settings as they are now; None without a bucket.

    Raises
    ------
    CloudOpsError
        A setting of backups is wrong. Ignoring it could mean another place, or none.
    """
    import getpass
    from datetime import timedelta

    from cloudops_ls.aws.buckets import bucket_client
    from cloudops_ls.config import ObjectLock, load_settings
    from cloudops_ls.errors import CloudOpsError
    from cloudops_ls.storage.backup import s3
    from cloudops_ls.storage.backup.layout import Layout
    from cloudops_ls.storage.backup.records import BackupPlan

    settings, problems = load_settings(home)
    for problem in problems:
        if problem.setting.partition(".")[0] == "backup":
            raise CloudOpsError(
                f"A setting of backups is wrong: {problem.reason}",
                where=f"cloudops.{problem.setting} in {problem.source}",
                fix="Correct it",
            )
    chosen = settings.backup
    if chosen.bucket is None:
        return None
    locked = chosen.object_lock is not ObjectLock.OFF
    if locked and chosen.object_lock_days <= chosen.retention_days:
        raise CloudOpsError(
            "Object Lock would end before the backups that it protects",
            where="setting cloudops.backup.object_lock_days",
            fix="Set it to more than cloudops.backup.retention_days",
        )
    profile = chosen.profile or settings.profile or os.environ.get("AWS_PROFILE") or "default"
    options = s3.S3Options(
        encryption=s3.ServerSideEncryption(chosen.server_side_encryption.value),
        kms_key_id=chosen.kms_key_id,
        object_lock=s3.ObjectLockMode(chosen.object_lock.value.upper()) if locked else None,
        lock_days=chosen.object_lock_days,
    )
    return BackupPlan(
        store=s3.S3ObjectStore(
            bucket_client(sessions, profile, chosen.region, chosen.endpoint_url),
            chosen.bucket,
            options,
        ),
        layout=Layout(chosen.prefix, chosen.user_id or getpass.getuser()),
        enabled=chosen.enabled,
        interval=timedelta(hours=chosen.interval_hours),
        keep_days=chosen.retention_days,
    )


def vector_settings(
    home: Home, settings: Settings, *, words: Callable[[Resource], Iterable[str]]
) -> VectorSettings:
    """Return how to search, from the settings.

    Parameters
    ----------
    words
        What else a resource is called.
    """
    from cloudops_ls.storage.indexing.settings import ServerSettings, VectorSettings
    from cloudops_ls.storage.vectors.engines import Engine

    qdrant = settings.qdrant
    server = None
    if qdrant.url is not None:
        server = ServerSettings(
            url=qdrant.url,
            api_key=qdrant_api_key,
            ca_file=Path(qdrant.ca_file).expanduser() if qdrant.ca_file else None,
            prefix=qdrant.prefix,
            timeout=qdrant.timeout_seconds,
        )
    return VectorSettings(
        engine=Engine(settings.search.engine.value),
        model=settings.search.model,
        models=models_directory(home, settings),
        words=words,
        vocabulary=installed_version("cloudops-ls"),
        server=server,
    )


def models_directory(home: Home, settings: Settings) -> Path:
    """Return where embedding models are installed."""
    chosen = settings.search.models_directory
    return Path(chosen).expanduser() if chosen is not None else home.models


def configured_cli(settings: Settings) -> ConfiguredCli | None:
    """Return the AWS CLI that the settings name; None for ours. Nothing is started yet."""
    if not settings.commands.aws:
        return None
    from cloudops_ls.commands.configured_cli import ConfiguredCli
    from cloudops_ls.commands.environment import command_environment

    return ConfiguredCli(settings.commands.aws, command_environment(os.environ), Path.home())


def connect_worker(
    home: Home,
    on_notification: Callable[[str, dict[str, Any]], None] | None = None,
    on_lost: Callable[[], None] | None = None,
    on_connected: Callable[[], None] | None = None,
) -> WorkerClient:
    """Make a connection to the worker of ``home``; it connects on the first request."""
    from cloudops_ls.worker.client import WorkerClient

    return WorkerClient(
        home,
        version=installed_version("cloudops-ls"),
        on_notification=on_notification,
        on_lost=on_lost,
        on_connected=on_connected,
    )


def build_assistant(settings: Settings, known: EstateSources | None = None) -> Assistant:
    """Build the assistant that the settings name.

    Parameters
    ----------
    known
        What the built-in planner looks things up in; without it, it lists nothing.

    Raises
    ------
    CloudOpsError
        Kind ``http`` or ``openai`` without what it needs.
    """
    from cloudops_ls.config import AssistantKind

    chosen = settings.assistant
    match chosen.kind:
        case AssistantKind.HTTP:
            from cloudops_ls.assistant.http import HttpAssistant
            from cloudops_ls.assistant.timings import HttpTimings

            return HttpAssistant(
                _required(chosen.url, "url", "No CloudOps server is named"),
                token=assistant_token,
                timings=HttpTimings(total=chosen.timeout_seconds),
            )
        case AssistantKind.OPENAI:
            from cloudops_ls.assistant.chat_completions import ReplyFormat
            from cloudops_ls.assistant.openai import OpenAIAssistant
            from cloudops_ls.assistant.timings import HttpTimings

            return OpenAIAssistant(
                _required(chosen.url, "url", "No chat-completions server is named"),
                _required(chosen.model, "model", "No model is named"),
                ReplyFormat(chosen.format.value),
                token=assistant_token,
                timings=HttpTimings(total=chosen.timeout_seconds),
            )
        case AssistantKind.BUILTIN:
            from cloudops_ls.assistant.builtin import BuiltinAssistant
            from cloudops_ls.estate.catalog.loader import Catalog

            catalog = Catalog.load()
            if known is None:
                return BuiltinAssistant(catalog)
            from cloudops_ls.assistant.known_estate import StoredEstate

            return BuiltinAssistant(catalog, StoredEstate(known, catalog))


def _required(value: str | None, setting: str, what: str) -> str:
    from cloudops_ls.errors import CloudOpsError

    if value is None:
        raise CloudOpsError(
            what,
            where=f"setting cloudops.assistant.{setting}",
            fix="Set it, or set cloudops.assistant.kind to 'builtin'",
        )
    return value


def assistant_token() -> str | None:
    """Return the CloudOps server's bearer token, from the environment or the keychain.

    A keychain that is missing or locked is the same as none: the server then says that it wants
    a token, which is the clearer message.
    """
    return _secret("CLOUDOPS_ASSISTANT_TOKEN", "assistant-token")


def qdrant_api_key() -> str | None:
    """Return the Qdrant server's API key, from the environment or the keychain, or None."""
    return _secret("CLOUDOPS_QDRANT_API_KEY", "qdrant-api-key")


def _secret(variable: str, name: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    given = os.environ.get(variable)
    if given:
        return given
    try:
        return keyring.get_password("cloudops-ls", name)
    except KeyringError:
        return None
