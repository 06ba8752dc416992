"""The reviewed table of the CLI's own commands against the CLI that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.commands.custom_effects import CustomEffect, custom_effects
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import AccessLevel, FileUse
from cloudops_ls.commands.shell import split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

STRICTNESS = [
    AccessLevel.READ,
    AccessLevel.WRITE,
    AccessLevel.DESTRUCTIVE,
    AccessLevel.PERMISSIONS,
    AccessLevel.UNKNOWN,
]


def own_commands() -> Iterator[tuple[str, ...]]:
    """Yield the names of all commands that are no plain API call, by walking the CLI itself."""
    from cloudops_ls.commands import awscli_bridge as cli

    driver = cli.create_driver(cli.cli_loader())
    for name, service in driver.create_help_command().command_table.items():
        if not isinstance(service, cli.ServiceCommand):
            yield from _leaves((name,), service)
            continue
        for operation, target in service._get_command_table().items():
            if isinstance(target, cli.WaitCommand) or cli.is_api_call(target):
                continue
            yield from _leaves((name, operation), target)


def _leaves(path: tuple[str, ...], command: Any) -> Iterator[tuple[str, ...]]:
    subcommands = getattr(command, "subcommand_table", {})
    for name, inner in subcommands.items():
        yield from _leaves((*path, name), inner)
    if not subcommands or getattr(command, "ARG_TABLE", None):
        yield path


@pytest.fixture(scope="module")
def names() -> set[str]:
    return {" ".join(path) for path in own_commands()}


def test_none_is_missing_and_none_is_made_up(names: set[str]) -> None:
    # `aws configure` has no options of its own, but asks questions when called alone.
    assert names | {"configure"} == set(custom_effects())


def test_every_call_is_an_operation_that_exists(classifier: Classifier) -> None:
    for name, effect in custom_effects().items():
        for call in {*effect.calls, *(call for each in effect.when for call in each.calls)}:
            level = classifier.level(*call.split(":", 1))
            assert level is not AccessLevel.UNKNOWN, f"{name}: {call}"


@pytest.mark.parametrize("name", sorted(custom_effects()))
def test_no_command_is_rated_milder_than_its_calls(classifier: Classifier, name: str) -> None:
    effect = custom_effects()[name]
    if effect.refused is not None:
        return
    for form in (effect, *effect.when):
        levels = [classifier.level(*call.split(":", 1)) for call in form.calls]
        worst = max(levels, key=STRICTNESS.index, default=AccessLevel.READ)
        assert STRICTNESS.index(form.access) >= STRICTNESS.index(worst), (form, worst)


def test_what_shows_secrets_says_so(classifier: Classifier) -> None:
    for name, effect in custom_effects().items():
        if effect.refused is None and any(
            word in name for word in ("login", "token", "presign", "sign", "password")
        ):
            assert effect.secret, name


@pytest.mark.parametrize(
    ("text", "access", "secret", "files"),
    [
        ("aws s3 ls", "read", False, []),
        ("aws s3 presign s3://b/k --expires-in 60", "read", True, []),
        ("aws s3 cp x s3://b/k", "write", False, [("x", "read")]),
        ("aws s3 cp s3://b/k x", "read", False, [("x", "write")]),
        ("aws s3 cp s3://b/k -", "read", False, []),
        ("aws s3 cp s3://b/k s3://c/k", "write", False, []),
        ("aws s3 cp x s3://b/k --acl public-read", "permissions", False, [("x", "read")]),
        ("aws s3 sync s3://b . --delete", "destructive", False, [(".", "write")]),
        ("aws s3 sync . s3://b --delete", "destructive", False, [(".", "read")]),
        ("aws s3 mv x s3://b/k", "destructive", False, [("x", "read")]),
        ("aws s3 mb s3://b", "write", False, []),
        ("aws s3 rb s3://b --force", "destructive", False, []),
        ("aws s3 website s3://b --index-document i.html", "write", False, []),
        ("aws ecr get-login-password", "read", True, []),
        ("aws ecr-public get-login-password --region us-east-1", "read", True, []),
        ("aws eks get-token --cluster-name c", "read", True, []),
        ("aws eks update-kubeconfig --name c", "read", False, [("~/.kube/config", "write")]),
        ("aws eks update-kubeconfig --name c --dry-run", "read", False, []),
        (
            "aws eks update-kubeconfig --name c --kubeconfig k.yaml",
            "read",
            False,
            [("k.yaml", "write")],
        ),
        ("aws rds generate-db-auth-token --hostname h --port 1 --username u", "read", True, []),
        (
            "aws cloudformation deploy --template-file t.yaml --stack-name s "
            "--capabilities CAPABILITY_IAM --parameter-overrides A=b C=d",
            "permissions",
            False,
            [("t.yaml", "read")],
        ),
        (
            "aws cloudformation deploy --template-file t.yaml --stack-name s "
            "--no-execute-changeset",
            "write",
            False,
            [("t.yaml", "read")],
        ),
        (
            "aws cloudformation package --template-file t --s3-bucket b --output-template-file o",
            "write",
            False,
            [("t", "read"), ("o", "write")],
        ),
        ("aws emr terminate-clusters --cluster-ids j-1 j-2", "destructive", False, []),
        # Its answer holds the KDC administrator's password.
        ("aws emr describe-cluster --cluster-id j-1", "read", True, []),
        (
            "aws deploy push --application-name a --s3-location s3://b/k",
            "write",
            False,
            [(".", "read")],
        ),
        (
            "aws deploy register --instance-name i",
            "permissions",
            True,
            [("codedeploy.onpremises.yml", "write")],
        ),
        ("aws configservice get-status", "read", False, []),
        ("aws configure list", "read", False, []),
        ("aws configure get aws_secret_access_key", "read", True, []),
        ("aws datapipeline list-runs --pipeline-id df-1", "read", False, []),
        (
            "aws cloudtrail validate-logs --trail-arn arn:aws:cloudtrail:us-east-1:1:trail/x "
            "--start-time 2020-01-01",
            "read",
            False,
            [],
        ),
    ],
)
def test_commands_are_rated_for_what_they_do(
    parser: CommandParser,
    classifier: Classifier,
    text: str,
    access: str,
    secret: bool,
    files: list[tuple[str, str]],
) -> None:
    command = parser.parse(split(text).argv)
    found = classifier.classify(command)
    assert command.custom
    assert (found.access.value, found.reveals_secret) == (access, secret)
    assert [(each.location, each.use.value) for each in command.files] == files


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("aws configure", "asks questions"),
        ("aws configure set region x", "changes the profiles"),
        ("aws ssm start-session --target i-1", "session with a host"),
        ("aws ecs execute-command --cluster c --task t --interactive --command sh", "container"),
        ("aws logs start-live-tail --log-group-identifiers x", "keeps the terminal open"),
        ("aws emr ssh --cluster-id j --key-pair-file k", "SSH"),
        ("aws codeartifact login --tool pip --domain d --repository r", "starts pip"),
        ("aws codecommit credential-helper get", "git"),
        ("aws deploy install --config-file c", "installs programs"),
        ("aws cloudformation deploy push", "belongs to aws deploy"),
        ("aws history show", "pager"),
    ],
)
def test_what_never_runs_from_here_says_why(parser: CommandParser, text: str, reason: str) -> None:
    with pytest.raises(CommandError) as caught:
        parser.parse(split(text).argv)
    assert caught.value.kind is ErrorKind.UNSUPPORTED
    assert reason in caught.value.what
    assert caught.value.fix


def test_a_write_of_a_file_is_never_rated_below_high(
    parser: CommandParser, classifier: Classifier
) -> None:
    from cloudops_ls.commands.model import CommandContext, RiskLevel
    from cloudops_ls.commands.risk import assess

    command = parser.parse(split("aws s3 cp s3://b/k here").argv)
    assert command.files[0].use is FileUse.WRITE
    risk = assess(command, classifier.classify(command), [], CommandContext(account_id="1"))
    assert risk.level is RiskLevel.HIGH


def test_a_command_that_is_not_in_the_table_is_the_worst_case(classifier: Classifier) -> None:
    from cloudops_ls.commands.parsed import GlobalOptions, ParsedCommand

    command = ParsedCommand(("aws",), "x", "y", "x y", {}, GlobalOptions(), custom=True)
    found = classifier.classify(command)
    assert found.access is AccessLevel.UNKNOWN
    assert found.reveals_secret
    with pytest.raises(ValueError, match="access level or the reason"):
        CustomEffect()
