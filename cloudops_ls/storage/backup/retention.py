"""Which backups are kept and which content goes (pure).

restic's safety nets: the newest backup of every store is kept whatever the policy says, an empty
policy is refused, and days count back from the newest backup, so that a store whose backups
stopped keeps its last month for ever.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from cloudops_ls.storage.backup.documents import PackEntry

REPACK_BELOW = 0.5
"""Share of a content object's bytes still needed, below which the needed ones move."""


@dataclass(frozen=True, slots=True)
class Dated:
    """When a backup was made, by two clocks.

    Attributes
    ----------
    name, store_id
        Which backup, of which store.
    created
        By the clock of the machine that made it.
    modified
        By the server's clock.
    """

    name: str
    store_id: str
    created: datetime
    modified: datetime


def expired(backups: Iterable[Dated], keep_days: int) -> list[str]:
    """Return the names of the backups that a policy does not keep, oldest first.

    A backup goes only when both clocks say that it is older than ``keep_days`` before the newest
    backup of its store. So neither a machine's nor the server's clock can, by jumping, make
    backups look old.

    Raises
    ------
    CloudOpsError
        The policy is empty: it would keep nothing on purpose.
    """
    if keep_days < 1:
        raise CloudOpsError(
            "The policy says nothing about what to keep, so nothing was removed",
            where="setting cloudops.backup.retention_days",
            fix="Say for how many days backups are kept, at least 1",
        )
    by_store: defaultdict[str, list[Dated]] = defaultdict(list)
    for each in backups:
        by_store[each.store_id].append(each)
    kept_for = timedelta(days=keep_days)
    gone: list[str] = []
    for group in by_store.values():
        newest_created = max(each.created for each in group)
        newest_modified = max(each.modified for each in group)
        last = {max(group, key=lambda each: (each.created, each.name)).name}
        last.add(max(group, key=lambda each: (each.modified, each.name)).name)
        gone += [
            each.name
            for each in group
            if each.name not in last
            and newest_created - each.created > kept_for
            and newest_modified - each.modified > kept_for
        ]
    return sorted(gone)


@dataclass(frozen=True, slots=True)
class ContentPlan:
    """What pruning does with content.

    Attributes
    ----------
    keep
        Content objects that stay as they are.
    repack
        Those whose needed chunks move into new ones, and which go then.
    remove
        Those that nothing needs.
    """

    keep: tuple[PackEntry, ...]
    repack: tuple[PackEntry, ...]
    remove: tuple[PackEntry, ...]


def plan_content(
    packs: Mapping[str, PackEntry], where: Mapping[str, str], needed: Collection[str]
) -> ContentPlan:
    """Decide what happens to each content object.

    Parameters
    ----------
    packs
        All content objects, by name.
    where
        The object that counts as the place of a chunk; others may hold copies.
    needed
        The chunks that kept backups need. Each must have a place.
    """
    live: defaultdict[str, set[str]] = defaultdict(set)
    for chunk in needed:
        live[where[chunk]].add(chunk)
    keep: list[PackEntry] = []
    repack: list[PackEntry] = []
    remove: list[PackEntry] = []
    for name, pack in sorted(packs.items()):
        total = sum(pack.raw)
        used = sum(
            size for chunk, size in zip(pack.chunks, pack.raw, strict=True) if chunk in live[name]
        )
        if not live[name]:
            remove.append(pack)
        elif used < REPACK_BELOW * total:
            repack.append(pack)
        else:
            keep.append(pack)
    return ContentPlan(tuple(keep), tuple(repack), tuple(remove))


def batches(chunks: Sequence[tuple[str, int]], most: int) -> Iterable[list[str]]:
    """Group chunks, given with their sizes, so that no group is much larger than ``most``."""
    group: list[str] = []
    size = 0
    for chunk, length in chunks:
        group.append(chunk)
        size += length
        if size >= most:
            yield group
            group, size = [], 0
    if group:
        yield group
