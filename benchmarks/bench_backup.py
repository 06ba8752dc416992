"""Backups to S3: all of an estate, then 100 changed records of it, then restored elsewhere."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from sqlalchemy import delete

from benchmarks.estate import PASSPHRASE, environment, inside
from benchmarks.figures import Row, show
from cloudops_ls.home import Home
from cloudops_ls.storage.backup.layout import Layout
from cloudops_ls.storage.backup.records import BackupPlan
from cloudops_ls.storage.backup.restoring import RestoreMode
from cloudops_ls.storage.backup.s3 import S3ObjectStore
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.recovery_key import RecoveryKey
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.tables import BackupStateRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from benchmarks.options import Options

BUCKET = "user-cloudops-backup"
CHANGED = 100
FULL = "everything, into an empty bucket"
RUNS = 3


def run(console: Console, options: Options) -> None:
    count = options.resources
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    uploaded: dict[str, list[float]] = {}
    with _s3() as client, environment(count) as variables, inside(variables):
        with StorageService.open(Home.locate()) as store:
            arns = [row.arn for row in store.estate.names()]
        for number in range(1 if options.quick else RUNS):
            _measure(client, f"run{number}", arns, seconds, processor, uploaded)
    for title, figures, unit in (
        ("Backups", seconds, "s"),
        ("Backups, processor time without S3's own", processor, "s"),
        ("Bytes written", uploaded, "kB"),
    ):
        full = figures[FULL]
        rows = [
            Row(what, samples, None if samples is full else full)
            for what, samples in figures.items()
        ]
        show(console, f"{title}, {count:,} resources (× the full one)", rows, unit)
    sent = uploaded[FULL]
    restore = min(seconds["restored on a new machine"])
    console.print(
        f"Restore: {count / restore:,.0f} resources/s at best, "
        f"{min(sent) / 1000 / restore:.1f} MB/s of sealed content"
    )


def _measure(
    client: Any,
    folder: str,
    arns: list[str],
    seconds: dict[str, list[float]],
    processor: dict[str, list[float]],
    uploaded: dict[str, list[float]],
) -> None:
    sent = 0

    def count_bytes(params: dict[str, Any], **_: Any) -> None:
        nonlocal sent
        sent += len(params["Body"])

    client.meta.events.register("provide-client-params.s3.PutObject", count_bytes)
    plan = BackupPlan(S3ObjectStore(lambda: client, BUCKET), Layout("", folder))
    recovery = RecoveryKey.generate()

    def take(what: str, work: Callable[[], object]) -> None:
        nonlocal sent
        sent = 0
        began, used = time.perf_counter(), time.process_time()
        work()
        processor.setdefault(what, []).append(time.process_time() - used)
        seconds.setdefault(what, []).append(time.perf_counter() - began)
        if sent:
            uploaded.setdefault(what, []).append(sent / 1000)

    with StorageService.open(Home.locate(), backup=lambda: plan) as store:
        with store._database.write() as connection:
            # A folder of its own has a key of its own.
            connection.execute(delete(BackupStateRow))
        store.backup.state.keep_recipient(recovery.recipient)
        take(FULL, store.backup.backup_to_s3)
        chosen = random.Random(3).sample(arns, CHANGED)
        found = [store.estate.get_resource(arn) for arn in chosen]
        store.estate.bulk_upsert(
            each.model_copy(update={"tags": {**each.tags, "changed": folder}})
            for each in found
            if each is not None
        )
        take(f"{CHANGED} changed resources, anywhere", store.backup.backup_to_s3)
        take("nothing changed", store.backup.backup_to_s3)
        take("verify --read-data", lambda: store.backup.verify(read_data=True))
    with TemporaryDirectory(prefix="cloudops-bench-") as root:
        home = Home(Path(root) / "home")
        ring = KeyRing(home, environ={"CLOUDOPS_PASSPHRASE": PASSPHRASE})
        with StorageService.open(home, keys=ring, backup=lambda: plan) as other:
            take(
                "restored on a new machine",
                lambda: other.backup.restore_from_s3(
                    "latest", RestoreMode.REPLACE, recovery=recovery
                ),
            )
            if other.estate.count() != len(arns):
                raise RuntimeError("the restored estate is another one")
    client.meta.events.unregister("provide-client-params.s3.PutObject", count_bytes)


@contextlib.contextmanager
def _s3() -> Iterator[Any]:
    """S3 on loopback (moto), in a process of its own."""
    server = subprocess.Popen(
        [sys.executable, "-m", "cloudops_ls.demo.moto_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    try:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=json.loads(server.stdout.readline())["endpoint"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket=BUCKET)
        yield client
    finally:
        server.stdin.close()
        server.wait(30)
