"""Imports what no request has needed yet, so that no request waits for it."""

from __future__ import annotations

import importlib
import pkgutil

from cloudops_ls import lsp
from cloudops_ls.logs import logger

# Imported by features when they are used, outside of this package.
_USED_LATER = (
    "cloudops_ls.commands.policy_file",
    "cloudops_ls.estate.identify.identifier",
    "cloudops_ls.worker.client",
)


def import_settings() -> None:
    """Import what the settings are checked with. Blocking: a quarter of a second."""
    importlib.import_module("cloudops_ls.config")


def import_features() -> None:
    """Import every module of the language server. Blocking: half a second of processor time.

    In a thread it leaves the event loop its turns: the interpreter takes turns every 5 ms.
    """
    modules = pkgutil.walk_packages(lsp.__path__, f"{lsp.__name__}.")
    for name in (*(module.name for module in modules), *_USED_LATER):
        importlib.import_module(name)
    logger.info("features imported")
