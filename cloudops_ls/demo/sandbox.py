"""Where the demo lives: a temporary directory with a home of its own, and its tidy end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls.demo.cloud import ACCOUNTS, PRODUCTION, DemoCloud, Region, aws_free_environment
from cloudops_ls.demo.estate import TYPES
from cloudops_ls.home import PRIVATE_FILE, Home
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNBOOK = "friday.cloudops.md"
LEAVE_SECONDS = 10.0
_ANSWER_SECONDS = 5.0
_POLL_SECONDS = 0.1

SETTINGS: Mapping[str, Any] = {
    "profile": PRODUCTION.profile,
    "region": PRODUCTION.region.value,
    "assistant": {"kind": "builtin"},
    "estate": {
        "profiles": [account.profile for account in ACCOUNTS],
        "regions": [region.value for region in Region],
        "types": list(TYPES),
    },
}
"""The demo's settings, both as the editor's and as ``config.toml``."""

_CONFIG = f"""\
profile = "{PRODUCTION.profile}"
region = "{PRODUCTION.region}"

[estate]
profiles = {json.dumps(SETTINGS["estate"]["profiles"])}
regions = {json.dumps(SETTINGS["estate"]["regions"])}
types = {json.dumps(SETTINGS["estate"]["types"])}

[worker]
idle_seconds = 10
"""


class Sandbox:
    """A temporary directory that holds everything the demo writes.

    Attributes
    ----------
    root
        The directory, mode 0700.
    home
        The CloudOps home in it.
    folder
        The workspace folder an editor opens.
    runbook
        The copy of the sample runbook that is worked on.
    cloud
        The stand-in AWS; not started yet.
    """

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="cloudops-demo-"))
        try:
            self.home = Home(self.root / "home")
            self.home.create()
            self.home.config.write_text(_CONFIG, encoding="utf-8")
            self.folder = self.root / "runbooks"
            self.folder.mkdir()
            self.runbook = self.folder / RUNBOOK
            shutil.copyfile(sample_runbook(), self.runbook)
        except BaseException:
            shutil.rmtree(self.root, ignore_errors=True)
            raise
        self.cloud = DemoCloud(self.root / "aws")
        self._variables = {
            "CLOUDOPS_HOME": str(self.home.root),
            "CLOUDOPS_PASSPHRASE": secrets.token_urlsafe(24),
            **self.cloud.environment(),
        }

    def environment(self) -> dict[str, str]:
        """Return the environment for the language server: this home, this cloud, no other."""
        clean = {
            name: value
            for name, value in aws_free_environment(os.environ).items()
            if not name.startswith("CLOUDOPS_")
        }
        return clean | self._variables

    def variables(self) -> dict[str, str]:
        """Return what leads any program to this home and this cloud, once others are unset."""
        whole = self.environment()
        names = (*self._variables, "AWS_EC2_METADATA_DISABLED", "NO_PROXY", "no_proxy")
        return {name: whole[name] for name in names}

    def write_env_file(self) -> Path:
        """Write the shell lines that lead any editor to this home and this cloud."""
        lines = [
            f"unset {name}"
            for name in sorted(os.environ)
            if name.startswith(("AWS_", "CLOUDOPS_")) and name.isidentifier()
        ]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in self.variables().items()]
        # Editors look the server up on PATH.
        lines.append(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH")
        path = self.root / "demo.env"
        path.touch(PRIVATE_FILE)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def editor_commands(self) -> tuple[tuple[str, str], ...]:
        """Return the shell commands that open the runbook here, each with a comment.

        A VS Code that is already running would not see the variables, so it gets an instance of
        its own.
        """
        source = shlex.quote(str(self.write_env_file()))
        runbook = shlex.quote(str(self.runbook))
        folder = shlex.quote(str(self.folder))
        settings = shlex.quote(str(self.root / "vscode"))
        plugin = Path(__file__).parents[2] / "editors" / "nvim"
        # Outside a checkout the plugin is expected among the user's own.
        path = f"--cmd {shlex.quote(f'set rtp^={plugin}')} " if plugin.is_dir() else ""
        setup = shlex.quote("lua require('cloudops').setup()")
        return (
            ("this home and this AWS, and no other", f". {source}"),
            (
                "VS Code, with the extension of editors/vscode installed",
                f"code --disable-workspace-trust --user-data-dir {settings} {folder} {runbook}",
            ),
            (
                "Neovim, with the plugin of editors/nvim",
                f"nvim {path}--cmd {setup} {runbook}",
            ),
        )

    async def close(self) -> None:
        """End the worker and the cloud, and remove every file.

        The language server and its commands must have ended before.
        """
        try:
            await _end_worker(self.home)
        finally:
            self.cloud.stop()
            shutil.rmtree(self.home.runtime, ignore_errors=True)
            shutil.rmtree(self.root, ignore_errors=True)


def sample_runbook() -> Path:
    """Return the sample runbook: beside this file in an installed package, else in ``docs``."""
    here = Path(__file__).parent
    installed = here / RUNBOOK
    return installed if installed.is_file() else here.parents[1] / "docs" / "examples" / RUNBOOK


async def _end_worker(home: Home) -> None:
    """Ask the home's worker to leave, and see to it that every one has left."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LEAVE_SECONDS
    await _ask_worker_to_leave(home)
    while workers := _workers(home):
        await asyncio.sleep(_POLL_SECONDS)
        if loop.time() < deadline:
            # One that was only just starting has not heard the request yet.
            await _ask_worker_to_leave(home)
            continue
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def _ask_worker_to_leave(home: Home) -> None:
    try:
        reader, writer = await asyncio.open_unix_connection(str(wire.socket_path(home)))
    except OSError:
        return
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            body = json.dumps({"jsonrpc": "2.0", "method": wire.STOP, "params": {}}).encode()
            writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            await reader.read()
    except (TimeoutError, OSError):
        return
    finally:
        writer.close()


def _workers(home: Home) -> list[int]:
    """Return the process ids of the home's workers, as far as the system tells."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # Processes come and go while they are listed, and a zombie has no command line.
        with contextlib.suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            if b"worker" in arguments and os.fsencode(home.root) in arguments:
                found.append(int(process.name))
    return found
