"""SDK sessions and clients: one per profile, made once, with one set of manners.

All sessions share one botocore data loader, which holds the service models: a further session
costs 13 MB instead of 125 MB. Clients are cached because making one takes some 20 ms and they are
thread-safe; they are dropped when the AWS files change, so that new credentials count at once.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.session
from botocore import exceptions as sdk
from botocore.config import Config

from cloudops_ls.aws.config_files import (
    CREDENTIAL_OPTIONS,
    Additions,
    Keys,
    ProfileProblem,
    file_paths,
    load,
    usable,
)
from cloudops_ls.aws.errors import ProfileUnusable, SignInNeeded, translate
from cloudops_ls.aws.mfa import (
    SESSION_SECONDS,
    MfaDoor,
    MfaSession,
    MfaSessions,
    additions_for,
    door_of,
)
from cloudops_ls.aws.profiles import ProfileKind, ProfileListing, healthy_files, read_profiles
from cloudops_ls.aws.repaired import RepairedFiles
from cloudops_ls.aws.service_models import shared_loader
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.aws.keychain import Keychain

T = TypeVar("T")

_WITHOUT_PROFILE = (ProfileKind.ENVIRONMENT, ProfileKind.INSTANCE)

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
"""By the beginning of a region's name; all others are ``aws``."""

CONNECT_ATTEMPTS = 2
"""How often an endpoint that does not answer is tried, whatever the retry mode says."""


