"""Runs the catalog over profiles, regions and types, and asks again about single resources."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.mapping import ItemMapper
from cloudops_ls.estate.reader import TypeReader
from cloudops_ls.estate.scan_model import (
    ProfileFailure,
    ScannedAccount,
    ScanProgress,
    ScanReport,
    ScanSink,
)
from cloudops_ls.estate.scan_plan import EVERYTHING, Planner, ScanPlan
from cloudops_ls.estate.scan_run import ScanRun, Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cloudops_ls.aws.sessions import SessionFactory
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
        organization: bool = False,
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> ScanReport:
        """List everything that the profiles can see; one failure never stops the rest.

        Parameters
        ----------
        profiles
            ``*`` stands for all usable ones, as None does. Two of one account are scanned once.
        regions
            ``*`` stands for each account's enabled ones; the profiles' own regions when empty.
        types
            Names of catalog types; all when None.
        organization
            Also the other accounts of the profiles' organizations, through the role that the
            session factory was given.
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
        tell = progress or (lambda _progress: None)
        tell(ScanProgress(0, 0, 0, "Finding out which accounts the profiles belong to"))
        plan = self._planner(self._ended_by(cancel)).plan(
            (EVERYTHING,) if profiles is None else profiles,
            regions,
            kinds,
            organization=organization,
        )
        return self._run(plan, tell, cancel, started)

    def accounts(
        self, profiles: Sequence[str], *, organization: bool = False
    ) -> tuple[list[ScannedAccount], list[ProfileFailure]]:
        """Return the accounts that profiles lead to, and what could not be found out.

        Parameters
        ----------
        profiles, organization
            As for `scan`.
        """
        plan = self._planner(self._closed.is_set).plan(profiles, (), (), organization=organization)
        return plan.accounts, plan.failures

    def scan_scopes(
        self,
        wanted: Mapping[str, Collection[tuple[str, str]]],
        *,
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> ScanReport:
        """List some scopes again.

        Parameters
        ----------
        wanted
            Pairs of region and type, by the profile to ask through.
        progress, cancel
            As for `scan`.
        """
        started = time.monotonic()
        planner = self._planner(self._ended_by(cancel))
        plan = planner.plan(list(wanted), (), ())
        for account in plan.accounts:
            for profile in account.profiles:
                identity = self._sessions.identity(profile)
                plan.scopes += [
                    Scope(planner.place(profile, identity, region), self._catalog[kind])
                    for region, kind in sorted(wanted[profile])
                    if self._catalog.get(kind) is not None
                ]
        return self._run(plan, progress or (lambda _progress: None), cancel, started)

    def _run(
        self,
        plan: ScanPlan,
        progress: ProgressCallback,
        cancel: threading.Event | None,
        started: float,
    ) -> ScanReport:
        cancelled = self._ended_by(cancel)
        run = ScanRun(
            self._sessions,
            self._mappers,
            self._sink,
            workers=self._workers,
            per_service=self._per_service,
            cancelled=cancelled,
            clock=self._clock,
        )
        results = run.run(plan.scopes, progress)
        return ScanReport(
            accounts=tuple(plan.accounts),
            failures=tuple(plan.failures),
            scopes=tuple(results),
            resources=sum(result.count for result in results),
            cancelled=cancelled(),
            seconds=time.monotonic() - started,
        )

    def _ended_by(self, cancel: threading.Event | None) -> Callable[[], bool]:
        return lambda: self._closed.is_set() or (cancel is not None and cancel.is_set())

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
        place = self._planner(self._closed.is_set).place(profile, identity, resource.region)
        return TypeReader(self._sessions, mapper).describe(place, resource)

    def close(self) -> None:
        """End scans under way."""
        self._closed.set()

    def _kinds(self, types: Sequence[str] | None) -> list[ResourceType]:
        if types is None:
            return list(self._catalog)
        unknown = [name for name in types if self._catalog.get(name) is None]
        if unknown:
            raise CloudOpsError(f"The catalog has no type '{unknown[0]}'")
        return [self._catalog[name] for name in types]

    def _planner(self, cancelled: Callable[[], bool]) -> Planner:
        return Planner(
            self._sessions, workers=self._workers, clock=self._clock, cancelled=cancelled
        )
