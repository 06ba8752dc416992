"""``cloudops-ls audit``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import text

from cloudops_ls.storage.audit_chain import AuditEvent
from cloudops_ls.storage.records import Execution, ExecutionStatus

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.storage.service import StorageService

    Cloudops = Callable[..., subprocess.CompletedProcess[str]]


def test_the_audit_log_is_listed_shown_exported_and_verified(
    cloudops: Cloudops, store: StorageService
) -> None:
    log = store.executions
    done = log.create(Execution(command="aws s3 ls", argv=("aws", "s3", "ls", "a b")))
    log.update(done.id, status=ExecutionStatus.RUNNING)
    log.update(done.id, status=ExecutionStatus.SUCCESS, exit_status=0)
    store.audit.append(AuditEvent.REFUSED, details={"argv": ["aws", "x"], "reason": "not now"})
    listed = cloudops("audit", "list").stdout
    assert "aws s3 ls 'a b'" in listed
    assert "aws x (not now)" in listed
    assert json.loads(cloudops("audit", "show", "3").stdout)["details"]["exit_status"] == 0
    assert "There is no such entry" in cloudops("audit", "show", "9").stderr
    exported = cloudops("audit", "export").stdout
    assert [json.loads(line)["seq"] for line in exported.splitlines()] == [1, 2, 3, 4]
    verified = cloudops("audit", "verify")
    assert verified.returncode == 0
    assert verified.stdout.startswith("4 entries, none missing, none changed.")


def test_a_damaged_audit_log_is_an_error_that_names_the_entry(
    cloudops: Cloudops, store: StorageService, tmp_path: Path
) -> None:
    for _ in range(3):
        store.audit.append(AuditEvent.REFUSED)
    export = tmp_path / "export.jsonl"
    export.write_text(cloudops("audit", "export").stdout)
    assert cloudops("audit", "verify", "--against", str(export)).returncode == 0
    with store._database.write() as connection:
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        connection.execute(text("DELETE FROM audit WHERE seq = 3"))
    for arguments in (("audit", "verify"), ("audit", "verify", "--against", str(export))):
        broken = cloudops(*arguments)
        assert broken.returncode == 1
        assert "entry 3" in broken.stderr
    export.write_text("no json\n")
    wrong = cloudops("audit", "verify", "--against", str(export))
    assert wrong.returncode == 1
    assert "line 1" in wrong.stderr