@dataclass(frozen=True, slots=True)
class AccountIdentity:
    """The account a profile acts in.

    Attributes
    ----------
    alias
        The account's alias; None where it has none or IAM does not tell.
    partition
        ``aws``, ``aws-cn``, ``aws-us-gov``, …
    principal
        ARN of the user or assumed role that acts; None where it was not asked for.
    """

    account_id: str
    alias: str | None
    partition: str = "aws"
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How patient clients are; times in seconds."""

    connect_timeout: float = 3.0
    read_timeout: float = 20.0
    attempts: int = 6
    """Total attempts for answers that may be retried, such as throttling."""
    connections: int = 16
    user_agent: str = "cloudops-ls"


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
        settings = settings or ClientSettings()
        self._keychain = keychain
        self._organization_role = organization_role
        self._config = Config(
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            max_pool_connections=settings.connections,
            retries={"mode": "adaptive", "total_max_attempts": settings.attempts},
            user_agent_extra=settings.user_agent,
        )
        self._loader = shared_loader()
        self._making = threading.Lock()
        self._lock = threading.Lock()
        self._stamp: tuple[object, ...] | None = None
        self._listing: ProfileListing | None = None
        self._repaired: RepairedFiles | None = None
        self._outdated: list[RepairedFiles] = []
        self._states: dict[str, _ProfileState] = {}
        self._additions = Additions()
        self._members: dict[str, dict[str, str]] = {}
        self._handed_out: dict[str, tuple[Keys, RepairedFiles]] = {}
        self.mfa = MfaSessions()

    def profiles(self) -> ProfileListing:
        """Return the profiles as the files have them now."""
        with self._lock:
            return self._current()

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
            frozen = self._translated(
                self.session(profile).get_credentials().get_frozen_credentials, profile
            )
            keys = Keys(frozen.access_key, frozen.secret_key, frozen.token)
            return self._handed(profile, keys).environment
        with self._lock:
            self._current()
            return self._repaired.environment if self._repaired else {}

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
        answer = self._translated(
            lambda: self._open_door(door, code),
            profile,
            "sts",
            operation="GetSessionToken" if door.user else "AssumeRole",
        )
        self.mfa.put(door, answer)
        self.forget_sessions()

    def door(self, profile: str) -> MfaDoor | None:
        """Return where the profile wants an MFA code, if it does."""
        with self._lock:
            return door_of(self._listing_with(profile), profile)

    def listing_with(self, profile: str) -> ProfileListing:
        """Return the profiles as the files have them, and a member profile asked for."""
        with self._lock:
            return self._listing_with(profile)

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
                    client = state.session.create_client(
                        service, region_name=place, config=self._config
                    )
                    # Before botocore's own handler, whose event this is: the first answer counts.
                    event = f"needs-retry.{client.meta.service_model.service_id.hyphenize()}"
                    client.meta.events.register_first(event, _give_up_connecting)
                    state.clients[service, place] = client
                return state.clients[service, place]

        return self._translated(make, profile, service, region)

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
                state.identity = self._ask_identity(profile)
            return state.identity

    def profile_for(self, account_id: str) -> str:
        """Return a profile that acts in an account, preferring those already known to.

        Raises
        ------
        CloudOpsError
            No profile reaches the account.
        """
        with self._lock:
            names = [profile.name for profile in self._current().profiles]
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
        with self._lock:
            self._states.clear()
            self._handed_out.clear()
            self._stamp = None
            if self._repaired is not None:
                self._outdated.append(self._repaired)
                self._repaired = None
            while self._outdated:
                self._outdated.pop().close()

    def _current(self) -> ProfileListing:
        """Return the listing, re-read if a file changed; the caller holds ``_lock``."""
        stamp = (*_stamp(), self._keychain.stamp() if self._keychain is not None else None)
        if self._listing is None or stamp != self._stamp:
            problems: list[ProfileProblem] = []
            self._additions = self._from_keychain(problems)
            listing = read_profiles(additions=self._additions)
            self._listing = ProfileListing(listing.profiles, (*listing.problems, *problems))
            self._states.clear()
            self._members.clear()
            self._handed_out.clear()
            self._stamp = stamp
            if self._repaired is not None:
                # A running child may still read it: it lives until the factory is closed.
                self._outdated.append(self._repaired)
            texts = healthy_files(additions=self._additions)
            self._repaired = RepairedFiles(*texts) if texts else None
        return self._listing

    def _from_keychain(self, problems: list[ProfileProblem]) -> Additions:
        keys: dict[str, Keys] = {}
        if self._keychain is not None:
            for profile in self._keychain.profiles():
                try:
                    found = self._keychain.keys(profile)
                except CloudOpsError as error:
                    problems.append(ProfileProblem(file_paths()[1], None, str(error), None))
                    continue
                if found is not None:
                    keys[profile] = found
        return Additions(keys=keys)

    def _listing_with(self, profile: str) -> ProfileListing:
        """Return the listing, with a member profile added; the caller holds ``_lock``."""
        listing = self._current()
        source, slash, account_id = profile.rpartition("/")
        if listing.get(profile) is not None or not (slash and self._organization_role):
            return listing
        parent = listing.get(source)
        if parent is None or not re.fullmatch(r"\d{12}", account_id):
            return listing
        # The partition is the parent's: organizations do not cross it.
        prefix = next((one for one in _PARTITIONS if (parent.region or "").startswith(one)), "")
        partition = _PARTITIONS.get(prefix, "aws")
        kept = usable(load(None, self._additions)).get(source, {})
        settings = {
            **{
                name: value
                for name, value in kept.items()
                if name not in CREDENTIAL_OPTIONS and "\n" not in value
            },
            "role_arn": f"arn:{partition}:iam::{account_id}:role/{self._organization_role}",
            "source_profile": source,
            "role_session_name": "cloudops-ls",
        }
        self._members[profile] = settings
        return read_profiles(additions=self._additions | Additions(settings={profile: settings}))

    def _is_ours_alone(self, profile: str) -> bool:
        with self._lock:
            listing = self._listing_with(profile)
            found = listing.get(profile)
            return (
                profile in self._members
                or door_of(listing, profile) is not None
                or (found is not None and found.kind in _WITHOUT_PROFILE)
            )

    def _opened(self, profile: str) -> _ProfileState:
        with self._lock:
            listing = self._listing_with(profile)
            if listing.get(profile) is None:
                raise _unusable(listing, profile)
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
                state.session = self._translated(
                    lambda: self._open_session(profile, additions), profile
                )
        return state

    def _open_session(self, profile: str, additions: Additions | None = None) -> Any:
        session = self.unopened(profile, additions)
        if session.get_credentials() is None:
            raise sdk.NoCredentialsError
        return session

    def unopened(self, profile: str, additions: Additions | None = None) -> Any:
        """Return a session of a profile whose credentials are not looked for yet.

        Parameters
        ----------
        additions
            What to read into the AWS files besides what always is.
        """
        with self._lock:
            found = self._listing_with(profile).get(profile)
            settings = self._members.get(profile)
        mine = Additions(settings={profile: settings}) if settings else Additions()
        mine |= additions or Additions()
        if found is not None and found.kind in _WITHOUT_PROFILE:
            # Not even AWS_PROFILE: it may name one that is damaged.
            session = botocore.session.Session(session_vars={"profile": (None, [], None, None)})
        else:
            session = botocore.session.Session(profile=profile)
        session.register_component("data_loader", self._loader)
        files = self._files(mine) if mine else self._repaired
        if files is not None:
            session.set_config_variable("config_file", files.config)
            session.set_config_variable("credentials_file", files.credentials)
        return session

    def _handed(self, profile: str, keys: Keys) -> RepairedFiles:
        """Return the files for children with these keys, the same as long as the keys are."""
        with self._lock:
            before = self._handed_out.get(profile)
        if before is not None and before[0] == keys:
            return before[1]
        files = self._files(Additions(keys={profile: keys}))
        assert files is not None  # noqa: S101 -- there is something in them
        with self._lock:
            self._handed_out[profile] = keys, files
        return files

    def _files(self, additions: Additions) -> RepairedFiles | None:
        """Return the AWS files with something more in them, readable until `close`."""
        texts = healthy_files(additions=self._additions | additions)
        if texts is None:
            return None
        files = RepairedFiles(*texts)
        with self._lock:
            self._outdated.append(files)
        return files

    def _open_door(self, door: MfaDoor, code: str) -> dict[str, Any]:
        """Ask STS for a session with an MFA code."""
        serial = str(door.role.mfa_serial)
        if door.user is not None:
            session = self._open_session(door.user.name)
            sts = session.create_client(
                "sts", region_name=self._region_of(session), config=self._config
            )
            answer: dict[str, Any] = sts.get_session_token(
                DurationSeconds=SESSION_SECONDS, SerialNumber=serial, TokenCode=code
            )
            return answer
        session = self.unopened(door.role.name)
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

    @staticmethod
    def _region_of(session: Any) -> str:
        return str(session.get_config_variable("region") or "us-east-1")

    def _ask_identity(self, profile: str) -> AccountIdentity:
        """Ask STS, and IAM for the alias."""
        sts = self.client(profile, "sts")
        caller = self._translated(
            sts.get_caller_identity, profile, "sts", operation="GetCallerIdentity"
        )
        alias: str | None = None
        iam = self.client(profile, "iam")
        try:
            aliases = self._translated(
                iam.list_account_aliases, profile, "iam", operation="ListAccountAliases"
            )
        except CloudOpsError:
            # The alias is a courtesy: IAM is often closed to operators.
            aliases = {}
        if aliases.get("AccountAliases"):
            alias = str(aliases["AccountAliases"][0])
        partition = str(caller["Arn"]).split(":")[1]
        return AccountIdentity(
            str(caller["Account"]), alias, partition, principal=str(caller["Arn"])
        )

    @staticmethod
    def _translated(
        call: Callable[[], T],
        profile: str,
        service: str | None = None,
        region: str | None = None,
        operation: str | None = None,
    ) -> T:
        try:
            return call()
        except Exception as error:
            # Any: the SDK's parsers let even a KeyError out when what answers is not AWS.
            # `from None`: its messages may quote what must not be shown.
            raise translate(
                error, profile=profile, service=service, operation=operation, region=region
            ) from None


def _unusable(listing: ProfileListing, profile: str) -> ProfileUnusable:
    """Return why a profile is not in the listing."""
    problem = listing.problem_of(profile)
    if problem is not None:
        return ProfileUnusable(
            f"The profile '{profile}' is damaged: {problem.message}",
            where=f"{problem.file}, line {problem.line}",
            fix="Repair the file",
        )
    if not listing.profiles and listing.problems:
        return ProfileUnusable(listing.problems[0].message, where=str(listing.problems[0].file))
    return ProfileUnusable(
        f"The profile '{profile}' is not defined",
        where=str(file_paths()[0]),
        fix="Choose one of 'aws configure list-profiles'",
    )


def _stamp() -> tuple[object, ...]:
    """Return what changes when one of the AWS files does."""
    stamp: list[object] = []
    for path in file_paths():
        try:
            status = path.stat()
        except OSError:
            stamp.append((path, None))
        else:
            stamp.append((path, status.st_mtime_ns, status.st_size))
    return tuple(stamp)


def _give_up_connecting(
    attempts: int, caught_exception: Exception | None = None, **_event: object
) -> bool | None:
    """End the retries of a call that gets no answer; answers are retried as configured.

    Without this an operator without network waits for all attempts and their growing pauses.
    """
    silent = isinstance(caught_exception, sdk.ConnectionError | sdk.ReadTimeoutError)
    if silent and attempts >= CONNECT_ATTEMPTS:
        return False
    return None
