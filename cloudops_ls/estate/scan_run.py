"""The threads of one scan: scopes listed side by side into a sink, until all have ended."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cloudops_ls.aws.errors import AwsUnreachable, ExpiredCredentials, NoCredentials
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.reader import Place, Stopped, TypeReader
from cloudops_ls.estate.scan_model import (
    ScanProgress,
    ScanSink,
    ScopeResult,
    outcome_of,
)
from cloudops_ls.storage.records import ScopeOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.estate.catalog.model import ResourceType
    from cloudops_ls.estate.mapping import ItemMapper
    from cloudops_ls.storage.resource import Resource

log = logging.getLogger(__name__)

GRACE = 2.0
"""Seconds a cancelled scan waits for calls under way before it leaves them behind."""
TICK = 0.1
"""Seconds within which a cancellation is noticed."""
CANCELLED = "The scan was cancelled"


@dataclass(slots=True)
class Scope:
    """One (account, region, type) to list, and where.

    Attributes
    ----------
    generation
        From the sink, once the listing has begun.
    """

    place: Place
    kind: ResourceType
    generation: int | None = None
    finished: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the scope to the sink."""
        return self.place.context.account_id, self.place.context.region, self.kind.name

    @property
    def lane(self) -> tuple[str, str]:
        """What shares the concurrency limit: the service of an account."""
        return self.place.context.account_id, self.kind.service

    @property
    def endpoint(self) -> tuple[str, str, str]:
        """What is unreachable when this scope's service is."""
        return (*self.lane, self.place.endpoint_region)

    @property
    def label(self) -> str:
        """For progress; holds no estate data."""
        return f"{self.kind.title} · {self.place.context.region}"


class _SinkFailed(Exception):  # noqa: N818 - carries the sink's own error out of a thread.
    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


