"""Every way AWS can fail a call, as the one typed error this program shows.

The SDK's own messages quote ARNs, endpoints and sometimes parts of credentials, so they are
never passed on: only the error code, the operation, the profile and the region are.
"""

# ruff: noqa: N818 - the classes are named after the condition they report.

from __future__ import annotations

import re

from botocore import exceptions as sdk

from cloudops_ls.errors import CloudOpsError, RetryableError


class AwsError(CloudOpsError):
    """AWS, or the way to it, refused a call."""


class NoCredentials(AwsError):
    """The profile yields no credentials at all."""


class ExpiredCredentials(AwsError):
    """The credentials were good once; a new login makes the same call work."""


class SignInNeeded(ExpiredCredentials):
    """Somebody has to sign in: a code of an MFA device, or a confirmation in the browser."""


class InvalidCredentials(AwsError):
    """AWS does not know the credentials, or not in this region."""


class AccessDenied(AwsError):
    """The credentials are good, but IAM or an organization policy says no."""


class ServiceDisabled(AwsError):
    """The account has no use of the service or region: not subscribed, not opted in."""


class ResourceMissing(AwsError):
    """AWS says that what was asked for does not exist."""


class ProfileUnusable(AwsError):
    """The profile is not defined, or its definition is damaged."""


class MalformedConfiguration(AwsError):
    """``~/.aws`` cannot be parsed, or holds a value that makes no sense."""


class AwsUnreachable(AwsError, RetryableError):
    """No answer from the endpoint: no network, proxy, name resolution, or a time-out."""


class Throttled(AwsError, RetryableError):
    """AWS asks to slow down, and did so for as long as was waited."""


class AwsFault(AwsError, RetryableError):
    """AWS had an internal error."""


EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "TokenRefreshRequired",
        "ExpiredTokenError",
    }
)
INVALID = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "NotAuthorized",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
DISABLED = frozenset(
    {
        "OptInRequired",
        "RegionDisabledException",
        "SubscriptionRequiredException",
        "UnsupportedOperation",
    }
)
SKEWED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})

_UNREACHABLE = (
    sdk.ConnectionError,
    sdk.ReadTimeoutError,
    sdk.ConnectionClosedError,
    sdk.HTTPClientError,
    sdk.IncompleteReadError,
    sdk.ResponseStreamingError,
)
_SSO_LOGIN = (
    sdk.SSOTokenLoadError,
    sdk.UnauthorizedSSOTokenError,
    sdk.TokenRetrievalError,
    sdk.NoAuthTokenError,
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,80}")


def translate(
    error: Exception,
    *,
    profile: str,
    service: str | None = None,
    operation: str | None = None,
    region: str | None = None,
) -> CloudOpsError:
    """Return the typed error that stands for an SDK exception.

    Parameters
    ----------
    error
        Anything a botocore session, client or paginator raised; a :class:`CloudOpsError` is
        returned as it is.
    profile, service, operation, region
        What was being done, for the text.
    """
    if isinstance(error, CloudOpsError):
        return error
    call = f"{service}:{operation}" if service and operation else service or "the call"
    place = f"profile '{profile}'" + (f", {region}" if region else "")
    if isinstance(error, sdk.ClientError):
        return _client_error(error, call, place, profile)
    if isinstance(error, (*_SSO_LOGIN, sdk.LoginError)):
        login = (
            f"aws login --profile {profile}"
            if isinstance(error, sdk.LoginError)
            else f"cloudops-ls accounts login {profile}"
        )
        return SignInNeeded(
            "The sign-in of this profile is missing or has expired",
            where=place,
            fix=f"Run '{login}'",
        )
    if isinstance(error, _UNREACHABLE):
        return _unreachable(error, service, place)
    if isinstance(error, sdk.ProfileNotFound):
        return ProfileUnusable(
            "The profile is not defined",
            where=place,
            fix="Choose one of 'aws configure list-profiles'",
        )
    if isinstance(error, sdk.ConfigParseError):
        return MalformedConfiguration(
            "The AWS configuration cannot be parsed",
            where=place,
            fix="Repair the file; 'cloudops-ls accounts' names the line",
        )
    if isinstance(error, sdk.NoCredentialsError):
        return NoCredentials(
            "The profile has no credentials",
            where=place,
            fix=f"Run 'aws configure --profile {profile}' or sign in",
        )
    if isinstance(error, sdk.PartialCredentialsError):
        return NoCredentials(
            "The profile has only a part of its credentials",
            where=place,
            fix="Give both aws_access_key_id and aws_secret_access_key",
        )
    if isinstance(error, sdk.RefreshWithMFAUnsupportedError):
        return SignInNeeded(
            "The session that the MFA code opened is over",
            where=place,
            fix=f"Run 'cloudops-ls accounts login {profile}'",
        )
    if isinstance(error, sdk.CredentialRetrievalError):
        return ExpiredCredentials(
            "The profile's credentials could not be fetched",
            where=place,
            fix="Run the profile's credential process or sign-in by hand to see why",
        )
    if isinstance(error, sdk.NoRegionError):
        return MalformedConfiguration(
            "No region is set", where=place, fix="Give the profile a region"
        )
    if isinstance(error, sdk.UnknownEndpointError | sdk.EndpointProviderError):
        return ServiceDisabled("AWS does not offer the service in this region", where=place)
    if isinstance(error, sdk.InvalidConfigError | sdk.ValidationError | sdk.UnknownRegionError):
        return MalformedConfiguration(
            f"A setting of the profile makes no sense ({type(error).__name__})",
            where=place,
            fix="Check its section in the AWS config file",
        )
    if not isinstance(error, sdk.BotoCoreError):
        return AwsError(
            f"The answer to {call} is not what AWS answers ({type(error).__name__})",
            where=place,
            fix="Check the network: a proxy or a sign-in page may be in between",
        )
    return AwsError(f"{call} failed with {type(error).__name__}", where=place)


