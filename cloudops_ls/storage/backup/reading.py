"""Reading a backup: manifest, then its halves, then the index, then content; all of it proven."""

from __future__ import annotations

from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup.errors import BackupDamagedError
from cloudops_ls.storage.backup.layout import PARTS, ObjectKind
from cloudops_ls.storage.backup.records import Backup
from cloudops_ls.storage.backup.repository import PARALLEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cloudops_ls.storage.backup.documents import Manifest, Part, Stream
    from cloudops_ls.storage.backup.progress import Watch
    from cloudops_ls.storage.backup.repository import FoundManifest, Repository


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A backup that has been read as far as its lists of chunks.

    Attributes
    ----------
    name, manifest
        Which one.
    parts
        Its halves.
    """

    name: str
    manifest: Manifest
    parts: dict[ObjectKind, Part]

    @property
    def streams(self) -> list[Stream]:
        """All streams, parents before those that refer to them."""
        return [stream for part in self.parts.values() for stream in part.streams]

    @property
    def chunks(self) -> set[str]:
        """Everything that the backup needs."""
        return {chunk for stream in self.streams for chunk in stream.chunks}


def read_snapshot(repository: Repository, name: str) -> Snapshot:
    """Read manifest and halves of a backup.

    Raises
    ------
    BackupDamagedError
        One of them is missing or not the one that was written.
    """
    manifest = repository.get_manifest(name)
    parts = {kind: repository.get_part(kind, name, manifest) for kind in PARTS}
    return Snapshot(name, manifest, parts)


def backups_in(repository: Repository, *, mine: str) -> list[Backup]:
    """Return all backups, newest first, damaged ones among them.

    Parameters
    ----------
    mine
        Id of the store that asks.
    """
    return sorted(
        (_described(each, mine) for each in repository.manifests()),
        key=lambda each: each.name,
        reverse=True,
    )


def _described(found: FoundManifest, mine: str) -> Backup:
    manifest = found.manifest
    if manifest is None:
        return Backup(found.name, None, "", False, {}, 0, str(found.problem))
    rows = {table: count for part in manifest.parts.values() for table, count in part.rows.items()}
    return Backup(
        found.name,
        manifest.created_at,
        manifest.host,
        manifest.store_id == mine,
        rows,
        manifest.new_bytes,
    )


def read_chunks(
    repository: Repository, wanted: Iterable[str], watch: Watch
) -> Iterator[tuple[str, bytes]]:
    """Yield each wanted chunk once, content object by content object.

    Raises
    ------
    BackupDamagedError
        Content is missing or changed. What came before it was whole.
    """
    missing = set(wanted)
    content = repository.content_map()
    if not missing <= content.where.keys():
        # Their index may be gone while they are still there.
        repository.adopt(content)
    by_pack: defaultdict[str, list[str]] = defaultdict(list)
    for chunk in missing:
        if chunk not in content.where:
            raise next(
                iter(content.problems),
                BackupDamagedError(
                    "Content of the backup is missing",
                    repository.layout.folder(ObjectKind.CONTENT),
                ),
            )
        by_pack[content.where[chunk]].append(chunk)
    packs = iter(sorted(by_pack))
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="restore") as threads:
        under_way: deque[tuple[str, Future[dict[str, bytes]]]] = deque()

        def ask(count: int) -> None:
            for name in islice(packs, count):
                under_way.append((name, threads.submit(repository.get_pack, name)))

        ask(PARALLEL)
        done = 0
        while under_way:
            name, future = under_way.popleft()
            found = future.result()
            ask(1)
            done += 1
            watch.step("Downloading", done, len(by_pack))
            for chunk in by_pack[name]:
                if chunk not in found:
                    raise BackupDamagedError(
                        "Content lacks what its index says",
                        repository.layout.key(ObjectKind.CONTENT, name),
                    )
                yield chunk, found[chunk]


def choose(names: Iterable[str], date: str) -> str:
    """Return the newest of the backups that ``date`` means.

    Parameters
    ----------
    names
        Names of all backups.
    date
        A whole name, the beginning of one such as ``2026-11-25`` or ``2026-11-25T08``, or
        ``latest``.

    Raises
    ------
    CloudOpsError
        It means none of them.
    """
    known = sorted(names)
    found = (
        known if date == "latest" else [name for name in known if date and name.startswith(date)]
    )
    if not found:
        raise CloudOpsError(
            "There is no backup of that date" if known else "There are no backups there",
            where=date,
            fix="See 'cloudops-ls backup list'" if known else "Make one: cloudops-ls backup now",
        )
    return found[-1]
