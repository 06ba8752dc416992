"""Removing what no kept backup needs: manifests first, then the index, then content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.storage.backup.errors import BackupDamagedError, BucketBusyError
from cloudops_ls.storage.backup.layout import PARTS, ObjectKind
from cloudops_ls.storage.backup.reading import read_snapshot
from cloudops_ls.storage.backup.retention import Dated, expired, plan_content
from cloudops_ls.storage.backup.writing import PACK_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cloudops_ls.errors import CloudOpsError
    from cloudops_ls.storage.backup.bucket_lock import BucketLock
    from cloudops_ls.storage.backup.documents import PackEntry
    from cloudops_ls.storage.backup.progress import Watch
    from cloudops_ls.storage.backup.repository import ContentMap, Repository


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning did.

    Attributes
    ----------
    backups
        Names of the backups that are gone.
    objects, size
        Content objects that are gone, and their bytes.
    kept
        How many backups are left.
    """

    backups: tuple[str, ...]
    objects: int
    size: int
    kept: int


class Pruner:
    """One run of pruning.

    Parameters
    ----------
    repository
        What to prune.
    lock
        The exclusive lock, held.
    watch
        Told of every step; may cancel between them.
    """

    def __init__(self, repository: Repository, lock: BucketLock, watch: Watch) -> None:
        self._repository = repository
        self._lock = lock
        self._watch = watch

    def by_age(self, keep_days: int) -> Pruned:
        """Remove the backups that are older than a policy keeps, and what only they need.

        Raises
        ------
        CloudOpsError
            The policy is empty, a backup that stays is damaged, or others are at work. Nothing
            that a kept backup needs is ever gone then.
        """
        self._watch.step("Reading the backups")
        found = self._repository.manifests()
        dated: list[Dated] = []
        for each in found:
            if each.manifest is None:
                raise _unclear(each.problem, each.name)
            manifest = each.manifest
            dated.append(Dated(each.name, manifest.store_id, manifest.created_at, each.modified))
        return self.remove(expired(dated, keep_days))

    def remove(self, doomed: Collection[str]) -> Pruned:
        """Remove these backups, and what only they need."""
        repository = self._repository
        kept = sorted(repository.manifest_names().keys() - set(doomed))
        # Everything that can go wrong by reading goes wrong before anything is removed.
        needed = self.reachable(kept)
        content = repository.content_map()
        repository.adopt(content)
        for chunk in needed:
            if chunk not in content.where:
                raise _unclear(next(iter(content.problems), None), "content that is kept")
        plan = plan_content(content.packs, content.where, needed)

        self._lock.check()
        for number, name in enumerate(doomed):
            self._watch.step("Removing backups", number, len(doomed))
            repository.delete(ObjectKind.MANIFEST, name)
            for kind in PARTS:
                repository.delete(kind, name)
        self._remove_lone_halves(kept)

        going = [*plan.remove, *plan.repack]
        moved = self._move(plan.repack, content, needed)
        staying = [*plan.keep, *moved]
        if going or content.problems or len(content.indexes) > 1:
            self._replace_indexes(content, staying)
        self._look_again(kept, going)
        self._remove_content(content, going, {pack.name for pack in staying})
        return Pruned(tuple(doomed), len(going), sum(pack.size for pack in going), len(kept))

    def reachable(self, kept: Iterable[str]) -> set[str]:
        """Return every chunk that the kept backups need."""
        needed: set[str] = set()
        for name in kept:
            self._watch.step("Reading what is kept")
            try:
                needed |= read_snapshot(self._repository, name).chunks
            except BackupDamagedError as error:
                raise _unclear(error, name) from None
        return needed

    def _remove_lone_halves(self, kept: Collection[str]) -> None:
        """Remove halves whose manifest was never written, or is gone already."""
        for kind in PARTS:
            for name in self._repository.names(kind):
                if name not in kept:
                    self._repository.delete(kind, name)

    def _move(
        self, packs: Iterable[PackEntry], content: ContentMap, needed: Collection[str]
    ) -> list[PackEntry]:
        """Write the needed chunks of ``packs`` into new content objects."""
        moved: list[PackEntry] = []
        gathered: dict[str, bytes] = {}
        for pack in packs:
            self._watch.step("Moving content")
            gathered |= {
                chunk: data
                for chunk, data in self._repository.get_pack(pack.name).items()
                if chunk in needed and content.where[chunk] == pack.name
            }
            if sum(map(len, gathered.values())) >= PACK_BYTES:
                moved.append(self._repository.put_pack(gathered))
                gathered = {}
        if gathered:
            moved.append(self._repository.put_pack(gathered))
        return moved

    def _replace_indexes(self, content: ContentMap, staying: Collection[PackEntry]) -> None:
        """Write one index of what stays, and then remove all others."""
        old = self._repository.names(ObjectKind.INDEX)
        if staying:
            self._repository.put_index(staying)
        for name in old:
            self._watch.step("Replacing the index")
            self._repository.delete(ObjectKind.INDEX, name)

    def _look_again(self, kept: Collection[str], going: Collection[PackEntry]) -> None:
        """Make sure that no backup was made meanwhile that may need what is about to go.

        The other half of `BackupWriter._confirm`: this lock was written long before, so a backup
        whose manifest is not seen here sees the lock, and takes itself back.
        """
        self._lock.check()
        if self._repository.manifest_names().keys() <= set(kept):
            return
        if going:
            # The content stays, so let it be found.
            self._repository.put_index(going)
        raise BucketBusyError(
            "A backup was made while the old ones were pruned; content was left as it is",
            fix="Prune again",
        )

    def _remove_content(
        self, content: ContentMap, going: Collection[PackEntry], staying: Collection[str]
    ) -> None:
        # Damaged leftovers that no index names hold nothing that anyone could read.
        names = {pack.name for pack in going} | set(content.unindexed)
        for number, name in enumerate(sorted(names - set(staying))):
            self._watch.step("Removing content", number, len(names))
            if number % 100 == 0:
                self._lock.check()
            self._repository.delete(ObjectKind.CONTENT, name)


def _unclear(problem: BackupDamagedError | None, what: str) -> CloudOpsError:
    reason = f": {problem.what[0].lower()}{problem.what[1:]}" if problem is not None else ""
    return BackupDamagedError(
        f"What the backups need cannot be told, so nothing was removed{reason}",
        problem.key if problem is not None else what,
        fix="Run 'cloudops-ls backup verify'; what it finds damaged goes with "
        "'cloudops-ls backup remove --damaged'",
    )
