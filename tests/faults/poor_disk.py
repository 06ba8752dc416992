"""Run on a small disk of its own (see ``test_disk``): fills it, makes it read-only, reports.

The disk is a tmpfs in a mount namespace of this process, so nothing of it outlives the process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage import opening, rotation
from cloudops_ls.storage.records import Message, Role
from cloudops_ls.storage.service import StorageService
from tests.faults.store import assert_whole
from tests.storage.samples import ring

MEGABYTES = 3


def main(directory: str) -> dict[str, Any]:
    """Return what happened, step by step."""
    _mount("-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", directory)
    home = Home(Path(directory) / "home")
    ballast = Path(directory) / "ballast"
    report: dict[str, Any] = {}
    acknowledged: list[str] = []
    with StorageService.open(home, keys=ring(home)) as service:
        report["full"] = _until_it_fails(service, acknowledged)
        # Reading goes on.
        report["read while full"] = len(service.chat.get_history("thread"))
    ballast.write_bytes(b"")
    _fill(ballast)
    report["open while full"] = _refusal(lambda: StorageService.open(home, keys=ring(home)).close())
    report["rotate while full"] = _refusal(lambda: _rotate(home))
    ballast.unlink()
    # Somebody makes room; the check needs some to bring the log into the file.
    _mount("-o", f"remount,size={4 * MEGABYTES}m", directory)
    report["lost after full"] = _lost(home, acknowledged)
    with StorageService.open(home, keys=ring(home)) as service:
        service.chat.delete("other")
        report["writable again"] = _refusal(lambda: _say(service, "small", 10))
    _mount("-o", "remount,ro", directory)
    report["read-only"] = _refusal(lambda: StorageService.open(home, keys=ring(home)))
    _mount("-o", "remount,rw", directory)
    report["lost after read-only"] = _lost(home, acknowledged)
    report["acknowledged"] = len(acknowledged)
    return report


def _until_it_fails(service: StorageService, acknowledged: list[str]) -> list[str | None] | None:
    for number in range(10_000):
        failed = _refusal(lambda: _say(service, f"message-{number}", 20_000))  # noqa: B023
        if failed is not None:
            return failed
        acknowledged.append(f"message-{number}")
    return None


def _say(service: StorageService, name: str, length: int) -> None:
    service.chat.append("thread", Message(id=name, role=Role.USER, content="x" * length))


def _rotate(home: Home) -> None:
    with opening.alone(home, doing="changing the key"):
        rotation.rotate(home, ring(home))


def _refusal(action: Any) -> list[str | None] | None:
    """Return the message's three parts; None where there was none. Anything else is a bug."""
    try:
        action()
    except CloudOpsError as error:
        return [error.what, error.where, error.fix]
    return None


def _lost(home: Home, acknowledged: list[str]) -> list[str]:
    with StorageService.open(home, keys=ring(home)) as service:
        assert_whole(service)
        found = {each.id for each in service.chat.get_history("thread")}
    return sorted(set(acknowledged) - found)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, timeout=60)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
