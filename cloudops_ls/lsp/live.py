"""Asking AWS about the resource that somebody looks at, without letting them wait for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from cloudops_ls.lsp.session import Session

_START_SECONDS: Final = 30.0
"""Allowed on top when the background process must be started first."""
_AFTER_FAILURE: Final = 30.0
"""Seconds without another try for a resource that could not be asked about."""
_OFFLINE: Final = 30.0
"""Seconds without any try after AWS could not be reached at all."""
_UNREACHABLE: Final = "AwsUnreachable"
_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Freshness:
    """How true a card is.

    Attributes
    ----------
    live
        AWS said so just now.
    note
        Why it is not live, where there is a reason that the reader should know.
    """

    live: bool = False
    note: str | None = None


@dataclass(slots=True)
class _Asked:
    """What came of asking about one resource."""

    task: asyncio.Task[None] | None = None
    ended: float = 0.0
    """When, by the event loop's clock."""
    failure: str | None = None
    pause: float = 0.0
    """Seconds from then on without another try."""


@dataclass(slots=True)
class LiveResources:
    """Refreshes resources on demand: each one at a time, not again before some seconds are over."""

    session: Session
    _asked: dict[str, _Asked] = field(default_factory=dict)
    _offline_until: float = 0.0
    _offline_reason: str = ""

    async def freshen(self, arn: str) -> Freshness:
        """Have a resource refreshed where that is due; wait for it as long as settings allow.

        Never raises: a card that is old is better than none, as long as it says so.
        """
        settings = self.session.settings.hover
        if not settings.live or not self.session.client.trusted:
            return Freshness()
        now = asyncio.get_running_loop().time()
        asked = self._asked.setdefault(arn, _Asked())
        if asked.task is None:
            if now < asked.ended + asked.pause:
                return _freshness(asked)
            if now < self._offline_until:
                return Freshness(note=self._offline_reason)
            asked.task = asyncio.create_task(self._refresh(arn, asked))
            self.session.keep(asked.task)
        answered, _ = await asyncio.wait({asked.task}, timeout=settings.wait_seconds)
        if not answered:
            return Freshness(note="AWS is being asked, look again for its answer")
        return _freshness(asked)

    async def _refresh(self, arn: str, asked: _Asked) -> None:
        from cloudops_ls.storage.resource import Resource
        from cloudops_ls.worker import wire

        settings = self.session.settings.hover
        clock = asyncio.get_running_loop().time
        try:
            worker = self.session.worker
            allowed = settings.budget_seconds + (0 if worker.connected else _START_SECONDS)
            async with asyncio.timeout(allowed):
                answer = await worker.request(
                    wire.REFRESH, {"arns": [arn], "max_age": settings.minimum_age_seconds}
                )
            for one in answer["resources"]:
                self.session.estate.remember(Resource.model_validate(one))
            asked.failure = None
            asked.pause = settings.minimum_age_seconds
            # Before the worker's own message: whoever waits here sees what has changed.
            await self.session.reload_names(answer["gone"])
        except TimeoutError:
            # The worker goes on and stores what it gets; the next one to ask is told.
            asked.pause = settings.budget_seconds
            asked.failure = f"AWS has not answered within {settings.budget_seconds:g} s"
        except CloudOpsError as error:
            asked.failure = f"could not be refreshed: {error.what}"
            asked.pause = _AFTER_FAILURE
            if getattr(error, "kind", None) == _UNREACHABLE:
                self._offline_until = clock() + _OFFLINE
                self._offline_reason = asked.failure
        finally:
            asked.ended = clock()
            asked.task = None
            self._forget()

    def _forget(self) -> None:
        """Drop the oldest of what came of asking, where it is a great deal."""
        while len(self._asked) > _REMEMBERED:
            del self._asked[next(iter(self._asked))]


def _freshness(asked: _Asked) -> Freshness:
    return Freshness(live=asked.failure is None, note=asked.failure)
