"""What a language server keeps in memory of the estate, swapped whole after a sync."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from cloudops_ls.logs import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.identify.identifier import Identifier
    from cloudops_ls.estate.identify.lexicon import Lexicon
    from cloudops_ls.estate.identify.relations import Relations
    from cloudops_ls.estate.search.current import CurrentNames
    from cloudops_ls.estate.search.finder import Finder
    from cloudops_ls.estate.search.names import NameIndex
    from cloudops_ls.lsp.dependencies import Dependencies
    from cloudops_ls.storage.records import AccountRecord, Change
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService

T = TypeVar("T")


class EstateView:
    """Names, accounts and recently read resources.

    Parameters
    ----------
    dependencies
        How to build the name index and the catalog.
    stored
        Runs a call on the store, off the event loop.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        stored: Callable[[Callable[[StorageService], Any]], Awaitable[Any]],
    ) -> None:
        self._dependencies = dependencies
        self._stored = stored
        self._current: CurrentNames | None = None
        self._empty: Finder | None = None
        self._identifying = asyncio.Lock()
        self._identifier: Identifier | None = None
        self._identified: Finder | None = None
        self._lexicon: Lexicon | None = None
        self._relations: Relations | None = None
        self._related: list[str] | None = None
        self._catalog: Catalog | None = None
        self._accounts: list[AccountRecord] = []
        self._resources: dict[str, Resource] = {}
        self._reloading = asyncio.Lock()
        self._first_read = asyncio.Event()

    @property
    def finder(self) -> Finder:
        """The search as of the last sync; finds nothing until the names are loaded."""
        if self._current is not None:
            return self._current.finder
        if self._empty is None:
            from cloudops_ls.estate.search.finder import Finder
            from cloudops_ls.estate.search.names import NameIndex

            self._empty = Finder(NameIndex.build(()))
        return self._empty

    @property
    def names(self) -> NameIndex:
        """The names as of the last sync."""
        return self.finder.index

    @property
    def can_identify(self) -> bool:
        """Whether :meth:`identifier` answers at once."""
        return self._identifier is not None and self._identified is self.finder

    @property
    def last_identifier(self) -> Identifier | None:
        """What :meth:`identifier` returned last, None before that; of the names as of then."""
        return self._identifier

    async def identifier(self) -> Identifier:
        """Return what identifies resources in requests, over the names as of now.

        What refers to what is read from the store once for each sync.
        """
        from cloudops_ls.estate.identify.identifier import Identifier
        from cloudops_ls.estate.identify.lexicon import Lexicon
        from cloudops_ls.estate.identify.relations import Relations
        from cloudops_ls.estate.search.places import Places

        async with self._identifying:
            finder, catalog = self.finder, self.catalog
            if self._identifier is not None and self._identified is finder:
                return self._identifier
            index = finder.index
            if self._lexicon is None:
                self._lexicon = await asyncio.to_thread(Lexicon, catalog, Places.load())
            # Other states and tags leave the names as they are.
            if self._relations is None or self._related is not index.names:
                types = [kind.name for kind in catalog if kind.relations]
                self._relations = await self._stored(
                    lambda store: Relations(index, catalog, store.estate.metadata(types))
                )
                self._related = index.names
            self._identifier = Identifier(
                finder, self._lexicon, self._relations, tuple(self._accounts)
            )
            self._identified = finder
            return self._identifier

    @property
    def catalog(self) -> Catalog:
        """What is known about resource types."""
        if self._catalog is None:
            self._catalog = self._dependencies.load_catalog()
        return self._catalog

    async def resource(self, arn: str) -> Resource | None:
        """Return a stored resource, None when it is not known (any more)."""
        known = self._resources.get(arn)
        if known is None:
            known = await self._stored(lambda store: store.estate.get_resource(arn))
            if known is not None:
                self._resources[arn] = known
        return known

    def remember(self, resource: Resource) -> None:
        """Take in what AWS just said about a resource."""
        self._resources[resource.arn] = resource

    async def removal(self, arn: str) -> Change | None:
        """Return how it was noticed that a resource is gone, None when that is not known."""
        history = await self._stored(lambda store: store.estate.history(arn, limit=1))
        last: Change | None = history[0] if history else None
        return last if last is not None and last.kind == "removed" else None

    @property
    def accounts(self) -> list[AccountRecord]:
        """The accounts known as of the last sync."""
        return self._accounts

    def account(self, account_id: str) -> AccountRecord | None:
        """Return what is known of an account."""
        return next((one for one in self._accounts if one.account_id == account_id), None)

    def account_of(self, profile: str) -> AccountRecord | None:
        """Return the account that a profile reaches, None before its first scan."""
        return next((one for one in self._accounts if profile in one.profiles), None)

    def account_name(self, account_id: str) -> str:
        """Return the alias of an account, its id where it has none."""
        account = self.account(account_id)
        return (account.alias if account is not None else None) or account_id

    async def first_read(self) -> None:
        """Wait until the names were read once, or could not be: a server has just started."""
        await self._first_read.wait()

    async def reload(self, gone: Iterable[str] = ()) -> bool:
        """Read what has changed in the estate; return whether anything had.

        Parameters
        ----------
        gone
            ARNs that are known to have been deleted.
        """
        try:
            async with self._reloading:
                current = self._current
                if current is None:
                    build = self._dependencies.build_names
                    current = await self._stored(lambda _store: build(lambda: self._accounts))
                    self._current = current
                current.lost(gone)
                self._accounts = await self._stored(lambda store: store.estate.accounts())
                if not await self._stored(lambda store: current.catch_up(store.estate)):
                    return False
                self._resources.clear()
        finally:
            self._first_read.set()
        logger.info("name index loaded, %d names", len(self.names))
        return True
