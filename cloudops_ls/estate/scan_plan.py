"""What a scan will ask: which accounts the profiles lead to, which regions and types there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from cloudops_ls.aws.reach import enabled_regions, organization_accounts
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.mapping import GLOBAL_REGION, MappingContext
from cloudops_ls.estate.reader import Place
from cloudops_ls.estate.scan_model import ProfileFailure, ScannedAccount, outcome_of
from cloudops_ls.estate.scan_run import TICK, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cloudops_ls.aws.identity import AccountIdentity
    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.estate.catalog.model import ResourceType

EVERYTHING = "*"
"""Instead of names: all usable profiles, all enabled regions."""

T = TypeVar("T")


@dataclass(slots=True)
class ScanPlan:
    """Accounts, what could not be found out, and the scopes to list."""

    accounts: list[ScannedAccount] = field(default_factory=list)
    failures: list[ProfileFailure] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)


class Planner:
    """Finds out what profiles, regions and types mean for AWS; asks it side by side.

    Parameters
    ----------
    workers
        Questions under way at once.
    clock
        Timezone-aware UTC now.
    cancelled
        Ends the planning; the plan is empty then.
    """

    def __init__(
        self,
        sessions: SessionFactory,
        *,
        workers: int,
        clock: Callable[[], datetime],
        cancelled: Callable[[], bool],
    ) -> None:
        self._sessions = sessions
        self._workers = workers
        self._clock = clock
        self._cancelled = cancelled

    def plan(
        self,
        profiles: Sequence[str],
        regions: Sequence[str],
        kinds: Sequence[ResourceType],
        *,
        organization: bool = False,
    ) -> ScanPlan:
        """Return what to list.

        Parameters
        ----------
        profiles
            ``*`` among them stands for all usable ones.
        regions
            ``*`` among them stands for each account's enabled ones; the profiles' own when empty.
        kinds
            Types to list.
        organization
            Also the accounts of the profiles' organizations, through the session factory's role.

        Raises
        ------
        CloudOpsError
            There is no profile at all.
        """
        plan = ScanPlan()
        identities = self._identify(self._named(profiles), plan)
        if organization:
            identities |= self._identify(self._members(identities, plan), plan)
        grouped: dict[str, list[str]] = {}
        for name, identity in identities.items():
            grouped.setdefault(identity.account_id, []).append(name)
        places = self._places(grouped, regions, plan)
        for account_id, names in grouped.items():
            # Two profiles of one account are scanned once, through the first.
            identity = identities[names[0]]
            here = places.get(account_id, ())
            plan.accounts.append(
                ScannedAccount(account_id, identity.alias, tuple(names), tuple(here))
            )
            plan.scopes += [
                Scope(self.place(names[0], identity, region), kind)
                for kind in kinds
                for region in ((GLOBAL_REGION,) if kind.is_global else here)
            ]
        return plan

    def place(self, profile: str, identity: AccountIdentity, region: str) -> Place:
        """Return through which endpoint a region is asked, and what that means for records."""
        endpoint = self._sessions.home_region(profile) if region == GLOBAL_REGION else region
        context = MappingContext(identity.partition, identity.account_id, region, self._clock())
        return Place(profile, endpoint, context)

    def _named(self, profiles: Sequence[str]) -> list[str]:
        if EVERYTHING not in profiles:
            return list(dict.fromkeys(profiles))
        listing = self._sessions.profiles()
        if not listing.profiles:
            problem = listing.problems[0]
            raise CloudOpsError(problem.message, where=str(problem.file))
        others = [name for name in profiles if name != EVERYTHING]
        return list(dict.fromkeys([*(one.name for one in listing.profiles), *others]))

    def _identify(self, names: Sequence[str], plan: ScanPlan) -> dict[str, AccountIdentity]:
        """Find out each profile's account."""
        return self._ask_all({name: name for name in names}, self._sessions.identity, plan)

    def _members(self, identities: dict[str, AccountIdentity], plan: ScanPlan) -> list[str]:
        """Return profiles for the accounts of the organization that no given profile reaches."""
        reached = {identity.account_id for identity in identities.values()}
        first = {identities[name].account_id: name for name in reversed(identities)}
        refused = ScanPlan()
        found = self._ask_all(
            {name: name for name in first.values()},
            lambda name: organization_accounts(self._sessions, name),
            refused,
        )
        if not found:
            # One profile that may ask is enough; the others are members as any.
            plan.failures += refused.failures[:1]
        members: dict[str, str] = {}
        for source, accounts in found.items():
            for account_id, _name in accounts:
                if account_id not in reached:
                    members.setdefault(account_id, self._sessions.member(source, account_id))
        return list(members.values())

    def _places(
        self, grouped: dict[str, list[str]], regions: Sequence[str], plan: ScanPlan
    ) -> dict[str, list[str]]:
        """Return the regions to list per account."""
        own = {
            account_id: list(dict.fromkeys(self._sessions.home_region(name) for name in names))
            for account_id, names in grouped.items()
        }
        if not regions:
            return own
        if EVERYTHING not in regions:
            return {account_id: list(dict.fromkeys(regions)) for account_id in grouped}
        found = self._ask_all(
            {account_id: names[0] for account_id, names in grouped.items()},
            lambda name: enabled_regions(self._sessions, name),
            plan,
        )
        # Where AWS does not tell, the profiles' own regions are better than none.
        return {key: list(found.get(key, own[key])) for key in grouped}

    def _ask_all(
        self, questions: dict[str, str], ask: Callable[[str], T], plan: ScanPlan
    ) -> dict[str, T]:
        """Ask about a profile per key, side by side; failures go into the plan."""
        answers: dict[str, T] = {}

        def guarded(profile: str) -> T | CloudOpsError:
            try:
                return ask(profile)
            except CloudOpsError as error:
                return error

        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="plan")
        try:
            futures = {key: pool.submit(guarded, name) for key, name in questions.items()}
            for key, future in futures.items():
                while not wait([future], timeout=TICK).done:
                    if self._cancelled():
                        return {}
                answer = future.result()
                if isinstance(answer, CloudOpsError):
                    plan.failures.append(
                        ProfileFailure(questions[key], outcome_of(answer), str(answer))
                    )
                else:
                    answers[key] = answer
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return answers
