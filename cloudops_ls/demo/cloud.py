"""A stand-in AWS for the demo: two accounts on a loopback port, and profiles that reach them.

The profiles name the endpoint themselves, so the AWS CLI and boto3 need nothing but
``AWS_CONFIG_FILE`` and ``AWS_SHARED_CREDENTIALS_FILE``, and no real account can be reached.
"""

from __future__ import annotations

import configparser
import http.client
import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import PRIVATE_FILE, make_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

START_SECONDS = 60.0
STOP_SECONDS = 5.0
SEED = 20240216
"""Moto draws ids from a random generator; seeded, the estate is the same in every run."""


class Region(StrEnum):
    """The regions the demo's estate lives in."""

    OREGON = "us-west-2"
    IRELAND = "eu-west-1"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the stand-in AWS.

    Attributes
    ----------
    profile
        Name of the profile that reaches it.
    region
        The profile's default region.
    """

    profile: str
    account_id: str
    alias: str
    region: Region


PRODUCTION = Account("production", "123456789012", "acme-production", Region.OREGON)
STAGING = Account("staging", "210987654321", "acme-staging", Region.IRELAND)
ACCOUNTS = (PRODUCTION, STAGING)


class DemoCloud:
    """Owns the moto process and the profile files that point at it.

    Parameters
    ----------
    directory
        Where ``config`` and ``credentials`` are written; created with mode 0700.
    """

    def __init__(self, directory: Path) -> None:
        self.config_file = directory / "config"
        self.credentials_file = directory / "credentials"
        self.endpoint = ""
        self._process: subprocess.Popen[str] | None = None
        self._sessions: dict[Account, botocore.session.Session] = {}
        self._complaints: deque[str] = deque(maxlen=20)

    def __enter__(self) -> DemoCloud:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id of the running stand-in AWS; None when it is not running."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start moto, wait until it listens, and write the profiles.

        Raises
        ------
        CloudOpsError
            The ``demo`` extra is not installed, or moto does not come up.
        """
        if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
            raise CloudOpsError(
                "The demo needs moto, which is not installed",
                fix='Install it with: pip install "cloudops-ls[demo]"',
            )
        # A session of its own keeps a terminal's Ctrl-C from ending it before the demo is done.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cloudops_ls.demo.moto_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=aws_free_environment(os.environ) | _MOTO_SETTINGS,
            start_new_session=True,
        )
        try:
            self.endpoint = self._wait_until_listening(self._process)
            self._seed()
            self._open_accounts()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the moto process; calling it twice is fine."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()

    def environment(self) -> dict[str, str]:
        """Return the two variables with which any AWS tool reaches this cloud."""
        return {
            "AWS_CONFIG_FILE": str(self.config_file),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials_file),
        }

    def client(
        self,
        service: str,
        account: Account,
        region: str | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> Any:
        """Return a botocore client for one account of this cloud, whatever the environment.

        ``keys`` as STS returns them are used instead of the profile's.
        """
        if account not in self._sessions:
            session = botocore.session.Session(profile=account.profile)
            session.set_config_variable("config_file", str(self.config_file))
            session.set_config_variable("credentials_file", str(self.credentials_file))
            self._sessions[account] = session
        chosen = keys or {}
        return self._sessions[account].create_client(
            service,
            region_name=region or account.region,
            endpoint_url=self.endpoint,
            config=_NO_PROXY,
            aws_access_key_id=chosen.get("AccessKeyId"),
            aws_secret_access_key=chosen.get("SecretAccessKey"),
            aws_session_token=chosen.get("SessionToken"),
        )

    def _wait_until_listening(self, process: subprocess.Popen[str]) -> str:
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        _drain(process.stdout, lines.put)
        _drain(process.stderr, self._complaints.append)
        try:
            line = lines.get(timeout=START_SECONDS)
        except queue.Empty:
            line = ""
        if not line:
            last = next((text for text in reversed(self._complaints) if text.strip()), "no reason")
            raise CloudOpsError(
                f"The stand-in AWS did not start: {last.strip()}",
                where="moto",
                fix='Reinstall it with: pip install --force-reinstall "cloudops-ls[demo]"',
            )
        return str(json.loads(line)["endpoint"])

    def _seed(self) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=30)
        try:
            connection.request("POST", f"/moto-api/seed?a={SEED}")
            connection.getresponse().read()
        finally:
            connection.close()

    def _open_accounts(self) -> None:
        """Give each account an alias and an operator with keys of its own.

        Keys rather than a role to assume: the AWS CLI keeps assumed credentials in
        ``~/.aws/cli/cache``, which the demo must not touch, and which would send a later demo
        to the wrong account.
        """
        self._write_profiles(dict.fromkeys(ACCOUNTS, ("root", "root")))
        keys: dict[Account, tuple[str, str]] = {}
        for account in ACCOUNTS:
            role = self.client("sts", account).assume_role(
                RoleArn=f"arn:aws:iam::{account.account_id}:role/OrganizationAccountAccessRole",
                RoleSessionName="demo",
            )["Credentials"]
            iam = self.client("iam", account, keys=role)
            iam.create_account_alias(AccountAlias=account.alias)
            iam.create_user(UserName="operator")
            key = iam.create_access_key(UserName="operator")["AccessKey"]
            keys[account] = (key["AccessKeyId"], key["SecretAccessKey"])
        self._write_profiles(keys)
        # They still hold the first keys.
        self._sessions.clear()

    def _write_profiles(self, keys: Mapping[Account, tuple[str, str]]) -> None:
        config = configparser.RawConfigParser()
        credentials = configparser.RawConfigParser()
        for account, (key_id, secret) in keys.items():
            config[f"profile {account.profile}"] = {
                "region": account.region,
                "output": "json",
                "endpoint_url": self.endpoint,
            }
            credentials[account.profile] = {
                "aws_access_key_id": key_id,
                "aws_secret_access_key": secret,
            }
        make_private(self.config_file.parent)
        for path, content in ((self.config_file, config), (self.credentials_file, credentials)):
            path.touch(PRIVATE_FILE)
            with path.open("w", encoding="utf-8") as file:
                content.write(file)


_NO_PROXY = Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=30)
_MOTO_SETTINGS = {
    # Moto's own botocore must not stumble over what is damaged in the user's files.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "PYTHONUNBUFFERED": "1",
}


def aws_free_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` without anything that could lead an AWS tool to a real account.

    A proxy stays, but is told to leave loopback addresses alone.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(("AWS_", "BOTO_", "MOTO_"))
    }
    kept["AWS_EC2_METADATA_DISABLED"] = "true"
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (kept.get(name), "127.0.0.1", "localhost")))
    return kept


def _drain(stream: IO[str] | None, take: Any) -> None:
    """Hand every line of a child's stream to ``take``, then one empty line, off this thread."""

    def read() -> None:
        for line in stream or ():
            take(line)
        take("")

    threading.Thread(target=read, daemon=True).start()
