"""SDK sessions and clients: one per profile, made once, with one set of manners.

All sessions share one botocore data loader, which holds the service models: of the 94 MB that
clients of all the catalog's services take, a further region needs a fifth. Clients are cached
because making one takes some 20 ms and they are thread-safe; they are dropped when the AWS files
change, so that new credentials count at once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import NoCredentialsError

from cloudops_ls.aws.calls import translated
from cloudops_ls.aws.clients import ClientSettings, make_client
from cloudops_ls.aws.config_files import Keys
from cloudops_ls.aws.errors import ProfileUnusable, SignInNeeded
from cloudops_ls.aws.identity import AccountIdentity, ask_identity
from cloudops_ls.aws.mfa import (
    MfaDoor,
    MfaSession,
    MfaSessions,
    additions_for,
    door_of,
    role_session,
    user_session,
)
from cloudops_ls.aws.profile_files import ProfileFiles
from cloudops_ls.aws.profiles import ProfileKind
from cloudops_ls.aws.service_models import shared_loader
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from cloudops_ls.aws.config_files import Additions
    from cloudops_ls.aws.keychain import Keychain
    from cloudops_ls.aws.profiles import ProfileListing

_WITHOUT_PROFILE = (ProfileKind.ENVIRONMENT, ProfileKind.INSTANCE)


@dataclass(slots=True)
class _ProfileState:
    """What was made for one profile.

    ``opening`` is held while credentials are looked for, ``asking`` while AWS is asked who it is.
    """

    opening: threading.Lock = field(default_factory=threading.Lock)
    asking: threading.Lock = field(default_factory=threading.Lock)
    session: Any = None
    mfa: MfaSession | None = None
    identity: AccountIdentity | None = None
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)


class SessionFactory:
    """Sessions, clients and identities by profile name. Thread-safe.

    Parameters
    ----------
    settings
        Time-outs and retries of every client.
    keychain
        Where some profiles' keys are, before the files.
    organization_role
        Name of the role that `member` profiles assume; there are none without it.
    """

    def __init__(
        self,
        settings: ClientSettings | None = None,
        *,
        keychain: Keychain | None = None,
        organization_role: str | None = None,
    ) -> None:
        self._files = ProfileFiles(keychain, organization_role)
        self._config = (settings or ClientSettings()).config()
        self._loader = shared_loader()
        self._making = threading.Lock()
        self._lock = threading.Lock()
        self._version = self._files.version
        self._states: dict[str, _ProfileState] = {}
        self.mfa = MfaSessions()

    def profiles(self) -> ProfileListing:
        """Return the profiles as the files have them now."""
        return self._files.listing()

    def environment(self, profile: str | None = None) -> dict[str, str]:
        """Return what a child process needs in its environment to use the profiles.

        Empty where ``~/.aws`` will do. The AWS CLI refuses damaged files altogether, and knows
        nothing of keys in the keychain.

        Parameters
        ----------
        profile
            The profile that the child will name. Where its credentials exist in this process
            alone (an MFA session, a member account, no profile at all), the child gets them as
            they are now, to last as long as they last.

        Raises
        ------
        CloudOpsError
            Those credentials cannot be had.
        """
        if profile is not None and self._is_ours_alone(profile):
            frozen = translated(
                self.session(profile).get_credentials().get_frozen_credentials, profile
            )
            keys = Keys(frozen.access_key, frozen.secret_key, frozen.token)
            return self._files.handed_out(profile, keys).environment
        repaired = self._files.repaired()
        return repaired.environment if repaired else {}

    def member(self, source: str, account_id: str) -> str:
        """Return the profile that acts in another account of ``source``'s organization.

        It is written nowhere: it assumes the organization role of that account.
        """
        return f"{source}/{account_id}"

    def sign_in_code(self, profile: str, code: str) -> None:
        """Open a session with a code of the profile's MFA device, and keep it in memory.

        Raises
        ------
        CloudOpsError
            The profile wants no code, or AWS does not accept this one.
        """
        door = self.door(profile)
        if door is None:
            raise SignInNeeded("The profile asks for no MFA code", where=f"profile '{profile}'")
        answer = translated(
            lambda: self._open_door(door, code),
            profile,
            "sts",
            operation="GetSessionToken" if door.user else "AssumeRole",
        )
        self.mfa.put(door, answer)
        self.forget_sessions()

    def door(self, profile: str) -> MfaDoor | None:
        """Return where the profile wants an MFA code, if it does."""
        return door_of(self._files.listing_with(profile), profile)

    def listing_with(self, profile: str) -> ProfileListing:
        """Return the profiles as the files have them, and a member profile asked for."""
        return self._files.listing_with(profile)

    def forget_sessions(self) -> None:
        """Drop sessions and clients, so that what was signed in to meanwhile counts."""
        with self._lock:
            self._states.clear()

    def session(self, profile: str) -> Any:
        """Return the botocore session of ``profile``, its credentials already looked for.

        Raises
        ------
        CloudOpsError
            The profile is not defined, damaged, or its credential source fails.
        """
        return self._opened(profile).session

    def client(self, profile: str, service: str, region: str | None = None) -> Any:
        """Return the cached SDK client for a service.

        Parameters
        ----------
        region
            The profile's own region when None.

        Raises
        ------
        CloudOpsError
            As :meth:`session`; or the service or region is unknown.
        """
        state = self._opened(profile)
        place = region or self.home_region(profile)
        known = state.clients.get((service, place))
        if known is not None:
            return known

        def make() -> Any:
            with self._making:
                if (service, place) not in state.clients:
                    state.clients[service, place] = make_client(
                        state.session, service, place, self._config
                    )
                return state.clients[service, place]

        return translated(make, profile, service, region)

    def home_region(self, profile: str) -> str:
        """Return the region of the profile or the environment, else ``us-east-1``."""
        session = self._opened(profile).session
        return self._region_of(session)

    def identity(self, profile: str) -> AccountIdentity:
        """Return the account behind ``profile``; asks AWS once.

        Raises
        ------
        CloudOpsError
            No or expired credentials, AWS unreachable, profile unusable.
        """
        state = self._opened(profile)
        with state.asking:
            if state.identity is None:
                state.identity = ask_identity(
                    profile, lambda service: self.client(profile, service)
                )
            return state.identity

    def profile_for(self, account_id: str) -> str:
        """Return a profile that acts in an account, preferring those already known to.

        Raises
        ------
        CloudOpsError
            No profile reaches the account.
        """
        names = [profile.name for profile in self._files.listing().profiles]
        with self._lock:
            self._drop_outdated()
            known = {
                name: state.identity.account_id
                for name, state in self._states.items()
                if state.identity is not None
            }
        for name in names:
            if known.get(name) == account_id:
                return name
        for name in names:
            if name not in known:
                try:
                    identity = self.identity(name)
                except CloudOpsError:
                    continue
                if identity.account_id == account_id:
                    return name
        raise ProfileUnusable(
            "No usable profile reaches this account",
            where=f"account {account_id}",
            fix="Sign in to a profile of the account, or add one to the AWS config file",
        )

    def close(self) -> None:
        """Forget every session and client; the factory can be used again afterwards."""
        self.mfa.clear()
        self.forget_sessions()
        self._files.close()

    def _drop_outdated(self) -> None:
        """Drop what was made from files that have changed; the caller holds ``_lock``."""
        if self._version != self._files.version:
            self._states.clear()
            self._version = self._files.version

    def _is_ours_alone(self, profile: str) -> bool:
        listing = self._files.listing_with(profile)
        found = listing.get(profile)
        return (
            self._files.is_member(profile)
            or door_of(listing, profile) is not None
            or (found is not None and found.kind in _WITHOUT_PROFILE)
        )

    def _opened(self, profile: str) -> _ProfileState:
        _, listing = self._files.require(profile)
        with self._lock:
            self._drop_outdated()
            state = self._states.setdefault(profile, _ProfileState())
        door = door_of(listing, profile)
        with state.opening:
            if door is not None:
                session = self.mfa.require(door)
                if session is not state.mfa:
                    state.session, state.mfa = None, session
                    state.clients.clear()
            if state.session is None:
                additions = additions_for(door, state.mfa) if door and state.mfa else None
                state.session = translated(lambda: self._open_session(profile, additions), profile)
        return state

    def _open_session(self, profile: str, additions: Additions | None = None) -> Any:
        session = self.unopened(profile, additions)
        if session.get_credentials() is None:
            raise NoCredentialsError
        return session

    def unopened(self, profile: str, additions: Additions | None = None) -> Any:
        """Return a session of a profile whose credentials are not looked for yet.

        Parameters
        ----------
        additions
            What to read into the AWS files besides what always is.
        """
        found = self._files.listing_with(profile).get(profile)
        if found is not None and found.kind in _WITHOUT_PROFILE:
            # Not even AWS_PROFILE: it may name one that is damaged.
            session = botocore.session.Session(session_vars={"profile": (None, [], None, None)})
        else:
            session = botocore.session.Session(profile=profile)
        session.register_component("data_loader", self._loader)
        files = self._files.files_for(profile, additions)
        if files is not None:
            session.set_config_variable("config_file", files.config)
            session.set_config_variable("credentials_file", files.credentials)
        return session

    def _open_door(self, door: MfaDoor, code: str) -> dict[str, Any]:
        """Ask STS for a session with an MFA code."""
        if door.user is None:
            return role_session(self.unopened(door.role.name), code)
        session = self._open_session(door.user.name)
        sts = session.create_client(
            "sts", region_name=self._region_of(session), config=self._config
        )
        return user_session(sts, door, code)

    @staticmethod
    def _region_of(session: Any) -> str:
        return str(session.get_config_variable("region") or "us-east-1")
