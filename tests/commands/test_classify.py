from __future__ import annotations

import re
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from cloudops_ls.commands.model import AccessLevel
from cloudops_ls.commands.shell import split

if TYPE_CHECKING:
    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

TOOLS = Path(__file__).parents[2] / "tools"
OVERRIDES = tomllib.loads(
    files("cloudops_ls.commands").joinpath("data", "overrides.toml").read_text()
)
# Written down here on purpose, and not taken from the generator's own table.
CHANGES = re.compile(
    r"(BatchDelete|Delete|Create|Put|Update|Start|Stop|Reboot|Terminate|Modify|Attach|Detach|Purge|"
    r"Remove|Revoke|Authorize|Associate|Disassociate|Enable|Disable|Register|Deregister|Run|Send|"
    r"Restore|Reset|Release|Allocate|Cancel|Import|Replace|Rotate|Set|Tag|Untag|Invoke|Execute)"
    r"(?=[A-Z0-9]|$)"
)


# The same: what a member of an answer is called when it can be used to get in.
SECRET = re.compile(
    r"(.*(password|passphrase|secret|privatekey|presharedkey|apikey|secretkey|accesskey|streamkey|"
    r"authtoken|accesstoken|sessiontoken|refreshtoken|idtoken|bearertoken|securitytoken|jointoken|"
    r"signedurl|credentials?))|plaintext|token",
    re.IGNORECASE,
)
SECRET_CALL = re.compile(
    r"(Get|Create|Generate|Assume|Decrypt|Issue|Exchange).*"
    r"(Password|SecretValue|Credentials|AccessKey|PrivateKey|AuthToken|SessionToken|Presigned|"
    r"FederationToken|AuthorizationToken)|Decrypt|GenerateDataKey|AssumeRole.*"
)


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    session = botocore.session.Session()
    return {name: session.get_service_model(name) for name in session.get_available_services()}


@pytest.fixture(scope="module")
def operations(models: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (service, operation)
        for service, model in models.items()
        for operation in model.operation_names
    ]


def texts_below(shape: Any, known: dict[str, set[str]]) -> set[str]:
    """Return the names of all texts and blobs in an answer."""
    if shape.name in known:
        return known[shape.name]
    found = known[shape.name] = set()
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if member.type_name in ("string", "blob"):
                found.add(name)
            found |= texts_below(member, known)
    elif shape.type_name == "list":
        found |= texts_below(shape.member, known)
    elif shape.type_name == "map":
        found |= texts_below(shape.value, known)
    return found


def test_every_operation_of_the_installed_botocore_is_classified(
    classifier: Classifier, operations: list[tuple[str, str]]
) -> None:
    assert len(operations) > 19_000
    unknown = [each for each in operations if classifier.level(*each) is AccessLevel.UNKNOWN]
    assert unknown == []


def test_no_answer_with_a_secret_is_unflagged(
    classifier: Classifier, models: dict[str, Any]
) -> None:
    table = classifier._table["secrets"]
    harmless = set(OVERRIDES["secrets"]["harmless"])
    wrong = []
    for service, model in models.items():
        known: dict[str, set[str]] = {}
        for operation in model.operation_names:
            name = f"{service}:{operation}"
            if classifier.reveals_secret(service, operation) or name in table["when"]:
                continue
            shape = model.operation_model(operation).output_shape
            texts = texts_below(shape, known) if shape is not None else set()
            suspicious = {text for text in texts if SECRET.fullmatch(text)}
            wrong += [
                f"{name} returns {text}"
                for text in suspicious
                if f"{service}:{text}" not in harmless and not re.match("(?i)next|page", text)
            ]
    assert wrong == []


def test_no_call_for_a_secret_is_unflagged(
    classifier: Classifier, operations: list[tuple[str, str]]
) -> None:
    wrong = [
        f"{service}:{operation}"
        for service, operation in operations
        if SECRET_CALL.fullmatch(operation)
        and not classifier.reveals_secret(service, operation)
        and f"{service}:{operation}" not in OVERRIDES["secrets"]["harmless_calls"]["operations"]
    ]
    assert wrong == []


def test_what_puts_patches_or_deletes_is_no_read(
    classifier: Classifier, models: dict[str, Any]
) -> None:
    reviewed = set(OVERRIDES["reads_with_mutating_names"]["operations"])
    wrong = [
        f"{service}:{operation}"
        for service, model in models.items()
        for operation in model.operation_names
        if model.operation_model(operation).http.get("method") in ("PUT", "PATCH", "DELETE")
        and classifier.level(service, operation) is AccessLevel.READ
        and f"{service}:{operation}" not in reviewed
    ]
    assert wrong == []


def test_no_operation_that_says_it_changes_something_counts_as_a_read(
    classifier: Classifier, operations: list[tuple[str, str]]
) -> None:
    reviewed = {
        *OVERRIDES["reads_with_mutating_names"]["operations"],
        *OVERRIDES["levels"]["read"],
    }
    wrong = [
        f"{service}:{operation}"
        for service, operation in operations
        if CHANGES.match(operation)
        and classifier.level(service, operation) is AccessLevel.READ
        and f"{service}:{operation}" not in reviewed
    ]
    assert wrong == []


