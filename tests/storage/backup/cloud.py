"""A real S3 endpoint for the tests: moto in server mode, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "user-cloudops-backup"
REGION = "us-west-2"


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serve S3 on loopback; yield its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "cloudops_ls.demo.moto_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
    )
    assert server.stdout is not None
    assert server.stdin is not None
    try:
        yield json.loads(server.stdout.readline())["endpoint"]
    finally:
        server.stdin.close()
        server.wait(30)


def s3(endpoint: str, **config: Any) -> Any:
    """Return a client of the endpoint."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(
            **{"retries": {"total_max_attempts": 3}, "s3": {"addressing_style": "path"}, **config}
        ),
    )


def make_bucket(client: Any, name: str = BUCKET, *, object_lock: bool = False) -> None:
    client.create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": REGION},
        ObjectLockEnabledForBucket=object_lock,
    )
