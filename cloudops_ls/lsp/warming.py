"""Imports what no request has needed yet, before one needs it."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil

from cloudops_ls import lsp
from cloudops_ls.logs import logger

# Completion of names, which has no time to wait for the rest.
_FIRST = (
    "cloudops_ls.config",
    "cloudops_ls.lsp.command_completion",
    "rapidfuzz.distance",
    "rapidfuzz.process",
)
# Imported by features when they are used, outside of this package.
_USED_LATER = (
    "cloudops_ls.commands.policy_file",
    "cloudops_ls.estate.identify.identifier",
    "cloudops_ls.worker.client",
)


class Warming:
    """Imports in a thread, and tells everybody else when that is over.

    Two threads that import one package from two sides leave each other half of it: where its
    modules import each other, Python prefers that to a deadlock.
    """

    def __init__(self) -> None:
        self._first: asyncio.Future[None] | None = None
        self._features: asyncio.Future[None] | None = None

    async def first(self) -> None:
        """Import what the settings and the first completion need: a third of a second."""
        self._first = asyncio.ensure_future(asyncio.to_thread(_import_first))
        await self._first

    async def features(self) -> None:
        """Import every module of the language server: half a second of processor time.

        It leaves the event loop its turns: the interpreter takes turns every 5 ms.
        """
        self._features = asyncio.ensure_future(asyncio.to_thread(_import_features))
        await self._features

    async def first_settled(self) -> None:
        """Wait while what completion needs is being imported."""
        if self._first is not None and not self._first.done():
            await asyncio.wait([self._first])

    async def settled(self) -> None:
        """Wait while anything is being imported."""
        await self.first_settled()
        if self._features is not None and not self._features.done():
            await asyncio.wait([self._features])


def _import_first() -> None:
    for name in _FIRST:
        importlib.import_module(name)


def _import_features() -> None:
    modules = pkgutil.walk_packages(lsp.__path__, f"{lsp.__name__}.")
    for name in (*(module.name for module in modules), *_USED_LATER):
        importlib.import_module(name)
    logger.info("features imported")
