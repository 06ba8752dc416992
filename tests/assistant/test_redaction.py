"""What looks like a credential is replaced; what an assistant needs arrives whole."""

from __future__ import annotations

import pytest

from cloudops_ls.assistant.redaction import MARK, redact, redact_text

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


def test_redaction_is_stable() -> None:
    once = redact_text(f"password={SECRET} postgres://a:{SECRET.replace('/', 'x')}@h/")
    assert redact_text(once) == once
    assert SECRET not in once


def test_long_hostile_text_takes_no_noticeable_time() -> None:
    import time

    started = time.perf_counter()
    for text in (
        "a" * 200_000,
        "://" * 60_000,
        "password" * 25_000,
        "a_" * 100_000,
        "eyJ" * 60_000,
    ):
        redact_text(text)
    assert time.perf_counter() - started < 3
