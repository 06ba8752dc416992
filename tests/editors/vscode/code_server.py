"""One code-server: VS Code's own server and extension host, with this project's extension."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import TYPE_CHECKING

from tests.editors.vscode.install import CODE, NODE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_START_SECONDS = 120
SERVER = f"{sys.exec_prefix}/bin/cloudops-ls"
SETTINGS = {
    "telemetry.telemetryLevel": "off",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.colorTheme": "Default Light Modern",
    "security.workspace.trust.enabled": False,
    "extensions.autoCheckUpdates": False,
    "chat.disableAIFeatures": True,
    "window.commandCenter": False,
    "editor.minimap.enabled": False,
    "editor.occurrencesHighlight": "off",
    "editor.stickyScroll.enabled": False,
    "files.autoSave": "off",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
}
"""Of a user who knows VS Code: nothing of it that is not about runbooks is in the way."""


class CodeServer:
    """Owns the process; its data, extensions and logs are below ``root``.

    Attributes
    ----------
    address
        Where a browser finds it, once it has started.
    log
        What the server, the extension host and the browser said.
    """

    def __init__(self, folder: Path, root: Path, environment: Mapping[str, str]) -> None:
        self.address = ""
        self.log = root / "code-server.log"
        self._root = root
        self._entry = folder / CODE.parents[1] / "out" / "node" / "entry.js"
        self._environment = {
            **environment,
            "XDG_DATA_HOME": str(root / "share"),
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, extension: Path, settings: Mapping[str, object] = SETTINGS) -> None:
        """Install the extension from its package, and listen on a free port."""
        for place in ("User", "Machine"):
            (self._root / "data" / place).mkdir(parents=True)
        (self._root / "data" / "User" / "settings.json").write_text(json.dumps(settings))
        self.use_program(SERVER)
        (self._root / "config.yaml").write_text("auth: none\nbind-addr: 127.0.0.1:0\n")
        install = await self._launch("--install-extension", str(extension))
        assert await asyncio.wait_for(install.wait(), _START_SECONDS) == 0, self.log.read_text()
        self._process = await self._launch(
            "--disable-telemetry",
            "--disable-update-check",
            "--disable-getting-started-override",
        )
        async with asyncio.timeout(_START_SECONDS):
            while not (found := re.search(r"listening on (http://\S+?)/?\s", self.log.read_text())):
                assert self._process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.1)
        self.address = found[1]

    def use_program(self, server: str) -> None:
        """Set the language server's program; windows that are open hear of it."""
        # What is started is the remote machine's to say, not the user's who looks at it.
        machine = {"cloudops.server.command": [server], "remote.autoForwardPorts": False}
        (self._root / "data" / "Machine" / "settings.json").write_text(json.dumps(machine))

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()

    async def _launch(self, *arguments: str) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                NODE, self._entry,
                "--config", self._root / "config.yaml",
                "--user-data-dir", self._root / "data",
                "--extensions-dir", self._root / "extensions",
                *arguments,
                cwd=self._root, env=self._environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of the process whose children are the extension hosts of the windows."""
        assert self._process is not None
        return self._process.pid
