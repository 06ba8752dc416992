"""What ``cloudops-ls doctor`` looks at: each part by itself, so that one failure hides no other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.composition import (
    assistant_token,
    build_assistant,
    database_url,
    open_policy,
)
from cloudops_ls.config import AssistantKind, load_settings
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.health import HealthPart, PartState
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloudops_ls.config import SettingProblem, Settings
    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService

LITTLE_SPACE = 500 * 2**20
NO_SPACE = 50 * 2**20
"""Bytes; a migration or a new key needs room for a second database."""
INDEX_SECONDS = 20.0
"""How long to wait for a worker that has just been started to fill its index."""
ASSISTANT_SECONDS = 5.0


def examine(home: Home, notice: Callable[[str], None]) -> Iterator[HealthPart]:
    """Look at every part and tell how it is; never raises for what it finds.

    Parameters
    ----------
    notice
        Told the name of each part before it is looked at.
    """
    settings, problems = load_settings(home)
    checks: tuple[tuple[str, Callable[[], list[HealthPart]]], ...] = (
        ("home", lambda: [_home(home)]),
        ("disk", lambda: [_disk(home)]),
        ("settings", lambda: [_settings(problems)]),
        ("policy", lambda: [_policy(home)]),
        ("store", lambda: _store(home)),
        ("memory directory", lambda: [_memory_directory()]),
        ("worker", lambda: _worker(home)),
        ("profiles", lambda: [_profiles()]),
        ("AWS CLI", lambda: [_aws_cli()]),
        ("assistant", lambda: [_assistant(settings)]),
    )
    seen: dict[str, str] = {}
    for name, check in checks:
        notice(name)
        try:
            found = check()
        except CloudOpsError as error:
            found = [_failed(name, error)]
        for part in found:
            # The worker tells of the store too.
            if part.name in seen:
                continue
            if part.state is PartState.FAILED and part.detail in seen.values():
                same = next(other for other, detail in seen.items() if detail == part.detail)
                part = part.model_copy(
                    update={"detail": f"It cannot work for the same reason: {same}.", "fix": None}
                )
            seen[part.name] = part.detail
            yield part


def _home(home: Home) -> HealthPart:
    home.create()
    open_to_others = sorted(
        str(path.relative_to(home.root.parent))
        for path in (home.root, *home.root.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o077 and _private(path, home)
    )
    if open_to_others:
        return HealthPart(
            name="home",
            state=PartState.DEGRADED,
            detail=f"Not yours alone in {home.root}: {', '.join(open_to_others[:3])}"
            f"{f' and {len(open_to_others) - 3} more' if len(open_to_others) > 3 else ''}.",
            fix=f"Run: chmod -R go-rwx {home.root}",
        )
    return _ok("home", f"{home.root}, yours alone.")


def _private(path: Path, home: Home) -> bool:
    # Models are public; what the user writes by hand has the mode of the user's editor, and
    # holds no secret. The directory around both is checked.
    return not path.is_relative_to(home.models) and path not in (home.config, home.policy)


def _disk(home: Home) -> HealthPart:
    free = shutil.disk_usage(home.data).free
    detail = f"{free / 2**30:,.1f} GB free for {home.data}."
    if free >= LITTLE_SPACE:
        return _ok("disk", detail)
    state = PartState.FAILED if free < NO_SPACE else PartState.DEGRADED
    return HealthPart(name="disk", state=state, detail=detail, fix="Free some space")


def _settings(problems: list[SettingProblem]) -> HealthPart:
    if problems:
        return HealthPart(
            name="settings",
            state=PartState.DEGRADED,
            detail=" ".join(str(problem) for problem in problems),
            fix="Correct them",
        )
    return _ok("settings", "All understood.")


def _policy(home: Home) -> HealthPart:
    read = open_policy(home).read()
    return _ok("policy", "No policy file." if read.policy is None else "Understood.")


def _store(home: Home) -> list[HealthPart]:
    try:
        opened = open_store(home)
    except CloudOpsError as error:
        return _closed_store(home, error)
    with opened as storage:
        parts = list(storage.health().parts)
        damage = storage.damage()
        if damage is not None:
            parts = [part for part in parts if part.name != "database"]
            parts.append(
                HealthPart(
                    name="database",
                    state=PartState.FAILED,
                    detail=f"The database is damaged: {damage}.",
                    fix="Restore a backup, or cloudops.db from a copy; check the disk",
                )
            )
        parts += [_audit(storage), _estate(storage)]
    return parts


def _closed_store(home: Home, error: CloudOpsError) -> list[HealthPart]:
    """Tell whether it is the key or the database why a store does not open."""
    from cloudops_ls.storage.keys import KeyRing

    try:
        if database_url(home) is not None:
            return [_failed("database", error)]
    except CloudOpsError:
        return [_failed("database", error)]
    ring = KeyRing(home)
    try:
        record = ring.record()
        if record is None:
            return [_failed("key", error)]
        ring.unwrap(record)
    except CloudOpsError as refused:
        unread = HealthPart(
            name="database", state=PartState.FAILED, detail="It cannot be read without its key."
        )
        return [_failed("key", refused), unread]
    return [_ok("key", f"Wrapped by: {record.kind}."), _failed("database", error)]


def _audit(storage: StorageService) -> HealthPart:
    result = storage.audit.verify()
    if result.broken is None:
        return _ok("audit log", f"{result.entries:,} entries, none missing, none changed.")
    return HealthPart(
        name="audit log",
        state=PartState.FAILED,
        detail=f"Tampered with, or damaged: {result.broken.what}.",
        fix="Run: cloudops-ls audit verify",
    )


def _estate(storage: StorageService) -> HealthPart:
    scopes = storage.sync.scopes()
    if not scopes:
        return HealthPart(
            name="estate",
            state=PartState.DEGRADED,
            detail="Nothing was scanned yet.",
            fix="Run: cloudops-ls scan",
        )
    failed = sum(scope.error is not None for scope in scopes)
    detail = f"{storage.estate.count():,} resources from {len(scopes):,} listings"
    if failed:
        return HealthPart(
            name="estate",
            state=PartState.DEGRADED,
            detail=f"{detail}, {failed:,} of which failed the last time.",
            fix="See cloudops-ls status",
        )
    return _ok("estate", f"{detail}.")


def _memory_directory() -> HealthPart:
    from cloudops_ls.storage.vectors.directory import candidates, free_bytes, memory_backed

    found = memory_backed(candidates())
    if not found:
        return HealthPart(
            name="memory directory",
            state=PartState.DEGRADED,
            detail="There is no directory that lives in memory: search uses the slower engine.",
            fix="Mount a tmpfs on /dev/shm, or set XDG_RUNTIME_DIR to one",
        )
    megabytes = free_bytes(found[0]) / 2**20
    return _ok("memory directory", f"{found[0]}, {megabytes:,.0f} MB free.")


def _worker(home: Home) -> list[HealthPart]:
    deadline = time.monotonic() + INDEX_SECONDS
    while True:
        answer = ask_worker(home, wire.HEALTH, {})
        parts = [HealthPart.model_validate(part) for part in answer["parts"]]
        filling = [part for part in parts if part.name == "search" and "being" in part.detail]
        if not filling or time.monotonic() > deadline:
            return [_ok("worker", "It answers."), *parts]
        time.sleep(0.2)


def _profiles() -> HealthPart:
    from cloudops_ls.aws.profiles import read_profiles

    listing = read_profiles()
    names = ", ".join(profile.name for profile in listing.profiles[:5])
    more = len(listing.profiles) - 5
    detail = f"{len(listing.profiles)} usable: {names}" + (f" and {more} more" if more > 0 else "")
    if not listing.profiles:
        reasons = "; ".join(problem.message for problem in listing.problems)
        return HealthPart(
            name="profiles",
            state=PartState.FAILED,
            detail=f"No AWS profile can be used: {reasons}.",
            fix="Run: aws configure",
        )
    if listing.problems:
        problem = listing.problems[0]
        return HealthPart(
            name="profiles",
            state=PartState.DEGRADED,
            detail=f"{detail}; {len(listing.problems)} with problems, such as: {problem.message}.",
            fix=f"Correct {problem.file}",
        )
    return _ok("profiles", f"{detail}.")


def _aws_cli() -> HealthPart:
    from cloudops_ls.commands.run import AWS_CLI

    try:
        done = subprocess.run(
            [*AWS_CLI, "--version"],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is None or done.returncode:
        return HealthPart(
            name="AWS CLI",
            state=PartState.FAILED,
            detail="The AWS CLI does not start.",
            fix=f"Install cloudops-ls again into {sys.prefix}",
        )
    return _ok("AWS CLI", f"{done.stdout.split()[0]}, with this program.")


def _assistant(settings: Settings) -> HealthPart:
    kind = settings.assistant.kind
    build_assistant(settings)
    if kind is AssistantKind.BUILTIN:
        return _ok("assistant", "The built-in one, which needs no network.")
    import httpx

    url = httpx.URL(str(settings.assistant.url))
    try:
        # Anything that it answers will do: it is there, and its certificate is good.
        httpx.head(url, timeout=ASSISTANT_SECONDS, follow_redirects=False)
    except httpx.HTTPError as error:
        return HealthPart(
            name="assistant",
            state=PartState.FAILED,
            detail=f"{url.host} cannot be reached ({type(error).__name__}).",
            fix="Check cloudops.assistant.url and the network",
        )
    token = "with a token" if assistant_token() else "without a token"
    return _ok("assistant", f"{kind.value}: {url.host} answers; asked {token}.")


def _ok(name: str, detail: str) -> HealthPart:
    return HealthPart(name=name, state=PartState.OK, detail=detail)


def _failed(name: str, error: CloudOpsError) -> HealthPart:
    place = f" ({error.where})" if error.where else ""
    return HealthPart(
        name=name, state=PartState.FAILED, detail=f"{error.what}{place}.", fix=error.fix
    )