def error_code(error: Exception) -> str | None:
    """Return the code AWS answered with, reduced to a word; None for anything else."""
    if not isinstance(error, sdk.ClientError):
        return None
    raw = error.response.get("Error", {}).get("Code")
    code = _WORD.match(str(raw)) if raw else None
    return code[0] if code else None


def _client_error(error: sdk.ClientError, call: str, place: str, profile: str) -> CloudOpsError:
    code = error_code(error) or ""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    word = code.removeprefix("Client.").removeprefix("Server.")
    if word in EXPIRED:
        return ExpiredCredentials(
            "The profile's credentials have expired",
            where=place,
            fix=f"Sign in again, for example 'cloudops-ls accounts login {profile}'",
        )
    if word in SKEWED:
        return AwsError(
            "AWS refuses the request's time", where=place, fix="Set this computer's clock"
        )
    if word in DENIED:
        return AccessDenied(f"IAM does not allow {call}", where=place, fix="Ask for the permission")
    if word in DISABLED:
        return ServiceDisabled(
            f"{call} is not enabled for this account or region", where=f"{place}, {word}"
        )
    if word in INVALID:
        return InvalidCredentials(
            "AWS does not accept the profile's credentials here",
            where=f"{place}, {word}",
            fix="Check the keys, and that the region is enabled for the account",
        )
    if word in THROTTLED or status == 429:
        return Throttled(
            f"AWS is throttling {call}", where=f"{place}, {word}", fix="Try again in a minute"
        )
    if status >= 500:
        return AwsFault(
            f"AWS had an internal error in {call}",
            where=f"{place}, {word or status}",
            fix="Try again later",
        )
    if "NotFound" in word or word.startswith("NoSuch") or "NonExistent" in word:
        return ResourceMissing("AWS says that it does not exist", where=f"{place}, {word}")
    return AwsError(f"AWS refused {call}", where=f"{place}, {word or status}")


def _unreachable(error: Exception, service: str | None, place: str) -> AwsUnreachable:
    target = f"AWS ({service})" if service else "AWS"
    if isinstance(error, sdk.ConnectTimeoutError | sdk.ReadTimeoutError):
        what = f"{target} did not answer in time"
    elif isinstance(error, sdk.ProxyConnectionError):
        what = f"The proxy on the way to {target} cannot be reached"
    elif isinstance(error, sdk.SSLError):
        what = f"The TLS certificate of {target} is not trusted"
    else:
        what = f"{target} cannot be reached"
    return AwsUnreachable(what, where=place, fix="Check the network, VPN and proxy")
