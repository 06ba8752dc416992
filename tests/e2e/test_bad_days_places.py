"""Bad days of the machine: places that are missing, full or read-only."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.bad_days import LIST, loaded, one_message, useless_but_alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home


def _mounts(script: str) -> list[str]:
    """A command that runs what follows it where the machine's mounts look different."""
    as_root = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh"]


def _can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    probe = _mounts("mount -t tmpfs -o size=1m tmpfs /dev/shm")
    return subprocess.run([*probe, "true"], capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not _can_mount(), reason="mount namespaces are not allowed here")
SHARED_MEMORY = {
    "missing": ('mount --bind "$XDG_RUNTIME_DIR" /dev/shm', "no memory-backed directory"),
    "too small": ("mount -t tmpfs -o size=1m tmpfs /dev/shm", "MB that are needed"),
    "64 MB": ("mount -t tmpfs -o size=64m tmpfs /dev/shm", None),
}


@needs_mounts
@pytest.mark.parametrize("state", SHARED_MEMORY)
async def test_shared_memory(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home, state: str
) -> None:
    script, complaint = SHARED_MEMORY[state]
    editor = await loaded(await open_editor(environment, command=_mounts(script)))
    hits = await editor.execute("cloudops.searchResources", {"query": "postgres database"})
    if complaint is not None:
        await editor.until(lambda: bool(editor.messages), "it was said")
    async with asyncio.timeout(20):
        while not any(hit["resource"]["engine"] == "postgres" for hit in hits):
            await asyncio.sleep(0.2)
            hits = await editor.execute("cloudops.searchResources", {"query": "postgres database"})
    buffer = editor.open(LIST)
    editor.answers.append("Run")
    assert (await editor.run(buffer, "aws rds"))["status"] == "success", editor.said()
    if complaint is None:
        assert not editor.messages, editor.said()
    else:
        one_message(editor, 0, complaint, "/dev/shm")


@needs_mounts
async def test_a_read_only_home(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    before = {p: p.read_bytes() for p in home.root.rglob("*") if p.is_file()}
    script = 'mount --bind "$CLOUDOPS_HOME" "$CLOUDOPS_HOME"\n'
    script += 'mount -o remount,ro,bind "$CLOUDOPS_HOME"'
    editor = await open_editor(environment, command=_mounts(script))
    await editor.until(lambda: bool(editor.messages), "it was said")
    one_message(editor, 0, str(home.root), "writable")
    await useless_but_alive(editor)
    await editor.quit()
    assert {p: p.read_bytes() for p in home.root.rglob("*") if p.is_file()} == before
