"""The stand-in AWS: reachable by profile alone, private, and gone when its owner is."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudops_ls.demo.cloud import ACCOUNTS, PRODUCTION, DemoCloud, aws_free_environment
from cloudops_ls.errors import CloudOpsError

AWS = Path(sys.executable).with_name("aws")

OWNER = """
import pathlib, sys, time
from cloudops_ls.demo.cloud import DemoCloud
cloud = DemoCloud(pathlib.Path(sys.argv[1]))
cloud.start()
print(cloud.pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.profile)
def test_the_aws_cli_reaches_each_account_with_two_variables_only(filled, account) -> None:
    environment = {"PATH": os.environ["PATH"], **filled.cloud.environment()}
    answer = subprocess.run(
        [AWS, "--profile", account.profile, "sts", "get-caller-identity"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout)["Account"] == account.account_id


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.profile)
def test_each_account_has_its_alias(filled, account) -> None:
    answer = filled.cloud.client("iam", account).list_account_aliases()
    assert answer["AccountAliases"] == [account.alias]


def test_profile_files_belong_to_the_user_alone(filled) -> None:
    for path in (filled.cloud.config_file, filled.cloud.credentials_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_clients_ignore_the_users_own_aws_settings(filled, monkeypatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    answer = filled.cloud.client("sts", PRODUCTION).get_caller_identity()
    assert answer["Account"] == PRODUCTION.account_id


def test_the_cloud_starts_whatever_the_users_own_aws_settings(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with DemoCloud(tmp_path / "aws") as cloud:
        answer = cloud.client("sts", PRODUCTION).get_caller_identity()
    assert answer["Account"] == PRODUCTION.account_id


def test_the_childrens_environment_leads_to_no_real_account() -> None:
    cleaned = aws_free_environment(
        {
            "AWS_PROFILE": "mine",
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            "HTTPS_PROXY": "http://proxy:3128",
            "no_proxy": "intranet",
            "PATH": "/usr/bin",
        }
    )
    assert cleaned == {
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTPS_PROXY": "http://proxy:3128",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "intranet,127.0.0.1,localhost",
        "PATH": "/usr/bin",
    }


def test_stopping_ends_the_process_and_may_be_repeated(tmp_path) -> None:
    cloud = DemoCloud(tmp_path / "aws")
    cloud.start()
    pid = cloud.pid
    assert pid is not None
    assert alive(pid)
    cloud.stop()
    assert not alive(pid)
    cloud.stop()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks processes up in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_cloud_does_not_outlive_its_owner(tmp_path, number) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path / "aws"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert alive(pid)
    owner.send_signal(number)
    owner.wait(10)
    owner.stdout.close()
    assert wait_until_gone(pid)


def test_a_missing_demo_extra_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CloudOpsError, match=r"cloudops-ls\[demo\]"):
        DemoCloud(tmp_path).start()


def test_a_cloud_that_cannot_start_says_why(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(CloudOpsError, match="did not start") as failure:
        DemoCloud(tmp_path).start()
    assert "Traceback" not in str(failure.value)
