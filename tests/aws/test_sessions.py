from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.aws.clients import ClientSettings
from cloudops_ls.aws.errors import (
    AccessDenied,
    AwsError,
    AwsUnreachable,
    ExpiredCredentials,
    InvalidCredentials,
    NoCredentials,
    ProfileUnusable,
)
from cloudops_ls.aws.sessions import SessionFactory
from tests.aws.answering import AnsweringServer
from tests.aws.stand_in import MAIN, SECOND, SECRET, write_profiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.aws.stand_in import StandIn

EXPIRED = (
    "<ErrorResponse><Error><Code>ExpiredToken</Code>"
    f"<Message>The security token {SECRET} included in the request is expired</Message>"
    "</Error></ErrorResponse>"
)


@pytest.fixture
def sessions() -> Iterator[SessionFactory]:
    factory = SessionFactory(ClientSettings(connect_timeout=1, read_timeout=1, attempts=2))
    yield factory
    factory.close()


def test_each_profile_knows_its_account(cloud: StandIn, sessions: SessionFactory) -> None:
    cloud.client("second", "iam", "us-east-1").create_account_alias(AccountAlias="acme-staging")
    main, second = sessions.identity("main"), sessions.identity("second")
    assert (main.account_id, main.alias, main.partition) == (MAIN, None, "aws")
    assert (second.account_id, second.alias) == (SECOND, "acme-staging")
    assert sessions.profile_for(SECOND) == "second"


