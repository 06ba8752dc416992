"""SDK sessions and clients: one per profile, made once, with one set of manners.

All sessions share one botocore data loader, which holds the service models: a further session
costs 13 MB instead of 125 MB. Clients are cached because making one takes some 20 ms and they are
thread-safe; they are dropped when the AWS files change, so that new credentials count at once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.loaders
import botocore.session
from botocore import exceptions as sdk
from botocore.config import Config

from cloudops_ls.aws.errors import ProfileUnusable, translate
from cloudops_ls.aws.profiles import ProfileListing, file_paths, healthy_files, read_profiles
from cloudops_ls.aws.repaired import RepairedFiles
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

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
    """

    account_id: str
    alias: str | None
    partition: str = "aws"


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
    identity: AccountIdentity | None = None
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)


class SessionFactory:
    """Sessions, clients and identities by profile name. Thread-safe.

    Parameters
    ----------
    settings
        Time-outs and retries of every client.
    """

    def __init__(self, settings: ClientSettings | None = None) -> None:
        settings = settings or ClientSettings()
        self._config = Config(
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            max_pool_connections=settings.connections,
            retries={"mode": "adaptive", "total_max_attempts": settings.attempts},
            user_agent_extra=settings.user_agent,
        )
        self._loader = botocore.loaders.Loader()
        self._making = threading.Lock()
        self._lock = threading.Lock()
        self._stamp: tuple[object, ...] | None = None
        self._listing: ProfileListing | None = None
        self._repaired: RepairedFiles | None = None
        self._outdated: list[RepairedFiles] = []
        self._states: dict[str, _ProfileState] = {}

    def profiles(self) -> ProfileListing:
        """Return the profiles as the files have them now."""
        with self._lock:
            return self._current()

    def environment(self) -> dict[str, str]:
        """Return what a child process needs in its environment to use the healthy profiles.

        Empty unless ``~/.aws`` is damaged; the AWS CLI refuses damaged files altogether.
        """
        with self._lock:
            self._current()
            return self._repaired.environment if self._repaired else {}

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
        region = session.get_config_variable("region")
        return str(region) if region else "us-east-1"

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
        with self._lock:
            self._states.clear()
            self._stamp = None
            if self._repaired is not None:
                self._outdated.append(self._repaired)
                self._repaired = None
            while self._outdated:
                self._outdated.pop().close()

    def _current(self) -> ProfileListing:
        """Return the listing, re-read if a file changed; the caller holds ``_lock``."""
        stamp = _stamp()
        if self._listing is None or stamp != self._stamp:
            self._listing = read_profiles()
            self._states.clear()
            self._stamp = stamp
            if self._repaired is not None:
                # A running child may still read it: it lives until the factory is closed.
                self._outdated.append(self._repaired)
            texts = healthy_files()
            self._repaired = RepairedFiles(*texts) if texts else None
        return self._listing

    def _opened(self, profile: str) -> _ProfileState:
        with self._lock:
            listing = self._current()
            if listing.get(profile) is None:
                problem = listing.problem_of(profile)
                if problem is not None:
                    raise ProfileUnusable(
                        f"The profile '{profile}' is damaged: {problem.message}",
                        where=f"{problem.file}, line {problem.line}",
                        fix="Repair the file",
                    )
                if not listing.profiles and listing.problems:
                    raise ProfileUnusable(
                        listing.problems[0].message, where=str(listing.problems[0].file)
                    )
                raise ProfileUnusable(
                    f"The profile '{profile}' is not defined",
                    where=str(file_paths()[0]),
                    fix="Choose one of 'aws configure list-profiles'",
                )
            state = self._states.setdefault(profile, _ProfileState())
            repaired = self._repaired
        with state.opening:
            if state.session is None:
                state.session = self._translated(
                    lambda: self._open_session(profile, repaired), profile
                )
        return state

    def _open_session(self, profile: str, repaired: RepairedFiles | None) -> Any:
        session = botocore.session.Session(profile=profile)
        session.register_component("data_loader", self._loader)
        if repaired is not None:
            session.set_config_variable("config_file", repaired.config)
            session.set_config_variable("credentials_file", repaired.credentials)
        if session.get_credentials() is None:
            raise sdk.NoCredentialsError
        return session

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
        return AccountIdentity(str(caller["Account"]), alias, partition)

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