def test_what_deletes_is_at_least_destructive(
    classifier: Classifier, operations: list[tuple[str, str]]
) -> None:
    reviewed = set(OVERRIDES["levels"]["write"])
    wrong = [
        f"{service}:{operation}"
        for service, operation in operations
        if re.match(r"(Delete|Terminate|Purge)[A-Z]", operation)
        and classifier.level(service, operation)
        not in (AccessLevel.DESTRUCTIVE, AccessLevel.PERMISSIONS)
        and f"{service}:{operation}" not in reviewed
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("service", "operation", "level"),
    [
        ("ec2", "DescribeInstances", AccessLevel.READ),
        ("ec2", "StopInstances", AccessLevel.WRITE),
        ("ec2", "TerminateInstances", AccessLevel.DESTRUCTIVE),
        ("ec2", "AuthorizeSecurityGroupIngress", AccessLevel.PERMISSIONS),
        ("rds", "DeleteDBInstance", AccessLevel.DESTRUCTIVE),
        ("s3", "ListObjectsV2", AccessLevel.READ),
        ("s3", "DeleteObjects", AccessLevel.DESTRUCTIVE),
        ("s3", "PutBucketPolicy", AccessLevel.PERMISSIONS),
        ("iam", "AttachRolePolicy", AccessLevel.PERMISSIONS),
        ("sqs", "PurgeQueue", AccessLevel.DESTRUCTIVE),
        ("sqs", "ReceiveMessage", AccessLevel.WRITE),
        ("kms", "ScheduleKeyDeletion", AccessLevel.DESTRUCTIVE),
        ("lambda", "Invoke", AccessLevel.WRITE),
        ("logs", "StartQuery", AccessLevel.READ),
        ("sts", "GetCallerIdentity", AccessLevel.READ),
        ("no-such-service", "ListThings", AccessLevel.UNKNOWN),
        ("ec2", "NoSuchOperation", AccessLevel.UNKNOWN),
    ],
)
def test_known_operations(
    classifier: Classifier, service: str, operation: str, level: AccessLevel
) -> None:
    assert classifier.level(service, operation) is level


@pytest.mark.parametrize(
    ("text", "level", "secret"),
    [
        ("aws secretsmanager get-secret-value --secret-id x", "read", True),
        ("aws secretsmanager describe-secret --secret-id x", "read", False),
        ("aws ssm get-parameter --name x", "read", False),
        ("aws ssm get-parameter --name x --no-with-decryption", "read", False),
        ("aws ssm get-parameter --name x --with-decryption", "read", True),
        ("aws ssm get-parameters-by-path --path / --with-decryption", "read", True),
        ("aws ssm get-parameter --name x --cli-input-json file://x", "read", True),
        ("aws ec2 get-password-data --instance-id i-1", "read", True),
        ("aws sts get-session-token", "read", True),
        (
            "aws sts assume-role --role-arn arn:aws:iam::1:role/r12345 --role-session-name s1",
            "write",
            True,
        ),
        ("aws ecr get-authorization-token", "read", True),
        ("aws iam create-access-key", "permissions", True),
        ("aws kms decrypt --ciphertext-blob x", "write", True),
        ("aws redshift get-cluster-credentials --db-user u --cluster-identifier c", "write", True),
        ("aws s3 ls", "read", False),
        ("aws s3 presign s3://b/k", "read", True),
        ("aws s3 cp x s3://b/k", "write", False),
        ("aws s3 sync x s3://b/k", "write", False),
        ("aws s3 sync x s3://b/k --delete", "destructive", False),
        ("aws s3 rm s3://b/k", "destructive", False),
        ("aws ec2 wait instance-running --instance-ids i-1", "read", False),
    ],
)
def test_commands(
    parser: CommandParser, classifier: Classifier, text: str, level: str, secret: bool
) -> None:
    found = classifier.classify(parser.parse(split(text).argv))
    assert (found.access.value, found.reveals_secret) == (level, secret)


def test_the_table_was_made_from_what_is_installed(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(TOOLS), *sys.path])
    import generate_access_levels as generator  # type: ignore[import-not-found]

    made_from: dict[str, Any] = classifier._table["made_from"]
    assert made_from == generator.made_from(), "run tools/generate_access_levels.py"


@pytest.mark.parametrize(
    ("text", "revealing"),
    [
        ("aws lambda get-function-configuration --function-name f", True),
        ("aws lambda list-functions", True),
        ("aws lambda list-functions --query 'Functions[].FunctionName'", False),
        (
            "aws lambda list-functions --query 'Functions[?MemorySize>`128`].[FunctionName]'",
            False,
        ),
        ("aws lambda list-functions --query 'Functions[0].{n: FunctionName}'", False),
        ("aws lambda list-functions --query 'length(Functions)'", False),
        ("aws lambda list-functions --query 'Functions[]'", True),
        ("aws lambda list-functions --query 'Functions[].Environment.Variables.KEY'", True),
        ("aws lambda list-functions --query 'Functions[].*'", True),
        ("aws lambda list-functions --query 'to_string(@)'", True),
        ("aws lambda list-functions --query 'Functions[].FunctionName | [0]'", True),
        ("aws ecs describe-task-definition --task-definition t", True),
        (
            "aws ecs describe-task-definition --task-definition t "
            "--query 'taskDefinition.containerDefinitions[].environment[].value'",
            True,
        ),
        (
            "aws ecs describe-task-definition --task-definition t "
            "--query 'taskDefinition.containerDefinitions[].image'",
            False,
        ),
        ("aws ecs run-task --task-definition t --query 'tasks[0].taskArn'", False),
        ("aws codebuild batch-get-builds --ids b", True),
        ("aws sagemaker describe-model --model-name m", True),
        ("aws elasticbeanstalk describe-configuration-settings --application-name a", True),
        # A query never makes a credential harmless.
        ("aws secretsmanager get-secret-value --secret-id s --query Name", True),
        ("aws ec2 describe-instances", False),
    ],
)
def test_values_of_environment_variables_are_secrets_unless_a_query_leaves_them_out(
    parser: CommandParser, classifier: Classifier, text: str, revealing: bool
) -> None:
    assert classifier.classify(parser.parse(split(text).argv)).reveals_secret is revealing
