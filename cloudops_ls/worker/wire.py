"""The JSON-RPC dialect between the worker and its clients: method names and errors.

Both ends use pygls' own protocol classes over a Unix socket; parameters and results are plain
JSON objects. The socket lies in a directory of mode 0700, so only the same user can connect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import converters
from pygls.exceptions import JsonRpcException
from pygls.protocol.json_rpc import (
    JsonRPCNotification,
    JsonRPCProtocol,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
)

from cloudops_ls.errors import CloudOpsError, RetryableError

if TYPE_CHECKING:
    from pathlib import Path

    from cattrs import Converter

    from cloudops_ls.home import Home

HELLO = "worker/hello"
STOP = "worker/stop"
HEALTH = "worker/health"
SCAN = "estate/scan"
CANCEL_SCAN = "estate/cancelScan"
SCAN_STATUS = "estate/scanStatus"
SYNC = "estate/sync"
SYNC_STATUS = "estate/syncStatus"
CONFIGURE_SYNC = "estate/configureSync"
PROFILES = "accounts/profiles"
CREDENTIALS = "accounts/credentials"
SIGN_IN_BEGIN = "accounts/signInBegin"
SIGN_IN_FINISH = "accounts/signInFinish"
SIGN_IN_CANCEL = "accounts/signInCancel"
SIGN_OUT = "accounts/signOut"
KEYCHAIN_COPY = "accounts/keychainCopy"
KEYCHAIN_FORGET = "accounts/keychainForget"
SEARCH = "estate/search"
REFRESH = "estate/refresh"
CHECK = "commands/check"
CHAT_SEARCH = "chat/search"
INDEX_STATUS = "index/status"
INDEX_REBUILD = "index/rebuild"
MODELS_CHANGED = "index/modelsChanged"
DIAGNOSE = "commands/diagnose"
NEXT_WORDS = "commands/nextWords"
IMPACT = "commands/impact"
WAITER = "commands/waiter"
BACKUP = "backup/make"
BACKUPS = "backup/list"
VERIFY_BACKUPS = "backup/verify"
RESTORE_BACKUP = "backup/restore"
PRUNE_BACKUPS = "backup/prune"
REMOVE_BACKUP = "backup/remove"
EXPORT_STORE = "backup/export"
IMPORT_STORE = "backup/import"
BACKUP_SCHEDULE = "backup/schedule"
CANCEL_BACKUP = "backup/cancel"

BACKUP_METHODS = (
    BACKUP,
    BACKUPS,
    VERIFY_BACKUPS,
    RESTORE_BACKUP,
    PRUNE_BACKUPS,
    REMOVE_BACKUP,
    EXPORT_STORE,
    IMPORT_STORE,
    BACKUP_SCHEDULE,
    CANCEL_BACKUP,
)
SERVICE_METHODS = (
    *(HEALTH, SCAN, CANCEL_SCAN, SCAN_STATUS),
    *(SYNC, SYNC_STATUS, CONFIGURE_SYNC),
    *(PROFILES, CREDENTIALS, SIGN_IN_BEGIN, SIGN_IN_FINISH, SIGN_IN_CANCEL),
    *(SIGN_OUT, KEYCHAIN_COPY, KEYCHAIN_FORGET),
    *(SEARCH, REFRESH),
    *(CHECK, DIAGNOSE, NEXT_WORDS, IMPACT, WAITER),
    *(CHAT_SEARCH, INDEX_STATUS, INDEX_REBUILD, MODELS_CHANGED),
    *BACKUP_METHODS,
)

SCAN_PROGRESS = "estate/scanProgress"
"""Notification: one step of a scan is done."""
BACKUP_PROGRESS = "backup/progress"
"""Notification: one step of work on backups is done."""
INDEX_PROGRESS = "index/progress"
"""Notification: how far a rebuild is."""
ESTATE_CHANGED = "estate/changed"
"""Notification: stored resources changed; name indexes are to be read again."""
WORKER_MESSAGE = "worker/message"
"""Notification: something the operator should know once, such as a missing search index."""
NOTIFICATIONS = (
    SCAN_PROGRESS,
    BACKUP_PROGRESS,
    INDEX_PROGRESS,
    ESTATE_CHANGED,
    WORKER_MESSAGE,
)

_EXPECTED_FAILURE = -32000


def socket_path(home: Home) -> Path:
    """Return where the worker of ``home`` listens."""
    return home.runtime / "worker.sock"


def lock_path(home: Home) -> Path:
    """Return the file whose lock makes a process the worker of ``home``."""
    return home.runtime / "worker.lock"


class WireProtocol(JsonRPCProtocol):
    """pygls' JSON-RPC with parameters left as plain objects."""

    def cancel_all(self, reason: Exception) -> None:
        """Fail every request that still waits for an answer."""
        futures, self._request_futures = self._request_futures, {}
        for future in futures.values():
            if not future.done():
                future.set_exception(reason)


def plain_converter() -> Converter:
    """Return a converter that keeps ``params`` and ``result`` as they are in the JSON."""
    converter = converters.get_converter()
    for message in (JsonRPCRequestMessage, JsonRPCResponseMessage, JsonRPCNotification):
        converter.register_structure_hook(message, lambda data, kind: kind(**data))
    return converter


def to_wire(error: CloudOpsError) -> JsonRpcException:
    """Return the JSON-RPC error that carries an expected failure."""
    return JsonRpcException(
        message=error.what,
        code=_EXPECTED_FAILURE,
        data={
            "kind": type(error).__name__,
            "where": error.where,
            "fix": error.fix,
            "retryable": isinstance(error, RetryableError),
        },
    )


class RemoteError(CloudOpsError):
    """An expected failure that the worker reported.

    Attributes
    ----------
    kind
        Class name of the error in the worker.
    """

    def __init__(self, what: str, *, where: str | None, fix: str | None, kind: str) -> None:
        super().__init__(what, where=where, fix=fix)
        self.kind = kind


class RemoteRetryableError(RemoteError, RetryableError):
    """A failure in the worker that may pass by itself."""


def from_wire(error: JsonRpcException) -> CloudOpsError:
    """Return the expected failure that a JSON-RPC error carries."""
    data: Any = error.data
    if error.code == _EXPECTED_FAILURE and isinstance(data, dict):
        kind = RemoteRetryableError if data.get("retryable") else RemoteError
        return kind(
            error.message,
            where=data.get("where"),
            fix=data.get("fix"),
            kind=str(data.get("kind")),
        )
    return CloudOpsError(
        "The background process could not answer",
        fix="Try again; 'cloudops-ls status' says how it is",
    )
