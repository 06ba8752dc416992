from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as sdk

from cloudops_ls.aws import errors
from cloudops_ls.errors import CloudOpsError, RetryableError

LEAK = "arn:aws:iam::123456789012:user/leaky-name"


def answered(code: str, status: int = 400) -> sdk.ClientError:
    return sdk.ClientError(
        {
            "Error": {"Code": code, "Message": f"{LEAK} is not happy"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "DescribeInstances",
    )


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ExpiredToken", 403, errors.ExpiredCredentials),
        ("ExpiredTokenException", 400, errors.ExpiredCredentials),
        ("RequestExpired", 400, errors.ExpiredCredentials),
        ("AccessDenied", 403, errors.AccessDenied),
        ("AccessDeniedException", 400, errors.AccessDenied),
        ("UnauthorizedOperation", 403, errors.AccessDenied),
        ("Client.UnauthorizedOperation", 403, errors.AccessDenied),
        ("AuthFailure", 401, errors.InvalidCredentials),
        ("UnrecognizedClientException", 400, errors.InvalidCredentials),
        ("SignatureDoesNotMatch", 403, errors.InvalidCredentials),
        ("OptInRequired", 403, errors.ServiceDisabled),
        ("SubscriptionRequiredException", 403, errors.ServiceDisabled),
        ("Throttling", 400, errors.Throttled),
        ("RequestLimitExceeded", 503, errors.Throttled),
        ("", 429, errors.Throttled),
        ("InternalError", 500, errors.AwsFault),
        ("", 503, errors.AwsFault),
        ("DBInstanceNotFound", 404, errors.ResourceMissing),
        ("NoSuchBucket", 404, errors.ResourceMissing),
        ("InvalidParameterValue", 400, errors.AwsError),
    ],
)
def test_answers_become_typed_errors(code: str, status: int, kind: type[CloudOpsError]) -> None:
    error = translate(answered(code, status))
    assert type(error) is kind
    retryable = {errors.Throttled, errors.AwsFault, errors.AwsUnreachable}
    assert isinstance(error, RetryableError) == (kind in retryable)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sdk.NoCredentialsError(), errors.NoCredentials),
        (sdk.PartialCredentialsError(provider="p", cred_var=LEAK), errors.NoCredentials),
        (sdk.EndpointConnectionError(endpoint_url=LEAK), errors.AwsUnreachable),
        (sdk.ConnectTimeoutError(endpoint_url=LEAK), errors.AwsUnreachable),
        (sdk.ReadTimeoutError(endpoint_url=LEAK), errors.AwsUnreachable),
        (sdk.ConnectionClosedError(endpoint_url=LEAK), errors.AwsUnreachable),
        (sdk.SSLError(endpoint_url=LEAK, error="bad"), errors.AwsUnreachable),
        (sdk.ProxyConnectionError(proxy_url=LEAK), errors.AwsUnreachable),
        (sdk.ProfileNotFound(profile="p"), errors.ProfileUnusable),
        (sdk.ConfigParseError(path=LEAK), errors.MalformedConfiguration),
        (sdk.InvalidConfigError(error_msg=LEAK), errors.MalformedConfiguration),
        (sdk.NoRegionError(), errors.MalformedConfiguration),
        (sdk.SSOTokenLoadError(error_msg=LEAK), errors.SignInNeeded),
        (sdk.UnauthorizedSSOTokenError(), errors.SignInNeeded),
        (sdk.TokenRetrievalError(provider="sso", error_msg=LEAK), errors.SignInNeeded),
        (sdk.CredentialRetrievalError(provider="p", error_msg=LEAK), errors.ExpiredCredentials),
        (sdk.ParamValidationError(report=LEAK), errors.AwsError),
    ],
)
def test_failures_before_an_answer_become_typed_errors(
    error: Exception, kind: type[CloudOpsError]
) -> None:
    assert type(translate(error)) is kind


def translate(error: Exception) -> CloudOpsError:
    translated = errors.translate(
        error,
        profile="prod",
        service="ec2",
        operation="DescribeInstances",
        region="us-west-2",
    )
    assert LEAK not in str(translated)
    assert "leaky" not in str(translated)
    assert "prod" in str(translated)
    return translated


def test_the_text_says_what_where_and_what_to_do() -> None:
    assert str(translate(answered("UnauthorizedOperation", 403))) == (
        "IAM does not allow ec2:DescribeInstances (profile 'prod', us-west-2). "
        "Ask for the permission."
    )
    assert str(translate(answered("ExpiredToken", 403))) == (
        "The profile's credentials have expired (profile 'prod', us-west-2). "
        "Sign in again, for example 'cloudops-ls accounts login prod'."
    )


@pytest.mark.parametrize("code", [f"Bad Code {LEAK}", "<script>", None, 7, LEAK])
def test_a_code_that_is_no_code_is_not_repeated(code: Any) -> None:
    translate(answered(code))


def test_an_own_error_passes_as_it_is() -> None:
    own = CloudOpsError("x")
    assert errors.translate(own, profile="p") is own