class ScanRun:
    """One run over scopes; use it once.

    Parameters
    ----------
    mappers
        By type name.
    workers, per_service
        Scopes listed at once, in all and for one service of one account.
    cancelled
        Whether somebody wants the run to end.
    clock
        Timezone-aware UTC now, for the records.
    """

    def __init__(
        self,
        sessions: SessionFactory,
        mappers: Mapping[str, ItemMapper],
        sink: ScanSink,
        *,
        workers: int,
        per_service: int,
        cancelled: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self._sessions = sessions
        self._mappers = mappers
        self._sink = sink
        self._per_service = per_service
        self._free = workers
        self._cancelled = cancelled
        self._clock = clock
        self._listers = ThreadPoolExecutor(workers, thread_name_prefix="scan")
        # Apart from the listers, who wait for it: one pool for both could wait for itself.
        self._details = ThreadPoolExecutor(workers, thread_name_prefix="scan-detail")
        self._events: queue.SimpleQueue[int | tuple[Scope, ScopeResult]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._left_behind = False
        self._fatal: Exception | None = None
        # What failed for good: an account's credentials, or an endpoint.
        self._broken: dict[tuple[str, ...], CloudOpsError] = {}

    def run(
        self, scopes: Sequence[Scope], progress: Callable[[ScanProgress], object]
    ) -> list[ScopeResult]:
        """List all scopes; return how each went.

        Raises
        ------
        Exception
            What the sink or ``progress`` raised; everything has been stopped then.
        """
        lanes: dict[tuple[str, str], deque[Scope]] = {}
        for scope in scopes:
            lanes.setdefault(scope.lane, deque()).append(scope)
        busy = dict.fromkeys(lanes, 0)
        active: dict[tuple[str, str, str], Scope] = {}
        results: list[ScopeResult] = []
        found = 0
        current = ""
        deadline: float | None = None
        try:
            while active or (deadline is None and any(lanes.values())):
                if deadline is None and (self._cancelled() or self._fatal is not None):
                    self._stop.set()
                    deadline = time.monotonic() + GRACE
                if deadline is None:
                    for scope in self._due(lanes, busy):
                        active[scope.key] = scope
                        current = scope.label
                        self._listers.submit(self._list, scope)
                elif time.monotonic() > deadline:
                    break
                progress(ScanProgress(len(results), len(scopes), found, current))
                for event in self._new_events():
                    if isinstance(event, int):
                        found += event
                        continue
                    scope, result = event
                    del active[scope.key]
                    busy[scope.lane] -= 1
                    self._free += 1
                    results.append(result)
                    current = scope.label
        finally:
            self._leave(list(active.values()))
        if self._fatal is not None:
            raise self._fatal
        rest = [*active.values(), *(scope for lane in lanes.values() for scope in lane)]
        results += [
            ScopeResult(*scope.key, ScopeOutcome.CANCELLED, 0, CANCELLED, 0.0) for scope in rest
        ]
        progress(ScanProgress(len(results), len(scopes), found, current))
        return results

    def _due(
        self, lanes: Mapping[tuple[str, str], deque[Scope]], busy: dict[tuple[str, str], int]
    ) -> list[Scope]:
        """Take the scopes that may start now, one lane after the other."""
        due: list[Scope] = []
        while self._free:
            before = len(due)
            for lane, waiting in lanes.items():
                if waiting and self._free and busy[lane] < self._per_service:
                    due.append(waiting.popleft())
                    busy[lane] += 1
                    self._free -= 1
            if len(due) == before:
                break
        return due

    def _new_events(self) -> Iterator[int | tuple[Scope, ScopeResult]]:
        """Yield what happened, after at most a tick."""
        try:
            yield self._events.get(timeout=TICK)
            while True:
                yield self._events.get_nowait()
        except queue.Empty:
            return

    def _leave(self, unfinished: Sequence[Scope]) -> None:
        """Let nothing more into the sink, and record what did not end as incomplete."""
        self._stop.set()
        self._listers.shutdown(wait=False, cancel_futures=True)
        self._details.shutdown(wait=False, cancel_futures=True)
        with self._writing:
            self._left_behind = True
            for scope in unfinished:
                if scope.generation is not None and not scope.finished and self._fatal is None:
                    self._sink.finish_scope(
                        *scope.key,
                        scope.generation,
                        complete=False,
                        error=CANCELLED,
                        outcome=ScopeOutcome.CANCELLED,
                    )

    # In the listers' threads

    def _list(self, scope: Scope) -> None:
        """List one scope into the sink; never raises."""
        started = time.monotonic()
        count = 0
        # Written with the end where it is the last batch: most listings are one transaction.
        held: list[Resource] = []
        outcome, error = ScopeOutcome.COMPLETE, None
        try:
            try:
                self._begin(scope)
                self._check_broken(scope)
                reader = TypeReader(self._sessions, self._mappers[scope.kind.name], self._details)
                context = replace(scope.place.context, now=self._clock())
                place = replace(scope.place, context=context)
                for resources in reader.stream(place, self._stop.is_set):
                    self._write(scope, held)
                    held = resources
                    count += len(resources)
            except (Stopped, _SinkFailed):
                raise
            except CloudOpsError as failure:
                outcome, error = outcome_of(failure), str(failure)
                self._remember(scope, failure)
            except Exception as failure:
                if self._stop.is_set():
                    raise Stopped from None
                # One type's surprise must not end the scan. Its message may quote estate data.
                outcome = ScopeOutcome.FAILED
                error = f"Unexpected {type(failure).__name__} while listing: {scope.kind.title}"
                log.error("%s, at %s", error, _origin(failure))
            self._finish(scope, error, outcome, held)
        except Stopped:
            outcome, error = ScopeOutcome.CANCELLED, CANCELLED
            self._finish_quietly(scope, held)
        except _SinkFailed as failure:
            outcome, error = ScopeOutcome.FAILED, "The estate could not be stored"
            self._fatal = self._fatal or failure.cause
        seconds = time.monotonic() - started
        result = ScopeResult(*scope.key, outcome, count, error, seconds)
        self._events.put((scope, result))

    def _begin(self, scope: Scope) -> None:
        with self._sinking():
            scope.generation = self._sink.begin_scope(*scope.key)

    def _write(self, scope: Scope, resources: list[Resource]) -> None:
        if resources and scope.generation is not None:
            with self._sinking():
                self._sink.bulk_upsert(resources, generation=scope.generation)
            self._events.put(len(resources))

    def _finish(
        self,
        scope: Scope,
        error: str | None,
        outcome: ScopeOutcome,
        resources: list[Resource],
    ) -> None:
        if scope.generation is not None:
            with self._sinking():
                self._sink.finish_scope(
                    *scope.key,
                    scope.generation,
                    complete=error is None,
                    error=error,
                    outcome=outcome,
                    resources=resources,
                )
                scope.finished = True
            if resources:
                self._events.put(len(resources))

    def _finish_quietly(self, scope: Scope, resources: list[Resource]) -> None:
        """Record a cancelled scope, unless the run has left it behind already."""
        try:
            self._finish(scope, CANCELLED, ScopeOutcome.CANCELLED, resources)
        except Stopped:
            log.debug("a scope was left behind")
        except _SinkFailed as failure:
            self._fatal = self._fatal or failure.cause

    @contextmanager
    def _sinking(self) -> Iterator[None]:
        """Write to the sink alone, and only as long as the run goes on."""
        with self._writing:
            if self._left_behind:
                raise Stopped
            try:
                yield
            except Exception as error:
                raise _SinkFailed(error) from error

    def _check_broken(self, scope: Scope) -> None:
        """Fail at once where the same call failed for good already."""
        for key in (scope.endpoint, (scope.place.context.account_id,)):
            if key in self._broken:
                raise self._broken[key]

    def _remember(self, scope: Scope, failure: CloudOpsError) -> None:
        if isinstance(failure, AwsUnreachable):
            self._broken[scope.endpoint] = failure
        elif isinstance(failure, ExpiredCredentials | NoCredentials):
            self._broken[(scope.place.context.account_id,)] = failure


def _origin(error: BaseException) -> str:
    """Return where an exception was raised, without its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
