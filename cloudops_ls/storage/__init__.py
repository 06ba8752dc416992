"""The storage service: encrypted database, keys, search index, backups. Knows nothing of editors.

>>> from cloudops_ls.storage import StorageService, StorageServiceConfig

What is named here is the package's interface; everything is imported when it is first used, since
an editor's server must start before SQLAlchemy has been read.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudops_ls.errors import CloudOpsError, RetryableError
    from cloudops_ls.storage.backup.progress import Step, Watch
    from cloudops_ls.storage.backup.restoring import RestoreMode
    from cloudops_ls.storage.configuration import S3Backup, StorageServiceConfig
    from cloudops_ls.storage.health import HealthPart, PartState, StorageHealth
    from cloudops_ls.storage.records import (
        Conversation,
        Execution,
        ExecutionStatus,
        Message,
        ResourceFilter,
        Role,
        SearchHit,
    )
    from cloudops_ls.storage.recovery_key import RecoveryKey
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService

_PLACES = {
    "cloudops_ls.errors": ("CloudOpsError", "RetryableError"),
    "cloudops_ls.storage.backup.progress": ("Step", "Watch"),
    "cloudops_ls.storage.backup.restoring": ("RestoreMode",),
    "cloudops_ls.storage.configuration": ("S3Backup", "StorageServiceConfig"),
    "cloudops_ls.storage.health": ("HealthPart", "PartState", "StorageHealth"),
    "cloudops_ls.storage.records": (
        *("Conversation", "Execution", "ExecutionStatus", "Message"),
        *("ResourceFilter", "Role", "SearchHit"),
    ),
    "cloudops_ls.storage.recovery_key": ("RecoveryKey",),
    "cloudops_ls.storage.resource": ("Resource",),
    "cloudops_ls.storage.service": ("StorageService",),
}
_PLACE = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "CloudOpsError",
    "Conversation",
    "Execution",
    "ExecutionStatus",
    "HealthPart",
    "Message",
    "PartState",
    "RecoveryKey",
    "Resource",
    "ResourceFilter",
    "RestoreMode",
    "RetryableError",
    "Role",
    "S3Backup",
    "SearchHit",
    "Step",
    "StorageHealth",
    "StorageService",
    "StorageServiceConfig",
    "Watch",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_PLACE[name]), name)
    return found
