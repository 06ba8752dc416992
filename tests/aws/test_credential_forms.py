"""Every form of credentials, for this program and for the AWS CLI as it runs commands.

Each is held against what STS says: the right account, or a sign-in that is asked for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.credentials import SSOProvider

from cloudops_ls.aws import sso
from cloudops_ls.aws.clients import ClientSettings
from cloudops_ls.aws.credential_status import (
    CredentialState,
    SignInWay,
    credential_status,
)
from cloudops_ls.aws.errors import CloudOpsError, SignInNeeded
from cloudops_ls.aws.sessions import SessionFactory
from cloudops_ls.commands.environment import command_environment
from tests.aws.identity_center import IdentityCenter
from tests.aws.metadata_service import MetadataService
from tests.aws.stand_in import MAIN, SECOND, SECRET, StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERIAL = f"arn:aws:iam::{MAIN}:mfa/operator"
CODE = "714253"


@pytest.fixture
def sessions(aws_folder: Path) -> Iterator[SessionFactory]:
    made = SessionFactory(
        ClientSettings(connect_timeout=2, read_timeout=20, attempts=2),
        organization_role="OrganizationAccountAccessRole",
    )
    yield made
    made.close()


@pytest.fixture
def config(cloud: StandIn, aws_folder: Path) -> Callable[..., None]:
    """Write the files anew: sections of the config file, and keys of ``user``."""

    def write(*sections: str, default_region: str = "us-west-2") -> None:
        text = "\n".join(
            f"{section}\nregion = {default_region}\nendpoint_url = {cloud.endpoint}\n"
            if section.startswith(("[profile", "[default"))
            else section
            for section in sections
        )
        (aws_folder / "config").write_text(text)
        (aws_folder / "credentials").write_text(
            f"[user]\naws_access_key_id = AKIAMAIN\naws_secret_access_key = {SECRET}\n"
        )

    return write


def role(account: str, name: str = "operator") -> str:
    return f"role_arn = arn:aws:iam::{account}:role/{name}"


def run_as_command(
    sessions: SessionFactory, profile: str, cloud: StandIn
) -> subprocess.CompletedProcess[str]:
    """Run what a runbook would, in the environment that a runbook's command gets."""
    environment = command_environment(os.environ, extra=sessions.environment(profile))
    command = ["sts", "get-caller-identity", "--profile", profile, "--region", "us-west-2"]
    return subprocess.run(
        [sys.executable, "-m", "awscli", *command, "--endpoint-url", cloud.endpoint],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def assert_reaches(sessions: SessionFactory, profile: str, account: str, cloud: StandIn) -> None:
    assert sessions.identity(profile).account_id == account
    ran = run_as_command(sessions, profile, cloud)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["Account"] == account


def test_a_credential_process(
    config: Callable[..., None], sessions: SessionFactory, cloud: StandIn, tmp_path: Path
) -> None:
    script = tmp_path / "hand out.py"
    keys = {"Version": 1, "AccessKeyId": "AKIAMAIN", "SecretAccessKey": SECRET}
    script.write_text(f"print({json.dumps(keys)!r})")
    config(f'[profile out]\ncredential_process = {sys.executable} "{script}"')
    assert_reaches(sessions, "out", MAIN, cloud)


def test_a_web_identity(
    config: Callable[..., None], sessions: SessionFactory, cloud: StandIn, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("header.payload.signature")
    config(f"[profile pod]\n{role(SECOND)}\nweb_identity_token_file = {token}")
    assert_reaches(sessions, "pod", SECOND, cloud)


def test_a_chain_of_roles(
    config: Callable[..., None], sessions: SessionFactory, cloud: StandIn
) -> None:
    config(
        f"[profile far]\n{role(SECOND, 'far')}\nsource_profile = near",
        f"[profile near]\n{role(MAIN, 'near')}\nsource_profile = user",
        "[profile user]",
    )
    assert_reaches(sessions, "far", SECOND, cloud)


def test_an_instances_role_without_any_file(
    sessions: SessionFactory, cloud: StandIn, monkeypatch: pytest.MonkeyPatch, aws_folder: Path
) -> None:
    for name in ("config", "credentials"):
        (aws_folder / name).unlink()
    with MetadataService("AKIAMAIN", SECRET) as service:
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
        (found,) = sessions.profiles().profiles
        assert (found.name, found.kind) == ("default", "instance")
        assert_reaches(sessions, "default", MAIN, cloud)


def test_an_instances_role_as_the_source_of_another(
    config: Callable[..., None],
    sessions: SessionFactory,
    cloud: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config(f"[profile hop]\n{role(SECOND)}\ncredential_source = Ec2InstanceMetadata")
    with MetadataService("AKIAMAIN", SECRET) as service:
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.endpoint)
        assert sessions.identity("hop").account_id == SECOND


@pytest.mark.parametrize("form", ["keys", "container"])
def test_a_container_without_any_file(
    form: str,
    sessions: SessionFactory,
    cloud: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    aws_folder: Path,
) -> None:
    for name in ("config", "credentials"):
        (aws_folder / name).unlink()
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    with MetadataService("AKIAMAIN", SECRET) as service:
        if form == "keys":
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMAIN")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        else:
            uri = f"{service.endpoint}/container"
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
        (found,) = sessions.profiles().profiles
        assert (found.name, found.kind, found.region) == ("default", "environment", "us-west-2")
        assert_reaches(sessions, "default", MAIN, cloud)


def test_an_mfa_code_opens_every_role_behind_the_device(
    config: Callable[..., None], sessions: SessionFactory, cloud: StandIn
) -> None:
    config(
        f"[profile admin]\n{role(SECOND)}\nsource_profile = user\nmfa_serial = {SERIAL}",
        f"[profile audit]\n{role(MAIN, 'audit')}\nsource_profile = user\nmfa_serial = {SERIAL}",
        f"[profile behind]\n{role(MAIN, 'behind')}\nsource_profile = admin",
        "[profile user]",
    )
    status = credential_status(sessions, "admin")
    assert (status.state, status.way) == (CredentialState.SIGN_IN, SignInWay.CODE)
    with pytest.raises(SignInNeeded, match="needs a code of its MFA device") as needed:
        sessions.identity("admin")
    assert "cloudops-ls accounts login admin" in str(needed.value)
    # Whoever runs a command is told the same, before the AWS CLI would wait for a keyboard.
    with pytest.raises(SignInNeeded):
        sessions.environment("admin")
    # The source alone wants no code.
    assert sessions.identity("user").account_id == MAIN

    sessions.sign_in_code("admin", CODE)
    assert_reaches(sessions, "admin", SECOND, cloud)
    assert sessions.identity("audit").account_id == MAIN
    assert sessions.identity("behind").account_id == MAIN
    status = credential_status(sessions, "audit")
    assert status.state is CredentialState.READY
    assert status.expires is not None
    assert CODE not in repr(vars(sessions))
    assert CODE not in repr(vars(sessions.mfa))

    sessions.mfa.clear()
    sessions.forget_sessions()
    with pytest.raises(SignInNeeded):
        sessions.identity("admin")


def test_an_mfa_code_opens_a_role_whose_source_has_no_static_keys(
    config: Callable[..., None], sessions: SessionFactory, cloud: StandIn, tmp_path: Path
) -> None:
    script = tmp_path / "hand_out.py"
    keys = {"Version": 1, "AccessKeyId": "AKIAMAIN", "SecretAccessKey": SECRET}
    script.write_text(f"print({json.dumps(keys)!r})")
    config(
        f"[profile admin]\n{role(SECOND)}\nsource_profile = out\nmfa_serial = {SERIAL}",
        f"[profile out]\ncredential_process = {sys.executable} {script}",
    )
    with pytest.raises(SignInNeeded):
        sessions.identity("admin")
    sessions.sign_in_code("admin", CODE)
    assert_reaches(sessions, "admin", SECOND, cloud)


def test_a_member_of_the_organization_is_reached_through_the_role(
    config: Callable[..., None], sessions: SessionFactory, cloud: StandIn
) -> None:
    config("[profile user]")
    member = sessions.member("user", SECOND)
    assert_reaches(sessions, member, SECOND, cloud)
    assert member not in {one.name for one in sessions.profiles().profiles}
    with pytest.raises(CloudOpsError, match="not defined"):
        sessions.identity("nobody/210987654321")


def test_temporary_keys_that_say_when_they_end(
    config: Callable[..., None], sessions: SessionFactory, aws_folder: Path
) -> None:
    config("[profile user]")
    now = datetime.now(UTC)
    credentials = aws_folder / "credentials"
    for left, state in (
        (timedelta(hours=1), CredentialState.READY),
        (timedelta(minutes=5), CredentialState.EXPIRING),
        (timedelta(minutes=-5), CredentialState.EXPIRED),
    ):
        moment = (now + left).isoformat()
        credentials.write_text(
            f"[user]\naws_access_key_id = AKIAMAIN\naws_secret_access_key = {SECRET}\n"
            f"aws_session_token = t\nx_security_token_expires = {moment}\n"
        )
        assert credential_status(sessions, "user").state is state


# IAM Identity Center


@pytest.fixture
def center(
    aws_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[IdentityCenter]:
    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path / "sso" / "cache"))
    monkeypatch.setattr(
        "botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR", str(tmp_path / "sso" / "cache")
    )
    keys = {"accessKeyId": "AKIAMAIN", "secretAccessKey": SECRET, "sessionToken": "token"}
    with IdentityCenter(keys) as started:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", started.endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", started.endpoint)
        yield started


