"""What a language server keeps in memory of the estate, swapped whole after a sync."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, TypeVar

from cloudops_ls.logs import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.search.names import NameIndex
    from cloudops_ls.lsp.dependencies import Dependencies
    from cloudops_ls.storage.records import AccountRecord
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService

T = TypeVar("T")


def _settle_memory(_store: StorageService) -> None:
    """Keep the garbage collector out of the index: a look over 100,000 names takes 150 ms."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


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
        self._names: NameIndex | None = None
        self._catalog: Catalog | None = None
        self._accounts: list[AccountRecord] = []
        self._resources: dict[str, Resource] = {}
        self._generation = -1
        self._reloading = asyncio.Lock()

    @property
    def names(self) -> NameIndex:
        """The names as of the last sync; empty until they are loaded."""
        if self._names is None:
            self._names = self._dependencies.build_names(())
        return self._names

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

    async def reload(self) -> bool:
        """Read the estate again if it has changed since the last time; return whether it had."""
        async with self._reloading:
            generation = await self._stored(lambda store: store.estate.generation())
            if generation == self._generation:
                return False
            self._names = await self._stored(
                lambda store: self._dependencies.build_names(store.estate.names())
            )
            self._accounts = await self._stored(lambda store: store.estate.accounts())
            self._resources.clear()
            self._generation = generation
            await self._stored(_settle_memory)
        logger.info("name index loaded, generation %d", generation)
        return True
