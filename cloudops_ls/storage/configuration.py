"""What a program that is no editor says to use the store: the seed's ``StorageServiceConfig``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cloudops_ls.home import user_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.storage.backup.records import BackupPlan
    from cloudops_ls.storage.indexing.settings import VectorSettings

QDRANT_KEY_VARIABLE = "CLOUDOPS_QDRANT_API_KEY"


@dataclass(frozen=True, slots=True)
class S3Backup:
    """Where backups go.

    Attributes
    ----------
    bucket, region
        The bucket; the region is the AWS settings' own when None.
    enabled
        Whether `Backups.run_if_due` makes them, unless ``auto_backup`` said otherwise. Nothing
        runs by itself in a library: call that once a minute or once an hour.
    sync_interval
        Hours between them.
    keep_days
        Retention, counted back from the newest backup; 0 removes none.
    user_id
        The folder in the bucket; by default the name of who runs this process.
    client
        Returns a boto3 S3 client, such as for another endpoint; by default boto3's own chain of
        credentials decides. Called for every operation.
    """

    bucket: str
    region: str | None = None
    enabled: bool = False
    sync_interval: float = 24.0
    keep_days: int = 30
    user_id: str = field(default_factory=user_name)
    client: Callable[[], Any] | None = None

    def plan(self) -> BackupPlan:
        """Return the same for `StorageService.open`; nothing is asked of AWS yet."""
        from cloudops_ls.storage.backup.layout import Layout
        from cloudops_ls.storage.backup.records import BackupPlan
        from cloudops_ls.storage.backup.s3 import S3ObjectStore

        return BackupPlan(
            S3ObjectStore(self.client or self._client(), self.bucket),
            Layout("", self.user_id),
            enabled=self.enabled,
            interval=timedelta(hours=self.sync_interval),
            keep_days=self.keep_days,
        )

    def _client(self) -> Callable[[], Any]:
        made: list[Any] = []

        def client() -> Any:
            if not made:
                import boto3

                made.append(boto3.session.Session().client("s3", region_name=self.region))
            return made[0]

        return client


@dataclass(frozen=True, slots=True)
class StorageServiceConfig:
    """Everything `StorageService.init` needs.

    Attributes
    ----------
    local_path
        The home directory of the store; made where it is missing.
    encryption_key
        Passphrase that protects the store's key. By default what the environment offers:
        ``CLOUDOPS_KEY_FILE``, ``CLOUDOPS_PASSPHRASE`` or the keychain.
    qdrant_url
        A Qdrant server to search in, its API key in ``CLOUDOPS_QDRANT_API_KEY``. By default the
        index is in memory of this machine. Either is filled by ``index.rebuild()``; until then,
        and without, search goes by names and words.
    s3_backup
        Where backups go; None leaves export and import of files.
    """

    local_path: Path
    encryption_key: str | None = field(default=None, repr=False)
    qdrant_url: str | None = None
    s3_backup: S3Backup | None = None

    def vectors(self) -> VectorSettings:
        """Return how to search."""
        from cloudops_ls.storage.indexing.settings import ServerSettings, VectorSettings

        if self.qdrant_url is None:
            return VectorSettings()
        key = os.environ.get(QDRANT_KEY_VARIABLE)
        return VectorSettings(server=ServerSettings(self.qdrant_url, api_key=lambda: key))
