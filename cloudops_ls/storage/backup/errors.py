"""What can go wrong with backups, each with its own name."""

from __future__ import annotations

from cloudops_ls.errors import CloudOpsError, RetryableError


class BackupDamagedError(CloudOpsError):
    """An object of a backup is missing, changed, or not what its name says.

    Attributes
    ----------
    key
        The object's key in the bucket, or the path of a local file.
    """

    def __init__(self, what: str, key: str, *, fix: str | None = None) -> None:
        super().__init__(
            what,
            where=key,
            fix=fix or "See 'cloudops-ls backup verify --read-data' for all that is damaged",
        )
        self.key = key


class ObjectMissingError(BackupDamagedError):
    """There is no object with this key."""

    def __init__(self, key: str) -> None:
        super().__init__("An object of the backup is missing", key)


class BackupCancelledError(CloudOpsError):
    """The operator stopped it; nothing that was there before has changed."""

    def __init__(self, doing: str) -> None:
        super().__init__(f"{doing} was cancelled; nothing that was there before has changed")


class BucketBusyError(RetryableError):
    """Another machine works on the same backups."""
