"""What looks like a credential is replaced; what an assistant needs arrives whole."""

from __future__ import annotations

from itertools import islice

import pytest

from benchmarks import operators_estate
from benchmarks.estate import resources
from cloudops_ls.assistant.redaction import MARK, redact, redact_text
from cloudops_ls.assistant.request import enrich
from tests.assistant.made_up_secrets import SHAPES, TEXTS

KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"rotate {KEY_ID} today", f"rotate {MARK} today"),
        (f"aws_secret_access_key = {SECRET}", f"aws_secret_access_key = {MARK}"),
        (f'{{"SecretAccessKey": "{SECRET}"}}', f'{{"SecretAccessKey": "{MARK}"}}'),
        (f"before\n{PEM}\nafter", f"before\n{MARK}\nafter"),
        ("cut -----BEGIN PRIVATE KEY-----\nMIIE", f"cut {MARK}"),
        ("postgres://app:s3cr3t@db:5432/x", f"postgres://app:{MARK}@db:5432/x"),
        ("redis://:s3cr3t@cache/0", f"redis://:{MARK}@cache/0"),
        ("Server=db;User=a;Password=hunter22;", f"Server=db;User=a;Password={MARK};"),
        ("Authorization: Bearer abcdef0123456789abcdef", f"Authorization: Bearer {MARK}"),
        (f"token was {JWT} yesterday", f"token was {MARK} yesterday"),
        ("GITHUB_TOKEN=ghp_" + "a1" * 18, f"GITHUB_TOKEN={MARK}"),
        ("DB_PASSWORD='p4ssw0rd!'", f"DB_PASSWORD='{MARK}'"),
    ],
)
def test_credentials_in_a_text_are_replaced(text: str, expected: str) -> None:
    assert redact_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Stop pg-instance-main1 before the migration.",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db-AbCdEf",
        "secret: arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db-AbCdEf",
        "the password: required by policy",
        "i-0abc123def4567890 in vpc-123456 behind https://example.com:8443/path",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "user@example.com and s3://bucket/key@v1",
        "token: <your token>",
        "aws ec2 stop-instances --instance-ids i-0abc --region us-west-2",
        "the bearer of bad news",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert redact_text(text) == text


def test_values_of_secret_looking_names_are_replaced_at_any_depth() -> None:
    record = {
        "env": {"DB_PASSWORD": "plain", "dbPassword": "plain", "API_KEY": "plain"},
        "list": [{"Key": "auth-token", "Value": "plain"}, {"Name": "owner", "Value": "team"}],
    }
    assert redact(record) == {
        "env": {"DB_PASSWORD": MARK, "dbPassword": MARK, "API_KEY": MARK},
        "list": [{"Key": "auth-token", "Value": MARK}, {"Name": "owner", "Value": "team"}],
    }


def test_names_that_only_contain_a_secret_word_keep_their_value() -> None:
    record = {
        "password_policy": "strong",
        "key_name": "ops-laptop",
        "kms_key_id": "arn:aws:kms:us-east-1:111122223333:key/1234",
        "MasterUserSecret": {"SecretArn": "arn:aws:secretsmanager:us-east-1:1:secret:x"},
        "secret": "arn:aws:secretsmanager:us-east-1:111122223333:secret:x",
        "http_tokens": "required",
        "token": "required",
        "access_key": True,
        "tokens": 12,
        "compass": "north",
    }
    assert redact(record) == record


def test_what_processes_are_started_with_is_never_sent() -> None:
    record = {
        "user_data": "IyEvYmluL2Jhc2gK",
        "UserData": {"Value": "IyEvYmluL2Jhc2gK"},
        "environment": {"variables": {"STAGE": "production", "LEVEL": 3, "ON": "true"}},
        "containers": [{"name": "web", "environment": [{"name": "DSN", "value": "plain"}]}],
        "tags": {"env": "production", "environment": "production"},
    }
    assert redact(record) == {
        "user_data": MARK,
        "UserData": {"Value": MARK},
        "environment": {"variables": {"STAGE": MARK, "LEVEL": 3, "ON": "true"}},
        "containers": [{"name": "web", "environment": [{"name": "DSN", "value": MARK}]}],
        "tags": {"env": "production", "environment": "production"},
    }


