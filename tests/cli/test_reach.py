"""How far ``cloudops-ls scan`` reaches: all profiles, all regions, an organization's accounts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.aws.answering import AnsweringServer
from tests.aws.stand_in import MAIN, SECOND, SECRET, StandIn, write_profiles

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService

    Cloudops = Callable[..., subprocess.CompletedProcess[str]]

ROLE = "OrganizationAccountAccessRole"
DENIED = (
    "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message>"
    "</Error></Errors></Response>"
)
REFUSED = '{"__type": "AccessDeniedException", "message": "no"}'
LISTED = json.dumps(
    {
        "Regions": [
            {"RegionName": name, "RegionOptStatus": "ENABLED"}
            for name in ("ap-southeast-1", "us-west-2")
        ]
    }
)


@pytest.fixture(scope="module")
def moto() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()


@pytest.fixture
def files(
    moto: StandIn, environment: dict[str, str], home: Home, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder of the AWS files: `main` and `twin` lead to one account, `second` to another."""
    moto.reset()
    folder = home.root.parent / "aws"
    write_profiles(folder, moto.endpoint)
    for name, value in {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }.items():
        environment[name] = value
        monkeypatch.setenv(name, value)
    home.config.write_text(
        f'[estate]\norganization_role = "{ROLE}"\ntypes = ["sqs_queue"]\n'
        "[worker]\nidle_seconds = 2\n"
    )
    return folder


def queue(moto: StandIn, profile: str, region: str, name: str) -> str:
    url: str = moto.client(profile, "sqs", region).create_queue(QueueName=name)["QueueUrl"]
    account = url.split("/")[-2]
    return f"arn:aws:sqs:{region}:{account}:{name}"


def member(moto: StandIn, name: str) -> str:
    """Add an account to the organization."""
    organizations = moto.client("main", "organizations", "us-east-1")
    made = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
    account: str = made["CreateAccountStatus"]["AccountId"]
    return account


def reaching(files: Path, account: str) -> None:
    """Let the test itself into an account; the program must find its own way."""
    (files / "config").write_text(
        f"{(files / 'config').read_text()}[profile inside]\nregion = us-east-1\n"
        f"role_arn = arn:aws:iam::{account}:role/{ROLE}\nsource_profile = main\n"
        f"endpoint_url = {_endpoint(files)}\n"
    )


def _endpoint(files: Path) -> str:
    lines = (files / "config").read_text().splitlines()
    return next(line.split(" = ")[1] for line in lines if line.startswith("endpoint_url"))


def found(store: StorageService) -> set[str]:
    return {one.arn for one in store.estate.get_by_type("sqs_queue")}


def test_all_profiles_all_regions_and_the_organization_in_one_scan(
    moto: StandIn, files: Path, store: StorageService, cloudops: Cloudops
) -> None:
    moto.client("main", "organizations", "us-east-1").create_organization(FeatureSet="ALL")
    inside = member(moto, "payments")
    left = member(moto, "closed")
    moto.client("main", "organizations", "us-east-1").close_account(AccountId=left)
    seen_by_program = (files / "config").read_text()
    reaching(files, inside)
    made = {
        queue(moto, "main", "us-west-2", "orders"),
        queue(moto, "main", "sa-east-1", "far-away"),
        queue(moto, "second", "eu-west-1", "staging"),
        queue(moto, "inside", "ap-south-1", "invoices"),
    }
    assert {arn.split(":")[4] for arn in made} == {MAIN, SECOND, inside}
    (files / "config").write_text(seen_by_program)

    ended = cloudops("scan", "--profile", "*", "--region", "*", "--json")

    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    # `main` and `twin` are one account; the closed account is not asked for anything.
    assert result["accounts"] == 3
    regions = moto.client("main", "ec2", "us-east-1").describe_regions()["Regions"]
    assert result["scopes"] == 3 * len(regions)
    assert found(store) == made
    # What was found through the role is found again so, and shown live.
    live = cloudops("show", "invoices", "--live", "--json")
    assert json.loads(live.stdout)["account_id"] == inside
    assert {one.account_id: one.profiles for one in store.estate.accounts()} == {
        MAIN: ("main", "twin"),
        SECOND: ("second",),
        inside: (f"main/{inside}",),
    }


def test_denied_regions_a_denied_organization_and_keys_that_end_soon(
    moto: StandIn, files: Path, store: StorageService, cloudops: Cloudops
) -> None:
    here = queue(moto, "main", "us-west-2", "orders")
    there = queue(moto, "main", "ap-southeast-1", "parcels")
    end = datetime.now(UTC) + timedelta(minutes=10)
    with (
        AnsweringServer(403, DENIED) as denying,
        AnsweringServer(400, REFUSED, "application/x-amz-json-1.1") as refusing,
        AnsweringServer(200, LISTED, "application/json") as telling,
        AnsweringServer(403, REFUSED, "application/json") as silent,
    ):

        def write(account: AnsweringServer) -> None:
            services = {
                "ec2": denying.endpoint,
                "organizations": refusing.endpoint,
                "account": account.endpoint,
            }
            text = "".join(f"{name} =\n  endpoint_url = {at}\n" for name, at in services.items())
            write_profiles(
                files, moto.endpoint, extra=f"[services closed]\n{text}", main="services = closed"
            )
            (files / "credentials").write_text(
                f"[main]\naws_access_key_id = AKIAMAIN\naws_secret_access_key = {SECRET}\n"
                f"aws_session_token = t\nexpiration = {end.isoformat()}\n"
            )

        # Account Management knows the regions where EC2 does not tell.
        write(telling)
        ended = cloudops("scan", "--profile", "main", "--region", "*", "--json")
        result = json.loads(ended.stdout)
        assert result["scopes"] == 2
        assert found(store) == {here, there}
        # The organization is said to be closed; everything else was done.
        assert ended.returncode == 3
        said = " ".join(ended.stderr.split())
        assert "organizations:ListAccounts" in said
        # Told before the scan, not when it fails.
        assert said.startswith(f"The credentials of 'main' end at {end:%H:%M} UTC")
        assert SECRET not in said

        # Neither tells: the profile's own region, and what is missing is said.
        write(silent)
        ended = cloudops("scan", "--profile", "main", "--region", "*", "--json")
        assert ended.returncode == 3
        assert json.loads(ended.stdout)["scopes"] == 1
        assert "ec2:DescribeRegions" in " ".join(ended.stderr.split())
