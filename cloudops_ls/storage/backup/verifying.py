"""Looking for damage before it is needed whole."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cloudops_ls.storage.backup.errors import BackupDamagedError
from cloudops_ls.storage.backup.layout import ObjectKind
from cloudops_ls.storage.backup.reading import read_snapshot
from cloudops_ls.storage.backup.repository import PARALLEL, Repository

if TYPE_CHECKING:
    from cloudops_ls.storage.backup.progress import Watch
    from cloudops_ls.storage.backup.repository import ContentMap


_AGE_HEADER = b"age-encryption.org/v1\n"


@dataclass(slots=True)
class Verification:
    """What was found.

    Attributes
    ----------
    whole
        Names of the backups that can be restored.
    damaged
        What is wrong with the others, by name.
    unrecoverable
        What is wrong with the sealed backup key, without which the recovery key opens nothing.
    problems
        All damage, each object once. What no backup needs is cleared away by pruning.
    unused
        Content objects that no index names, as an interrupted backup leaves them: no damage.
    read_bytes
        Sealed bytes of content that were read and proven; 0 without ``read_data``.
    """

    whole: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    unrecoverable: BackupDamagedError | None = None
    problems: list[BackupDamagedError] = field(default_factory=list)
    unused: int = 0
    read_bytes: int = 0

    @property
    def ok(self) -> bool:
        """Whether every backup can be restored, as far as was looked."""
        return not self.damaged and not self.unrecoverable


def verify(repository: Repository, *, read_data: bool, watch: Watch) -> Verification:
    """Check every backup.

    Parameters
    ----------
    read_data
        Also read and decrypt all content that backups need, which is what proves it whole.
        Without it only presence and size are checked.
    """
    found = Verification()
    watch.step("Reading the index")
    content = repository.content_map()
    found.unused = len(content.unindexed)
    repository.adopt(content)
    found.problems += content.problems
    found.unrecoverable = _sealed_key_problem(repository)
    if found.unrecoverable is not None:
        found.problems.append(found.unrecoverable)
    needs: dict[str, set[str]] = {}
    for each in repository.manifests():
        watch.step("Reading the backups", len(needs))
        try:
            if each.problem is not None:
                raise each.problem
            needs[each.name] = read_snapshot(repository, each.name).chunks
        except BackupDamagedError as error:
            found.damaged[each.name] = error.what
            found.problems.append(error)
    broken = (
        _read(repository, content, set().union(*needs.values()), found, watch)
        if read_data
        else set()
    )
    for name, chunks in needs.items():
        lost = sum(chunk not in content.where for chunk in chunks)
        bad = sum(content.where.get(chunk) in broken for chunk in chunks)
        if lost or bad:
            found.damaged[name] = f"{lost + bad:,} of {len(chunks):,} pieces are missing or damaged"
        else:
            found.whole.append(name)
    unique = {problem.key: problem for problem in found.problems}
    found.problems = list(unique.values())
    return found


def _sealed_key_problem(repository: Repository) -> BackupDamagedError | None:
    """Look at the sealed backup key; only a recovery key could prove it whole."""
    fix = "Run 'cloudops-ls backup now', which writes it again"
    layout = repository.layout
    found = [
        each.key
        for each in repository.store.list(layout.keys)
        if layout.wrapped_key_id(each.key) == repository.key.id
    ]
    if not found:
        return BackupDamagedError("The sealed backup key is missing", layout.keys, fix=fix)
    for where in found:
        if not repository.store.get(where).startswith(_AGE_HEADER):
            return BackupDamagedError("The sealed backup key is damaged", where, fix=fix)
    return None


def _read(
    repository: Repository,
    content: ContentMap,
    needed: set[str],
    found: Verification,
    watch: Watch,
) -> set[str]:
    """Read all packs that hold needed chunks; return the names of those that are damaged."""
    expected: defaultdict[str, set[str]] = defaultdict(set)
    for chunk in needed:
        if chunk in content.where:
            expected[content.where[chunk]].add(chunk)

    def read(name: str) -> BackupDamagedError | None:
        try:
            if not expected[name] <= repository.get_pack(name).keys():
                raise BackupDamagedError(
                    "Content lacks what its index says",
                    repository.layout.key(ObjectKind.CONTENT, name),
                )
        except BackupDamagedError as error:
            return error
        return None

    broken: set[str] = set()
    names = sorted(expected)
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="verify") as threads:
        try:
            for number, (name, problem) in enumerate(
                zip(names, threads.map(read, names), strict=True)
            ):
                watch.step("Reading content", number + 1, len(names))
                if problem is None:
                    found.read_bytes += content.packs[name].size
                else:
                    broken.add(name)
                    found.problems.append(problem)
        except BaseException:
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    return broken
