"""The quick synchronisation: ask AWS again about what was touched, or about a part in turn."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cloudops_ls.aws.errors import (
    AwsError,
    AwsUnreachable,
    ExpiredCredentials,
    NoCredentials,
)
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.mapping import GLOBAL_REGION
from cloudops_ls.estate.sync.events import event_source, history_since

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import ResourceType
    from cloudops_ls.estate.scan_model import ScanProgress, ScanReport
    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.estate.sync.events import Event
    from cloudops_ls.storage.records import SyncScope
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService

log = logging.getLogger(__name__)

LATE = timedelta(minutes=15)
"""How late an event may show up in the history: AWS says that most take about five minutes."""
FARTHEST = timedelta(days=1)
"""History older than this is not read: then listing everything is quicker."""
ROUNDS = 4
"""Without event history, the cheap listings are all done once in so many rounds."""
WORKERS = 8
MOST_REMEMBERED = 20_000
_EVENTS_OF_GLOBAL = "us-east-1"
"""Where the history of IAM, Route 53, CloudFront and the like is."""

Place = tuple[str, str]
"""Account and region."""


@dataclass(slots=True)
class IncrementalReport:
    """What a quick synchronisation did.

    Attributes
    ----------
    refreshed, gone
        ARNs that were described again, and those of them that do not exist any more.
    listed
        Scopes that were listed again.
    followed, rotated
        Accounts and regions whose events were read, and those where some scopes took their turn.
    """

    refreshed: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    listed: ScanReport | None = None
    followed: list[Place] = field(default_factory=list)
    rotated: list[Place] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class IncrementalSync:
    """Keeps track of what AWS was asked about already. One round at a time.

    Parameters
    ----------
    sessions, scanner, catalog
        Ways to ask AWS, and what about.
    storage
        What is known.
    clock
        Timezone-aware UTC now.
    """

    def __init__(
        self,
        sessions: SessionFactory,
        scanner: Scanner,
        catalog: Catalog,
        storage: StorageService,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sessions = sessions
        self._scanner = scanner
        self._catalog = catalog
        self._storage = storage
        self._clock = clock
        self._handled: dict[str, None] = {}

    def run(
        self,
        profiles: Mapping[str, str],
        *,
        progress: Callable[[ScanProgress], object] | None = None,
        cancel: threading.Event | None = None,
    ) -> IncrementalReport:
        """Bring the stored estate up to date where something happened.

        Parameters
        ----------
        profiles
            The profile to ask through, by account.
        progress, cancel
            As for `Scanner.scan`.
        """
        report = IncrementalReport()
        stop = cancel or threading.Event()
        known: dict[Place, list[SyncScope]] = defaultdict(list)
        for scope in self._storage.sync.scopes():
            if scope.account_id in profiles and self._catalog.get(scope.resource_type):
                known[scope.account_id, scope.region].append(scope)
        wanted: dict[str, set[tuple[str, str]]] = defaultdict(set)
        touched: dict[str, str] = {}
        cursors: dict[Place, datetime] = {}
        for place, events in self._histories(profiles, known, report, stop).items():
            account_id, region = place
            profile = profiles[account_id]
            cursors[place] = self._clock()
            if events is None:
                report.rotated.append(place)
                wanted[profile] |= self._turn(known[place])
                continue
            report.followed.append(place)
            by_name = self._called(place, events)
            for event in events:
                resources, kinds = self._touched(event, by_name, known[place])
                touched |= {resource.arn: profile for resource in resources}
                wanted[profile] |= {(region, kind) for kind in kinds}
        listed = {(profile, *pair) for profile, pairs in wanted.items() for pair in pairs}
        self._refresh(touched, listed, report, stop)
        chosen = {profile: pairs for profile, pairs in wanted.items() if pairs}
        if chosen and not stop.is_set():
            report.listed = self._scanner.scan_scopes(chosen, progress=progress, cancel=cancel)
            report.problems += report.listed.problems()
        if not stop.is_set():
            for place in report.followed:
                self._storage.sync.put_cursor(*place, cursors[place])
        return report

    # What happened

    def _histories(
        self,
        profiles: Mapping[str, str],
        known: Mapping[Place, list[SyncScope]],
        report: IncrementalReport,
        stop: threading.Event,
    ) -> dict[Place, list[Event] | None]:
        """Return the new events per account and region; None where they cannot be had."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="events") as pool:
            asked = {
                place: pool.submit(self._history, profiles[place[0]], place, scopes, stop)
                for place, scopes in known.items()
            }
            found: dict[Place, list[Event] | None] = {}
            for place, future in asked.items():
                try:
                    found[place] = future.result()
                except (AwsUnreachable, ExpiredCredentials, NoCredentials) as error:
                    # Listing would fail in the same way.
                    report.problems.append(str(error))
                except AwsError as error:
                    # Mostly AccessDenied; and stand-ins of AWS have no event history.
                    log.info("event history: %s", type(error).__name__)
                    found[place] = None
        report.problems[:] = dict.fromkeys(report.problems)
        return found

    def _history(
        self, profile: str, place: Place, scopes: Sequence[SyncScope], stop: threading.Event
    ) -> list[Event] | None:
        if stop.is_set():
            return []
        account_id, region = place
        now = self._clock()
        since = self._storage.sync.cursor(account_id, region) or min(
            (scope.started_at for scope in scopes if scope.started_at), default=now
        )
        if now - since > FARTHEST:
            return None
        where = _EVENTS_OF_GLOBAL if region == GLOBAL_REGION else region
        history = history_since(self._sessions, profile, where, since - LATE)
        if not history.whole:
            return None
        fresh = [event for event in history.events if f"{region}:{event.id}" not in self._handled]
        self._handled |= {f"{region}:{event.id}": None for event in fresh}
        for old in list(self._handled)[: max(0, len(self._handled) - MOST_REMEMBERED)]:
            del self._handled[old]
        return fresh

    def _called(self, place: Place, events: Sequence[Event]) -> dict[str, list[Resource]]:
        """Return the known resources that the events name, by each of their names."""
        by_name: dict[str, list[Resource]] = defaultdict(list)
        names = {name for event in events for name in event.names}
        for resource in self._storage.estate.called(*place, names):
            for name in {resource.arn, resource.identifier, resource.name}:
                by_name[name].append(resource)
        return by_name

    def _touched(
        self, event: Event, by_name: Mapping[str, list[Resource]], scopes: Sequence[SyncScope]
    ) -> tuple[list[Resource], set[str]]:
        """Return the known resources that an event touched, and types to list again."""
        kinds = {
            scope.resource_type
            for scope in scopes
            if event_source(self._catalog[scope.resource_type].service) == event.source
        }
        found = [one for name in event.names for one in by_name.get(name, ())]
        own = [resource for resource in found if resource.resource_type in kinds]
        if not kinds:
            # A service whose resources nobody scans.
            return [], set()
        # Nobody knows yet what was made, and an event without known names may be about anything.
        return found, kinds if event.creates or not own else set()

    # Asking again

    def _refresh(
        self,
        touched: Mapping[str, str],
        listed: Iterable[tuple[str, str, str]],
        report: IncrementalReport,
        stop: threading.Event,
    ) -> None:
        """Describe what was touched, unless its whole scope is listed anyway."""
        scopes = set(listed)
        for arn, profile in touched.items():
            if stop.is_set():
                return
            known = self._storage.estate.get_resource(arn)
            if known is None or (profile, known.region, known.resource_type) in scopes:
                continue
            try:
                current = self._scanner.refresh(known, profile)
            except CloudOpsError as error:
                report.problems.append(str(error))
                continue
            report.refreshed.add(arn)
            if current is None:
                report.gone.add(arn)
                self._storage.estate.delete_resource(arn)
            else:
                self._storage.estate.upsert_resource(current)

    def _turn(self, scopes: Sequence[SyncScope]) -> set[tuple[str, str]]:
        """Return the cheap listings whose turn it is: those that waited longest."""
        cheap = [scope for scope in scopes if is_cheap(self._catalog[scope.resource_type])]
        cheap.sort(key=lambda scope: scope.finished_at or datetime.min.replace(tzinfo=UTC))
        share = -(-len(cheap) // ROUNDS)
        return {(scope.region, scope.resource_type) for scope in cheap[:share]}


def is_cheap(kind: ResourceType) -> bool:
    """Tell whether listing a type costs no call per resource."""
    each = kind.tags_call is not None and kind.tags_call.batch == 1
    return not (kind.describe.detail and kind.describe.batch == 1) and not each
