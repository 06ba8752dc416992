"""Whether a profile can be used, and until when; told without asking AWS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from cloudops_ls.aws.mfa import door_of
from cloudops_ls.aws.profiles import ProfileKind

if TYPE_CHECKING:
    from cloudops_ls.aws.profiles import Profile, ProfileListing
    from cloudops_ls.aws.sessions import SessionFactory

SOON = timedelta(minutes=15)
"""Credentials that end within this are worth a warning before something long begins."""


class CredentialState(StrEnum):
    """How a profile's credentials are, as far as can be told here."""

    READY = "ready"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    SIGN_IN = "sign-in"
    """Nobody has signed in yet."""


class SignInWay(StrEnum):
    """What signing in to a profile takes."""

    CODE = "mfa"
    BROWSER = "sso"


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """How one profile's credentials are.

    Attributes
    ----------
    expires
        When they end for good; None where they do not, renew themselves, or nobody knows.
    way
        How to sign in from here; None where that is done elsewhere.
    """

    state: CredentialState
    expires: datetime | None = None
    way: SignInWay | None = None

    @property
    def usable(self) -> bool:
        """Whether it is worth trying them."""
        return self.state in (CredentialState.READY, CredentialState.EXPIRING)


def credential_status(sessions: SessionFactory, profile: str) -> CredentialStatus:
    """Return how a profile's credentials are; reads files and memory alone."""
    listing = sessions.listing_with(profile)
    found = [
        *(_of_keys(one) for one in listing.chain(profile)),
        *(_of_sso(one) for one in listing.chain(profile) if one.kind is ProfileKind.SSO),
        _of_mfa(sessions, listing, profile),
    ]
    order = list(CredentialState)
    return max(
        (status for status in found if status is not None),
        key=lambda status: order.index(status.state),
        default=CredentialStatus(CredentialState.READY),
    )


def _of_keys(profile: Profile) -> CredentialStatus | None:
    return (
        None
        if profile.expires is None
        else CredentialStatus(_state(profile.expires), profile.expires)
    )


def _of_sso(profile: Profile) -> CredentialStatus:
    # botocore: only for those who have such a profile.
    from cloudops_ls.aws.sso import cached_token

    token = cached_token(profile.sso_start_url, profile.sso_session)
    if token is None:
        return CredentialStatus(CredentialState.SIGN_IN, way=SignInWay.BROWSER)
    if token.renewable:
        return CredentialStatus(CredentialState.READY, way=SignInWay.BROWSER)
    return CredentialStatus(_state(token.expires), token.expires, SignInWay.BROWSER)


def _of_mfa(
    sessions: SessionFactory, listing: ProfileListing, profile: str
) -> CredentialStatus | None:
    door = door_of(listing, profile)
    if door is None:
        return None
    session = sessions.mfa.get(door)
    if session is None:
        return CredentialStatus(CredentialState.SIGN_IN, way=SignInWay.CODE)
    state = CredentialState.EXPIRED if session.over else _state(session.expires)
    return CredentialStatus(state, session.expires, SignInWay.CODE)


def _state(expires: datetime) -> CredentialState:
    left = expires - datetime.now(UTC)
    if left <= timedelta(0):
        return CredentialState.EXPIRED
    return CredentialState.EXPIRING if left < SOON else CredentialState.READY
