"""What is set, by whom: runbook, window, editor, file, environment, preference, in turn."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.config import SettingProblem, Settings
    from cloudops_ls.runbook.model import Runbook
    from cloudops_ls.storage.preferences import Preferences

_SETTLE_SECONDS = 10.0


class Configuration:
    """What is set, by whom.

    Parameters
    ----------
    load
        Merges the editor's settings, one mapping or several, over the file's.
    report
        Told of each value that cannot be used; may be told the same again.
    """

    def __init__(
        self,
        load: Callable[..., tuple[Settings, list[SettingProblem]]],
        report: Callable[[str], None],
    ) -> None:
        self._load = load
        self._report = report
        self.initial: dict[str, Any] = {}
        """What came with ``initialize``; the editor's configuration is laid over it."""
        self._configuration: dict[str, Any] = {}
        self._settings: Settings | None = None
        self._settled = asyncio.Event()
        self._awaited = 1
        """Answers of the client about its settings that are still to come."""
        self._selected_profile: str | None = None
        self.preferences: Preferences | None = None
        """What the user prefers; None until it was read."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        if self._settings is None:
            settings, problems = self._load(self.initial, self._configuration)
            self._settings = settings
            for problem in problems:
                self._report(str(problem))
        return self._settings

    def change(self, configuration: dict[str, Any]) -> None:
        """Take the editor's configuration as it is now; it is read when next needed."""
        self._configuration = configuration
        self._settings = None

    def unsettle(self) -> None:
        """Say that the client has changed its settings and is being asked for them."""
        self._awaited += 1
        self._settled.clear()

    def settle(self) -> None:
        """Say that the client has answered, or will not."""
        self._awaited -= 1
        if self._awaited == 0:
            self._settled.set()

    async def settled(self) -> None:
        """Wait for the client's settings: commands must not run with another profile's.

        Raises
        ------
        CloudOpsError
            They did not come.
        """
        try:
            await asyncio.wait_for(self._settled.wait(), _SETTLE_SECONDS)
        except TimeoutError:
            raise CloudOpsError(
                "The editor has not sent its settings yet", fix="Try again"
            ) from None

    @property
    def default_profile(self) -> str:
        """The AWS profile of runbooks that name none."""
        if self._selected_profile is not None:
            return self._selected_profile
        preferred = self.preferences.profile if self.preferences is not None else None
        return self.settings.profile or os.environ.get("AWS_PROFILE") or preferred or "default"

    @property
    def default_region(self) -> str | None:
        """The AWS region of runbooks that name none; None to leave it to the profile."""
        preferred = self.preferences.region if self.preferences is not None else None
        return self.settings.region or preferred

    def select_profile(self, profile: str) -> None:
        """Let ``profile`` count instead of the settings' one, until this window closes."""
        self._selected_profile = profile

    def profile_for(self, runbook: Runbook) -> str:
        """Return the AWS profile a runbook works with."""
        named = runbook.front_matter.values.get("profile") if runbook.front_matter else None
        return named or self.default_profile

    def region_for(self, runbook: Runbook) -> str | None:
        """Return the AWS region a runbook works in, None to leave it to the profile."""
        named = runbook.front_matter.values.get("region") if runbook.front_matter else None
        return named or self.default_region
