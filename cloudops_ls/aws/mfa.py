"""Sessions that an MFA code opened: kept in this process's memory, the code nowhere.

A code counts once and for 30 seconds, so one code has to go a long way: where the role's source
profile has static keys, it buys a session of that user (STS GetSessionToken, 12 hours), with which
every role behind the same device can be assumed and renewed. Elsewhere it assumes the one role.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudops_ls.aws.config_files import Additions, Keys
from cloudops_ls.aws.errors import SignInNeeded
from cloudops_ls.aws.profiles import ProfileKind

if TYPE_CHECKING:
    from cloudops_ls.aws.profiles import Profile, ProfileListing

SESSION_SECONDS = 12 * 3600
MARGIN = timedelta(minutes=1)
"""Keys that end within this are not used any more."""


@dataclass(frozen=True, slots=True)
class MfaDoor:
    """What stands between a profile and its credentials.

    Attributes
    ----------
    role
        The profile that names the device.
    user
        The profile whose keys the code opens a session for; None where it opens the role itself.
    """

    role: Profile
    user: Profile | None

    @property
    def key(self) -> tuple[str, str]:
        """What profiles that one code opens have in common."""
        return (self.user or self.role).name, str(self.role.mfa_serial)


@dataclass(frozen=True, slots=True)
class MfaSession:
    """What a code opened."""

    keys: Keys = field(repr=False)
    expires: datetime

    @property
    def over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self.expires - MARGIN <= datetime.now(UTC)


def door_of(listing: ProfileListing, profile: str) -> MfaDoor | None:
    """Return where a profile, or one that it takes its credentials from, wants a code."""
    chain = listing.chain(profile)
    for position, one in enumerate(chain):
        if one.mfa_serial is not None:
            source = chain[position + 1] if position + 1 < len(chain) else None
            static = source is not None and source.kind is ProfileKind.STATIC
            return MfaDoor(one, source if static else None)
    return None


class MfaSessions:
    """The open sessions by door. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], MfaSession] = {}

    @property
    def open(self) -> bool:
        """Whether any session can still be used."""
        with self._lock:
            return any(not session.over for session in self._sessions.values())

    def get(self, door: MfaDoor) -> MfaSession | None:
        """Return the session behind a door, over or not."""
        with self._lock:
            return self._sessions.get(door.key)

    def require(self, door: MfaDoor) -> MfaSession:
        """Return the session behind a door.

        Raises
        ------
        SignInNeeded
            There is none, or it is over.
        """
        session = self.get(door)
        if session is None or session.over:
            raise SignInNeeded(
                "The profile needs a code of its MFA device"
                if session is None
                else "The session that the MFA code opened is over",
                where=f"profile '{door.role.name}'",
                fix=f"Run 'cloudops-ls accounts login {door.role.name}', "
                "or sign in from the editor",
            )
        return session

    def put(self, door: MfaDoor, answer: dict[str, Any]) -> MfaSession:
        """Keep what STS answered."""
        given = answer["Credentials"]
        keys = Keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        session = MfaSession(keys, given["Expiration"])
        with self._lock:
            self._sessions[door.key] = session
        return session

    def clear(self) -> None:
        """Forget all sessions."""
        with self._lock:
            self._sessions.clear()


def additions_for(door: MfaDoor, session: MfaSession) -> Additions:
    """Return what makes the SDK use an open session instead of asking for a code."""
    if door.user is None:
        return Additions(keys={door.role.name: session.keys})
    return Additions(keys={door.user.name: session.keys}, dropped={door.role.name: ("mfa_serial",)})


def user_session(sts: Any, door: MfaDoor, code: str) -> dict[str, Any]:
    """Return STS's answer (GetSessionToken) to a code, asked with the user's own keys."""
    answer: dict[str, Any] = sts.get_session_token(
        DurationSeconds=SESSION_SECONDS, SerialNumber=str(door.role.mfa_serial), TokenCode=code
    )
    return answer


def role_session(session: Any, code: str) -> dict[str, Any]:
    """Return STS's answer (AssumeRole) to a code, as the SDK asks for the session's profile."""
    provider = session.get_component("credential_provider").get_provider("assume-role")
    provider._prompter = lambda _prompt: code
    credentials = session.get_credentials()
    frozen = credentials.get_frozen_credentials()
    return {
        "Credentials": {
            "AccessKeyId": frozen.access_key,
            "SecretAccessKey": frozen.secret_key,
            "SessionToken": frozen.token,
            "Expiration": credentials._expiry_time,
        }
    }
