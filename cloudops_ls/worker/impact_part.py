"""The worker's part around a run: what a command would touch, and what would see it through."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.errors import CommandError
from cloudops_ls.commands.impact import Impact, Neighbour, Touched
from cloudops_ls.commands.inverse import inverse_of
from cloudops_ls.commands.model import CheckedCommand
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate import relations
from cloudops_ls.logs import logger
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.commands.parser import CommandParser
    from cloudops_ls.commands.waiters import Waiters
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.service import Notify

LIVE_SECONDS = 3.0
"""Longest wait for the present state of what is touched; then the stored one is shown."""
_MOST_ASKED = 8
_DRY_RUN = ("--dry-run", "--dryrun")


class ImpactPart:
    """Gathers what a confirmation shows.

    Parameters
    ----------
    storage
        The store.
    sessions
        AWS sessions, for who is acting.
    scanner
        Asks AWS how single resources are.
    catalog
        Relations between types, and inverse actions.
    parser
        Tells whether an operation has a dry run.
    waiters
        Knows what sees a command through.
    notify
        Tells every client that stored resources changed.
    """

    def __init__(
        self,
        storage: StorageService,
        sessions: SessionFactory,
        scanner: Scanner,
        catalog: Catalog,
        parser: CommandParser,
        waiters: Waiters,
        notify: Notify,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._scanner = scanner
        self._catalog = catalog
        self._parser = parser
        self._waiters = waiters
        self._notify = notify
        self._asking = ThreadPoolExecutor(_MOST_ASKED, thread_name_prefix="impact")
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.IMPACT: self.impact,
            wire.WAITER: self.waiter,
        }

    @property
    def busy(self) -> bool:
        """Somebody waits for each answer."""
        return False

    def start(self) -> None:
        """Nothing runs unasked."""

    def abandon(self) -> None:
        """Nothing is under way that outlives its caller."""

    def close(self) -> None:
        """Let questions to AWS under way end by themselves."""
        self._asking.shutdown(wait=False, cancel_futures=True)

    def impact(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the `Impact` of a checked command; changes nothing but the stored records."""
        checked = CheckedCommand.model_validate(params["command"])
        known = [self._storage.estate.get_resource(arn) for arn in checked.resources]
        stored = [resource for resource in known if resource is not None]
        touched = self._now(checked, stored) if checked.access.mutates else _as_stored(stored)
        resources = [each.resource for each in touched]
        return Impact(
            principal=self._principal(checked.profile),
            touched=touched,
            dependents=self._neighbours(resources, relations.dependents),
            refers_to=self._neighbours(resources, relations.referred_to),
            undo=inverse_of(checked, resources, self._catalog),
            dry_run=self._dry_run(checked),
        ).model_dump(mode="json")

    def waiter(self, params: dict[str, Any]) -> str | None:
        """Return the command that waits until what a command began has ended, if there is one."""
        checked = CheckedCommand.model_validate(params["command"])
        argv = self._waiters.command_for(checked, str(params["output"]))
        return None if argv is None else shlex.join(argv)

    def _principal(self, profile: str | None) -> str | None:
        try:
            return self._sessions.identity(profile or "default").principal
        except CloudOpsError as error:
            # The check has said what is wrong with the credentials, if it needed them.
            logger.info("principal: %s", type(error).__name__)
            return None

    def _now(self, checked: CheckedCommand, stored: Sequence[Resource]) -> tuple[Touched, ...]:
        """Ask AWS how the resources are, all at once and not for long."""
        asked = {
            resource.arn: self._asking.submit(self._scanner.refresh, resource, checked.profile)
            for resource in stored[:_MOST_ASKED]
        }
        wait(asked.values(), timeout=LIVE_SECONDS)
        touched = []
        changed = 0
        for resource in stored:
            answer = asked.get(resource.arn)
            if answer is None or not answer.done() or answer.exception() is not None:
                touched.append(Touched(resource=resource))
                continue
            current = answer.result()
            if current is None:
                touched.append(Touched(resource=resource, live=True, gone=True))
                continue
            changed += self._storage.estate.upsert_resource(current).changed
            touched.append(Touched(resource=current, live=True))
        if changed:
            generation = self._storage.estate.generation()
            self._notify(wire.ESTATE_CHANGED, {"generation": generation})
        return tuple(touched)

    def _neighbours(
        self,
        resources: Sequence[Resource],
        related: Callable[..., list[relations.Neighbour]],
    ) -> tuple[Neighbour, ...]:
        own = {resource.arn for resource in resources}
        found: dict[str, Neighbour] = {}
        for resource in resources[:_MOST_ASKED]:
            for one in related(resource, self._catalog, self._storage.estate):
                other = one.resource
                if other.arn not in own:
                    found.setdefault(
                        other.arn,
                        Neighbour(
                            arn=other.arn,
                            name=other.name,
                            resource_type=other.resource_type,
                            field=one.field,
                        ),
                    )
        return tuple(found.values())

    def _dry_run(self, checked: CheckedCommand) -> tuple[str, ...] | None:
        """Return the command with the dry run that its API or the CLI has for it."""
        if not checked.access.mutates:
            return None
        for option in _DRY_RUN:
            argv = (*checked.argv, option)
            try:
                if self._parser.parse(argv).dry_run and option not in checked.argv:
                    return argv
            except CommandError:
                logger.debug("%s has no %s", shlex.quote(checked.command), option)
        return None


def _as_stored(resources: Sequence[Resource]) -> tuple[Touched, ...]:
    return tuple(Touched(resource=resource) for resource in resources)
