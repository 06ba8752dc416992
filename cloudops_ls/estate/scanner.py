"""Runs the catalog over profiles, regions and types, and asks again about single resources."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.mapping import GLOBAL_REGION, ItemMapper, MappingContext
from cloudops_ls.estate.reader import Place, TypeReader
from cloudops_ls.estate.scan_model import (
    ProfileFailure,
    ScannedAccount,
    ScanProgress,
    ScanReport,
    ScanSink,
    outcome_of,
)
from cloudops_ls.estate.scan_run import TICK, ScanRun, Scope

if TYPE_CHECKING:
    from cloudops_ls.aws.sessions import AccountIdentity, SessionFactory
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import ResourceType
    from cloudops_ls.storage.resource import Resource

WORKERS = 16
PER_SERVICE = 4

Clock = Callable[[], datetime]
ProgressCallback = Callable[[ScanProgress], object]


class Scanner:
    """Lists estates into a sink, and refreshes single resources. Thread-safe.

    Parameters
    ----------
    sink
        Where resources go.
    workers
        Scopes listed at once.
    per_service
        Scopes of one service of one account listed at once.
    clock
        Timezone-aware UTC now.
    """

    def __init__(
        self,
        sessions: SessionFactory,
        catalog: Catalog,
        sink: ScanSink,
        *,
        workers: int = WORKERS,
        per_service: int = PER_SERVICE,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._sessions = sessions
        self._catalog = catalog
        self._sink = sink
        self._workers = workers
        self._per_service = per_service
        self._clock = clock
        self._closed = threading.Event()
        self._mappers = {kind.name: ItemMapper(kind) for kind in catalog}

    def scan(
        self,
        profiles: Sequence[str] | None = None,
        regions: Sequence[str] = (),
        types: Sequence[str] | None = None,
        *,
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> ScanReport:
        """List everything that the profiles can see; one failure never stops the rest.

        Parameters
        ----------
        profiles
            All usable ones when None. Two of one account are scanned once.
        regions
            The profiles' own regions when empty.
        types
            Names of catalog types; all when None.
        progress
            Called in this thread: at the beginning, at least ten times a second, at the end.
        cancel
            Set at any time, it ends the scan within seconds; what was found stays.

        Raises
        ------
        CloudOpsError
            There is no profile, a type is unknown, or the sink failed.
        """
        started = time.monotonic()
        kinds = self._kinds(types)
        names = self._profile_names(profiles)
        tell = progress or (lambda _progress: None)

        def cancelled() -> bool:
            return self._closed.is_set() or (cancel is not None and cancel.is_set())

        tell(ScanProgress(0, 0, 0, "Finding out which accounts the profiles belong to"))
        accounts, failures = self._identify(names, cancelled)
        scopes = self._scopes(accounts, regions, kinds)
        run = ScanRun(
            self._sessions,
            self._mappers,
            self._sink,
            workers=self._workers,
            per_service=self._per_service,
            cancelled=cancelled,
            clock=self._clock,
        )
        results = run.run(scopes, tell)
        return ScanReport(
            accounts=tuple(account for account, _ in accounts),
            failures=tuple(failures),
            scopes=tuple(results),
            resources=sum(result.count for result in results),
            cancelled=cancelled(),
            seconds=time.monotonic() - started,
        )

    def refresh(self, resource: Resource, profile: str | None = None) -> Resource | None:
        """Ask AWS how a resource is now; None when it does not exist any more.

        Nothing is stored. Costs one describe call, and one for tags where the type needs it.

        Parameters
        ----------
        profile
            One that acts in the resource's account; found by itself when None.

        Raises
        ------
        CloudOpsError
            The type is unknown, no profile reaches the account, or AWS failed.
        """
        mapper = self._mappers.get(resource.resource_type)
        if mapper is None:
            raise CloudOpsError(
                f"The catalog has no type '{resource.resource_type}'", fix="Scan the estate again"
            )
        profile = profile or self._sessions.profile_for(resource.account_id)
        identity = self._sessions.identity(profile)
        if identity.account_id != resource.account_id:
            # Asked in another account, AWS would say that the resource does not exist.
            raise CloudOpsError(
                "The profile belongs to another account than the resource",
                where=f"profile '{profile}'",
                fix=f"Use a profile of account {resource.account_id}",
            )
        place = self._place(profile, identity, resource.region)
        return TypeReader(self._sessions, mapper).describe(place, resource)

    def close(self) -> None:
        """End scans under way."""
        self._closed.set()

    # What to scan

    def _kinds(self, types: Sequence[str] | None) -> list[ResourceType]:
        if types is None:
            return list(self._catalog)
        unknown = [name for name in types if self._catalog.get(name) is None]
        if unknown:
            raise CloudOpsError(f"The catalog has no type '{unknown[0]}'")
        return [self._catalog[name] for name in types]

    def _profile_names(self, profiles: Sequence[str] | None) -> list[str]:
        if profiles is not None:
            return list(dict.fromkeys(profiles))
        listing = self._sessions.profiles()
        if not listing.profiles:
            problem = listing.problems[0]
            raise CloudOpsError(problem.message, where=str(problem.file))
        return [profile.name for profile in listing.profiles]

    def _identify(
        self, names: Sequence[str], cancelled: Callable[[], bool]
    ) -> tuple[list[tuple[ScannedAccount, AccountIdentity]], list[ProfileFailure]]:
        """Find out each profile's account, all at once."""
        identities: dict[str, AccountIdentity] = {}
        failures: list[ProfileFailure] = []

        def ask(name: str) -> AccountIdentity | CloudOpsError:
            try:
                return self._sessions.identity(name)
            except CloudOpsError as error:
                return error

        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="identify")
        try:
            futures = {name: pool.submit(ask, name) for name in names}
            for name, future in futures.items():
                while not wait([future], timeout=TICK).done:
                    if cancelled():
                        return [], failures
                answer = future.result()
                if isinstance(answer, CloudOpsError):
                    failures.append(ProfileFailure(name, outcome_of(answer), str(answer)))
                else:
                    identities[name] = answer
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        accounts = []
        for account_id in dict.fromkeys(identity.account_id for identity in identities.values()):
            mine = [name for name in identities if identities[name].account_id == account_id]
            identity = identities[mine[0]]
            account = ScannedAccount(account_id, identity.alias, tuple(mine))
            accounts.append((account, identity))
        return accounts, failures

    def _scopes(
        self,
        accounts: Sequence[tuple[ScannedAccount, AccountIdentity]],
        regions: Sequence[str],
        kinds: Sequence[ResourceType],
    ) -> list[Scope]:
        scopes: list[Scope] = []
        for account, identity in accounts:
            profile = account.profiles[0]
            places = regions or list(
                dict.fromkeys(self._sessions.home_region(name) for name in account.profiles)
            )
            scopes += [
                Scope(self._place(profile, identity, region), kind)
                for kind in kinds
                for region in ((GLOBAL_REGION,) if kind.is_global else dict.fromkeys(places))
            ]
        return scopes

    def _place(self, profile: str, identity: AccountIdentity, region: str) -> Place:
        endpoint = self._sessions.home_region(profile) if region == GLOBAL_REGION else region
        context = MappingContext(identity.partition, identity.account_id, region, self._clock())
        return Place(profile, endpoint, context)