@pytest.mark.parametrize("name", SHAPES)
def test_known_shapes_of_secrets_are_replaced_wherever_they_stand(name: str) -> None:
    shape = SHAPES[name]
    kept = {shape[:n] for n in range(len(shape) - 9)}
    for text in (shape, f"see {shape} there", f'{{"x": "{shape}"}}', f"x={shape}\n"):
        found = redact_text(text)
        assert MARK in found, found
        assert not any(len(part) > len(shape) - 10 and part in found for part in kept)
        assert redact_text(found) == found
    assert MARK in str(redact({"note": shape}))


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_secret_by_what_stands_around_it_is_replaced(name: str) -> None:
    text, secret = TEXTS[name]
    found = redact_text(f"We ran this:\n{text}\nand then nothing.")
    assert secret not in found and MARK in found, found
    assert found.startswith("We ran this:\n") and found.endswith("\nand then nothing.")
    assert text.split()[0].split("=")[0].split(":")[0] in found or text.startswith(("Pu", "----"))
    assert redact_text(found) == found


def test_nothing_of_an_estate_looks_like_a_secret() -> None:
    """Names, ids, ARNs, digests and addresses of 4,000 resources arrive whole."""
    made = [*operators_estate.estate(), *islice(resources(2_000), 2_000)]
    assert len(made) == 4_000
    for one in made:
        sent = enrich(one)
        assert MARK not in sent.model_dump_json(), sent
        assert redact_text(f"{one.name} {one.identifier} {one.arn}").startswith(one.name)


@pytest.mark.parametrize(
    "text",
    [
        "aws rds modify-db-instance --manage-master-user-password\nThen wait for it.",
        "aws rds describe-db-instances --starting-token abc123 --page-size 20",
        "aws cognito-idp create-user-pool-client --generate-secret for the shop",
        "aws secretsmanager get-secret-value --secret-id prod/db-main --region us-west-2",
        "aws lambda create-function --user-data file://boot.sh --password {{resolve:ssm:pw}}",
        "authorization: required for everybody",
        "kind: ConfigMap\ndata:\n  mode: production\n",
        "mysql -h db -u app -p",
        "d41d8cd98f00b204e9800998ecf8427e and 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "sha256:" + "4b1d" * 16,
        "key-0123456789abcdef0 lt-0123456789abcdef0 s.prod-app.internal",
        "arn:aws:kms:us-east-1:111122223333:key/3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "arn:aws:sns:us-east-1:111122223333:orders-of-the-european-production-shops-v2",
        "arn:aws:sqs:us-east-1:111122223333:dead-letters-of-all-production-consumers-eu",
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0a1b",
        "AROA" + "IOSFODNN7EXAMPLE and AIDA" + "IOSFODNN7EXAMPLE are ids, not keys",
        "APACHE2LicenseServer and ACMEproductionwebserver0123456789ab",
        "dkr.ecr.us-east-1.amazonaws.com/app@sha256:" + "9f86d081" * 8,
        "eni-0123456789abcdef0 subnet-0123456789abcdef0 snap-0123456789abcdef0",
        "d111111abcdef8.cloudfront.net E2QWRUHAPOMQZL Z2FDTNDATAQYW2",
        "sk-learn-training-production-instance-of-the-data-team",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "https://sqs.us-east-1.amazonaws.com/111122223333/orders-token-refresh",
        "prod-db.cluster-cabcdefghijk.us-east-1.rds.amazonaws.com:5432",
    ],
)
def test_what_names_aws_resources_is_left_alone(text: str) -> None:
    assert redact_text(text) == text


def test_redaction_is_stable() -> None:
    once = redact_text(f"password={SECRET} postgres://a:{SECRET.replace('/', 'x')}@h/")
    assert redact_text(once) == once
    assert SECRET not in once


def test_long_hostile_text_takes_no_noticeable_time() -> None:
    import time

    redact_text("x" * 40)
    started = time.process_time()
    for text in (
        "a" * 200_000,
        "://" * 60_000,
        "password" * 25_000,
        "a_" * 100_000,
        "eyJ" * 60_000,
        "glagent-" * 20_000,
        "xoxb-1-" * 20_000,
        "sk-proj-" * 20_000,
        "https://hooks.slack.com/services/T" * 5_000,
        "https://a.webhook.office.com/webhookb2/" * 5_000,
        "A0" * 90_000,
        "mysql -" * 20_000,
        "curl " * 30_000,
        "docker login " * 15_000,
        "--password" * 20_000,
        "login a " * 20_000,
        "Variables={" * 15_000,
        '"environment":[' * 10_000,
        "---- BEGIN " * 15_000,
        "kind: Secret\n" * 10_000,
        "data:\n a: b\n" * 10_000 + "kind: Secret",
        "authorization: a " * 10_000,
        "eyJaaaaaaaaaa." * 12_000,
        "IQoJb3JpZ2lu" * 15_000,
        "aB3aB3_mmk" * 20_000,
    ):
        redact_text(text)
    assert time.process_time() - started < 5
