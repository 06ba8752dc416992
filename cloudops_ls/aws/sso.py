"""Signing in to IAM Identity Center (OAuth 2.0 device authorization, RFC 8628, by SSO OIDC).

The token lands in ``~/.aws/sso/cache`` in the form that the SDKs and the AWS CLI share, so a
sign-in here counts for them and theirs counts here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import SSOProvider
from botocore.utils import JSONFileCache, SSOTokenLoader

from cloudops_ls.aws.errors import AwsError, SignInNeeded, error_code, translate

if TYPE_CHECKING:
    import threading

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER = 5
"""Seconds added to the pause when the server asks to slow down (RFC 8628, section 3.5)."""


@dataclass(frozen=True, slots=True)
class SsoPortal:
    """Where a profile signs in.

    Attributes
    ----------
    session
        Name of the ``sso-session`` section; None in profiles of the older form.
    """

    profile: str
    start_url: str
    region: str
    session: str | None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """A sign-in that waits for its confirmation in the browser.

    Attributes
    ----------
    url
        What to open; it carries the code.
    code
        What the page shows, to compare.
    """

    portal: SsoPortal
    url: str
    code: str
    expires: datetime
    interval: float
    secrets: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SsoToken:
    """The sign-in as it is cached; the token itself stays in the file.

    Attributes
    ----------
    renewable
        The SDK renews it by itself.
    """

    expires: datetime
    renewable: bool


def portal_of(session: Any, profile: str) -> SsoPortal:
    """Return where a profile signs in.

    Raises
    ------
    SignInNeeded
        It has nothing to do with IAM Identity Center.
    """
    options = session.full_config.get("profiles", {}).get(profile, {})
    name = options.get("sso_session")
    section = session.full_config.get("sso_sessions", {}).get(name, {}) if name else options
    if "sso_start_url" not in section or "sso_region" not in section:
        raise SignInNeeded(
            "The profile has no sign-in that could be started from here",
            where=f"profile '{profile}'",
            fix="Renew its credentials the way they were made",
        )
    scopes = str(section.get("sso_registration_scopes", "sso:account:access"))
    return SsoPortal(
        profile,
        str(section["sso_start_url"]),
        str(section["sso_region"]),
        name,
        tuple(scope.strip() for scope in scopes.split(",")),
    )


def begin(session: Any, portal: SsoPortal) -> DeviceAuthorization:
    """Ask for a sign-in that the operator confirms in the browser."""
    client = _client(session, portal)
    try:
        wanted: dict[str, Any] = {"clientName": "cloudops-ls", "clientType": "public"}
        if portal.session is not None:
            wanted["scopes"] = list(portal.scopes)
        registered = client.register_client(**wanted)
        known = {key: registered[key] for key in ("clientId", "clientSecret")}
        started = client.start_device_authorization(**known, startUrl=portal.start_url)
    except Exception as error:
        raise translate(error, profile=portal.profile, service="sso-oidc") from None
    return DeviceAuthorization(
        portal=portal,
        url=started.get("verificationUriComplete") or started["verificationUri"],
        code=started["userCode"],
        expires=datetime.now(UTC) + timedelta(seconds=started["expiresIn"]),
        interval=float(started.get("interval") or _SLOWER),
        secrets={
            **known,
            "deviceCode": started["deviceCode"],
            "registrationExpiresAt": _moment(
                datetime.fromtimestamp(registered["clientSecretExpiresAt"], UTC)
            ),
        },
    )


def finish(session: Any, begun: DeviceAuthorization, cancelled: threading.Event) -> None:
    """Wait for the confirmation and store the token.

    Raises
    ------
    SignInNeeded
        The operator refused, cancelled, or took too long.
    """
    client = _client(session, begun.portal)
    pause = begun.interval
    while datetime.now(UTC) < begun.expires:
        try:
            answer = client.create_token(
                grantType=_GRANT,
                **{key: begun.secrets[key] for key in ("clientId", "clientSecret", "deviceCode")},
            )
        except Exception as error:
            code = error_code(error)
            if code == "SlowDownException":
                pause += _SLOWER
            elif code == "AccessDeniedException":
                raise _not_signed_in("was refused", begun.portal) from None
            elif code == "ExpiredTokenException":
                break
            elif code != "AuthorizationPendingException":
                raise translate(error, profile=begun.portal.profile, service="sso-oidc") from None
            if cancelled.wait(pause):
                raise _not_signed_in("was cancelled", begun.portal) from None
        else:
            _store(begun, answer)
            return
    raise _not_signed_in("was not confirmed in time", begun.portal)


def cached_token(start_url: str | None, name: str | None) -> SsoToken | None:
    """Return the sign-in as it is cached, expired or not; None where there is none."""
    try:
        token = SSOTokenLoader(_cache())(start_url or "", session_name=name)
        expires = _parsed(token["expiresAt"])
        known_until = _parsed(token.get("registrationExpiresAt") or "")
    except Exception:
        # What the file holds may be anything; unreadable is the same as absent.
        return None
    if expires is None:
        return None
    renewable = bool(token.get("refreshToken") and known_until and known_until > datetime.now(UTC))
    return SsoToken(expires, renewable)


def _store(begun: DeviceAuthorization, answer: dict[str, Any]) -> None:
    portal = begun.portal
    token = {
        "startUrl": portal.start_url,
        "region": portal.region,
        "accessToken": answer["accessToken"],
        "expiresAt": _moment(datetime.now(UTC) + timedelta(seconds=answer["expiresIn"])),
        "clientId": begun.secrets["clientId"],
        "clientSecret": begun.secrets["clientSecret"],
        "registrationExpiresAt": begun.secrets["registrationExpiresAt"],
    }
    if answer.get("refreshToken"):
        token["refreshToken"] = answer["refreshToken"]
    try:
        SSOTokenLoader(_cache()).save_token(portal.start_url, token, session_name=portal.session)
    except OSError as error:
        raise AwsError(
            f"The sign-in cannot be kept: {error.strerror}", where="~/.aws/sso/cache"
        ) from None


def _client(session: Any, portal: SsoPortal) -> Any:
    config = Config(
        signature_version=UNSIGNED, connect_timeout=5, read_timeout=20, retries={"mode": "standard"}
    )
    return session.create_client("sso-oidc", region_name=portal.region, config=config)


def _cache() -> JSONFileCache:
    # Where the SDK itself looks.
    return JSONFileCache(SSOProvider._SSO_TOKEN_CACHE_DIR, dumps_func=json.dumps)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _parsed(text: str) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text.replace("UTC", "+00:00"))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _not_signed_in(how: str, portal: SsoPortal) -> SignInNeeded:
    return SignInNeeded(
        f"The sign-in {how}", where=f"profile '{portal.profile}'", fix="Sign in again"
    )