MODERN = (
    f"[profile sso]\nsso_session = corp\nsso_account_id = {MAIN}\nsso_role_name = operator",
    "[sso-session corp]\nsso_start_url = https://corp.example/\nsso_region = us-east-1\n",
)
LEGACY = (
    f"[profile sso]\nsso_start_url = https://corp.example/\nsso_region = us-east-1\n"
    f"sso_account_id = {MAIN}\nsso_role_name = operator",
)


@pytest.mark.parametrize("sections", [MODERN, LEGACY], ids=["sso-session", "legacy"])
def test_signing_in_by_the_browser(
    sections: tuple[str, ...],
    center: IdentityCenter,
    config: Callable[..., None],
    sessions: SessionFactory,
) -> None:
    config(*sections)
    assert credential_status(sessions, "sso").state is CredentialState.SIGN_IN
    with pytest.raises(SignInNeeded, match="accounts login sso"):
        sessions.identity("sso")

    session = sessions.unopened("sso")
    begun = sso.begin(session, sso.portal_of(session, "sso"))
    assert begun.url == "https://corp.example/device?user_code=ABCD-EFGH"
    assert begun.code == "ABCD-EFGH"
    assert "client-secret" not in repr(begun)
    threading.Timer(0.5, lambda: setattr(center, "confirmed", True)).start()
    sso.finish(session, begun, threading.Event())
    assert center.polls >= 2

    sessions.forget_sessions()
    assert sessions.identity("sso").account_id == MAIN
    status = credential_status(sessions, "sso")
    assert (status.state, status.way) == (CredentialState.READY, SignInWay.BROWSER)


def test_a_refused_or_cancelled_sign_in_leaves_nothing(
    center: IdentityCenter, config: Callable[..., None], sessions: SessionFactory
) -> None:
    config(*MODERN)
    session = sessions.unopened("sso")
    center.refused = True
    begun = sso.begin(session, sso.portal_of(session, "sso"))
    with pytest.raises(SignInNeeded, match="refused"):
        sso.finish(session, begun, threading.Event())
    center.refused = False
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(SignInNeeded, match="cancelled"):
        sso.finish(session, begun, cancelled)
    assert sso.cached_token("https://corp.example/", "corp") is None


def test_a_sign_in_that_ends_soon_is_told_before_it_hurts(
    center: IdentityCenter, config: Callable[..., None], sessions: SessionFactory
) -> None:
    config(*MODERN)
    center.confirmed, center.expires_in = True, 300
    session = sessions.unopened("sso")
    sso.finish(session, sso.begin(session, sso.portal_of(session, "sso")), threading.Event())
    assert credential_status(sessions, "sso").state is CredentialState.EXPIRING