def test_an_identity_is_learned_once(aws_folder: Path, sessions: SessionFactory) -> None:
    body = (
        "<GetCallerIdentityResponse><GetCallerIdentityResult>"
        "<Arn>arn:aws-cn:iam::123456789012:user/x</Arn><Account>123456789012</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    with AnsweringServer(200, body) as server:
        write_profiles(aws_folder, server.endpoint)
        assert sessions.identity("main").partition == "aws-cn"
        asked = server.requests
        sessions.identity("main")
        assert server.requests == asked


def test_clients_are_made_once_whoever_asks(cloud: StandIn, sessions: SessionFactory) -> None:
    made: list[object] = []
    threads = [
        threading.Thread(target=lambda: made.append(sessions.client("main", "ec2", "us-west-2")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len({id(client) for client in made}) == 1
    assert sessions.client("main", "ec2") is made[0]
    assert sessions.client("main", "ec2", "eu-west-1") is not made[0]
    assert sessions.client("twin", "ec2", "us-west-2") is not made[0]


def test_sessions_share_the_service_models(cloud: StandIn, sessions: SessionFactory) -> None:
    loaders = {
        id(sessions.session(name).get_component("data_loader"))
        for name in ("main", "twin", "second")
    }
    assert len(loaders) == 1


def test_new_credentials_count_at_once(
    cloud: StandIn, aws_folder: Path, sessions: SessionFactory
) -> None:
    before = sessions.client("main", "sts")
    credentials = aws_folder / "credentials"
    credentials.write_text(credentials.read_text().replace("AKIAMAIN", "AKIAFRESH"))
    assert sessions.client("main", "sts") is not before
    assert sessions.session("main").get_credentials().access_key == "AKIAFRESH"


def test_healthy_profiles_of_a_damaged_file_stay_usable(
    cloud: StandIn, aws_folder: Path, sessions: SessionFactory
) -> None:
    config = aws_folder / "config"
    config.write_text(config.read_text() + "[profile bad]\nnonsense\n[profile twin]\nregion=x\n")
    assert sessions.identity("main").account_id == MAIN
    assert sessions.identity("second").account_id == SECOND
    with pytest.raises(ProfileUnusable, match="damaged") as failure:
        sessions.session("twin")
    assert "config, line" in str(failure.value)


def test_a_child_process_can_use_them_too(
    cloud: StandIn, aws_folder: Path, sessions: SessionFactory
) -> None:
    assert sessions.environment() == {}
    config = aws_folder / "config"
    config.write_text(config.read_text() + "[profile bad]\nnonsense\n")
    command = [sys.executable, "-m", "awscli", "sts", "get-caller-identity", "--profile", "second"]
    program = {**os.environ, "AWS_PAGER": ""}
    refused = subprocess.run(command, capture_output=True, text=True, env=program)
    assert refused.returncode != 0
    helped = subprocess.run(
        command, capture_output=True, text=True, env={**program, **sessions.environment()}
    )
    assert helped.returncode == 0, helped.stderr
    assert SECOND in helped.stdout


def test_the_repaired_files_are_gone_after_close(
    cloud: StandIn, aws_folder: Path, sessions: SessionFactory
) -> None:
    config = aws_folder / "config"
    config.write_text(config.read_text() + "[profile bad]\nnonsense\n")
    paths = list(sessions.environment().values())
    assert all(os.path.exists(path) for path in paths)  # noqa: PTH110 - links into /proc
    sessions.close()
    assert not any(os.path.exists(path) for path in paths)  # noqa: PTH110


def test_expired_credentials_are_said_to_be(aws_folder: Path, sessions: SessionFactory) -> None:
    with AnsweringServer(403, EXPIRED) as server:
        write_profiles(aws_folder, server.endpoint)
        with pytest.raises(ExpiredCredentials, match="have expired") as failure:
            sessions.identity("main")
        assert SECRET not in str(failure.value)
        assert failure.value.__cause__ is None
        # The role of the second profile is assumed with the first one's credentials.
        with pytest.raises(ExpiredCredentials):
            sessions.identity("second")


@pytest.mark.parametrize(
    ("code", "error"),
    [("AccessDenied", AccessDenied), ("InvalidClientTokenId", InvalidCredentials)],
)
def test_refusals_are_told_apart(
    aws_folder: Path, sessions: SessionFactory, code: str, error: type[Exception]
) -> None:
    with AnsweringServer(403, EXPIRED.replace("ExpiredToken", code)) as server:
        write_profiles(aws_folder, server.endpoint)
        with pytest.raises(error):
            sessions.identity("main")


def test_an_answer_that_is_not_from_aws_says_so(aws_folder: Path, sessions: SessionFactory) -> None:
    with AnsweringServer(200, f"<html>Sign in to the hotel, {SECRET}", "text/html") as server:
        write_profiles(aws_folder, server.endpoint)
        with pytest.raises(AwsError, match="not what AWS answers") as failure:
            sessions.identity("main")
    assert SECRET not in str(failure.value)


def test_a_closed_port_is_unreachable_and_soon_known(
    aws_folder: Path, sessions: SessionFactory
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        write_profiles(aws_folder, f"http://127.0.0.1:{probe.getsockname()[1]}")
    started = time.monotonic()
    with pytest.raises(AwsUnreachable, match="cannot be reached"):
        sessions.identity("main")
    assert time.monotonic() - started < 5


def test_unreachable_is_given_up_before_throttling_would_be(aws_folder: Path) -> None:
    patient = SessionFactory(ClientSettings(connect_timeout=1, attempts=10))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        write_profiles(aws_folder, f"http://127.0.0.1:{probe.getsockname()[1]}")
    client = patient.client("main", "sts")
    attempts: list[object] = []
    client.meta.events.register("before-send.sts", lambda **_: attempts.append(1) or None)
    with pytest.raises(AwsUnreachable):
        patient.identity("main")
    assert len(attempts) == 2
    patient.close()


def test_an_endpoint_that_never_answers_times_out(
    aws_folder: Path, sessions: SessionFactory
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        write_profiles(aws_folder, f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(AwsUnreachable, match="did not answer in time"):
            sessions.identity("main")


def test_no_configuration_and_unknown_profiles_are_told_apart(
    aws_folder: Path, sessions: SessionFactory
) -> None:
    with pytest.raises(ProfileUnusable, match="There is no AWS configuration"):
        sessions.session("main")
    write_profiles(aws_folder, "http://127.0.0.1:1")
    with pytest.raises(ProfileUnusable, match="'nope' is not defined"):
        sessions.session("nope")


def test_a_profile_without_credentials_says_so(aws_folder: Path, sessions: SessionFactory) -> None:
    write_profiles(aws_folder, "http://127.0.0.1:1", extra="[profile empty]\nregion=x\n")
    with pytest.raises(NoCredentials, match="has no credentials"):
        sessions.session("empty")


def test_a_missing_sso_login_asks_for_it(aws_folder: Path, sessions: SessionFactory) -> None:
    extra = (
        "[sso-session corp]\nsso_region=us-east-1\nsso_start_url=https://x.awsapps.com/start\n"
        "[profile sso]\nregion=us-east-1\nsso_session=corp\nsso_account_id=1\nsso_role_name=r\n"
    )
    write_profiles(aws_folder, "http://127.0.0.1:1", extra=extra)
    with pytest.raises(ExpiredCredentials, match="cloudops-ls accounts login sso"):
        sessions.identity("sso")


def test_a_failing_credential_process_keeps_its_output_to_itself(
    aws_folder: Path, sessions: SessionFactory
) -> None:
    extra = f"[profile proc]\nregion=x\ncredential_process = sh -c 'echo {SECRET} >&2; exit 1'\n"
    write_profiles(aws_folder, "http://127.0.0.1:1", extra=extra)
    with pytest.raises(ExpiredCredentials) as failure:
        sessions.session("proc")
    assert SECRET not in str(failure.value)
    assert failure.value.__cause__ is None
