"""Where backups go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cloudops_ls.home import user_name

if TYPE_CHECKING:
    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.home import Home
    from cloudops_ls.storage.backup.records import BackupPlan


def backup_plan(home: Home, sessions: SessionFactory) -> BackupPlan | None:
    """Return where backups go by the settings as they are now; None without a bucket.

    Raises
    ------
    CloudOpsError
        A setting of backups is wrong. Ignoring it could mean another place, or none.
    """
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
        layout=Layout(chosen.prefix, chosen.user_id or user_name()),
        enabled=chosen.enabled,
        interval=timedelta(hours=chosen.interval_hours),
        keep_days=chosen.retention_days,
    )
