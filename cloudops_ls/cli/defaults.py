"""What counts where neither the command line nor a setting says anything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cloudops_ls.cli.store import open_store
from cloudops_ls.home import user_name

if TYPE_CHECKING:
    from cloudops_ls.config import Settings
    from cloudops_ls.home import Home
    from cloudops_ls.storage.preferences import Preferences


def preferred(home: Home) -> Preferences:
    """Return what the user prefers.

    Raises
    ------
    CloudOpsError
        The store cannot be opened.
    """
    with open_store(home) as storage:
        return storage.preferences.of(user_name())


def default_profile(home: Home, settings: Settings) -> str:
    """Return the profile that counts where none is named."""
    set_one = settings.profile or os.environ.get("AWS_PROFILE")
    return set_one or preferred(home).profile or "default"


def default_region(home: Home, settings: Settings) -> str | None:
    """Return the region that counts where none is named; None leaves it to the profile."""
    return settings.region or preferred(home).region
