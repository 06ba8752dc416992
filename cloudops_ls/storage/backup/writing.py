"""Making a backup: content, then the index of it, then the two halves, then the manifest."""

from __future__ import annotations

import secrets
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cloudops_ls.storage.backup.documents import Manifest, PackEntry, Part, PartSummary, Stream
from cloudops_ls.storage.backup.errors import BucketBusyError
from cloudops_ls.storage.backup.layout import PARTS, ObjectKind, date_name
from cloudops_ls.storage.backup.repository import PARALLEL, ContentMap, Repository
from cloudops_ls.storage.backup.streams import boundaries, cut, sources
from cloudops_ls.storage.records import now
from cloudops_ls.storage.schema import HEAD

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cloudops_ls.storage.backup.bucket_lock import BucketLock
    from cloudops_ls.storage.backup.progress import Watch
    from cloudops_ls.storage.backup.streams import StreamSource
    from cloudops_ls.storage.database import Database

PACK_BYTES = 8 * 2**20
"""Unpacked bytes after which a content object is full."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which store, machine and program a backup comes from."""

    store_id: str
    host: str
    program: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a backup run wrote.

    Attributes
    ----------
    name, manifest
        The new backup.
    new_chunks, chunks
        Chunks that had to be uploaded, of all that the backup consists of.
    """

    name: str
    manifest: Manifest
    new_chunks: int
    chunks: int


class BackupWriter:
    """One run of making a backup.

    Parameters
    ----------
    repository
        Where to.
    lock
        The shared lock, held.
    watch
        Told of every upload; may cancel until the manifest is written.
    """

    def __init__(self, repository: Repository, lock: BucketLock, watch: Watch) -> None:
        self._repository = repository
        self._lock = lock
        self._watch = watch

    def write(self, database: Database, origin: Origin) -> Written:
        """Back up the whole of ``database`` as it is at one moment.

        Raises
        ------
        BackupCancelledError
            The operator stopped it. What was uploaded so far is used by the next backup.
        CloudOpsError
            The bucket refused, or others pruned it meanwhile. There is no new backup then.
        """
        self._watch.step("Reading what the bucket holds")
        content = self._repository.content_map()
        added = self._repository.adopt(content)
        packer = _Packer(self._repository, content, self._watch)
        try:
            with database.read() as connection:
                created = now()
                streams = {source: self._stream(connection, source, packer) for source in sources()}
            added += packer.finish()
        finally:
            packer.stop()
        self._watch.step("Writing the index")
        index = self._repository.put_index(added) if added else None
        name = date_name(created, secrets.token_hex(4))
        summaries: dict[str, PartSummary] = {}
        for kind in PARTS:
            part = Part(
                streams=tuple(stream for source, stream in streams.items() if source.part is kind)
            )
            rows = {stream.table: stream.rows for stream in part.streams}
            digest = self._repository.put_part(kind, name, part)
            summaries[kind.value] = PartSummary(mac=digest, rows=rows)
        manifest = Manifest(
            created_at=created,
            store_id=origin.store_id,
            host=origin.host,
            program=origin.program,
            schema_revision=HEAD,
            parts=summaries,
            new_bytes=packer.uploaded,
        )
        self._watch.step("Writing the manifest")
        self._lock.check()
        self._repository.put_manifest(name, manifest)
        used = {chunk for stream in streams.values() for chunk in stream.chunks}
        packs = {content.where[chunk] for chunk in used}
        self._confirm(name, content, packs, index)
        for pack in sorted(packs):
            self._repository.store.relock(self._repository.layout.key(ObjectKind.CONTENT, pack))
        return Written(name, manifest, packer.new, len(used))

    def _stream(self, connection: Connection, source: StreamSource, packer: _Packer) -> Stream:
        ends = boundaries(self._repository.key, source.rows_per_chunk)
        chunks: list[str] = []
        rows = 0
        for chunk, count in cut(source.lines(connection), ends):
            chunks.append(packer.add(chunk))
            rows += count
        return Stream(
            table=source.table.name, columns=source.columns, rows=rows, chunks=tuple(chunks)
        )

    def _confirm(self, name: str, content: ContentMap, packs: set[str], index: str | None) -> None:
        """Make sure that nobody pruned what the new manifest needs while it was written.

        Whoever prunes writes its lock, then looks at the manifests, then deletes. Here the
        manifest is written first and the locks are looked at then: at least one of the two sees
        the other, whatever clocks and stale locks say.
        """
        pruning = self._lock.deleters()
        repository = self._repository
        there = repository.content_objects()
        indexes = set(repository.names(ObjectKind.INDEX))
        needed = {*content.indexes, *([index] if index else [])}
        if pruning or not packs <= there.keys() or not needed <= indexes:
            repository.delete(ObjectKind.MANIFEST, name)
            for kind in PARTS:
                repository.delete(kind, name)
            raise BucketBusyError(
                "Another machine pruned the backups while this one was made; it was taken back",
                where=name,
                fix="Make it again",
            )


@dataclass(slots=True)
class _Packer:
    """Gathers new chunks into content objects and uploads them in the background."""

    repository: Repository
    content: ContentMap
    watch: Watch
    new: int = 0
    uploaded: int = 0
    _gathered: dict[str, bytes] = field(default_factory=dict)
    _bytes: int = 0
    _seen: int = 0
    _written: list[PackEntry] = field(default_factory=list)
    _under_way: deque[Future[PackEntry]] = field(default_factory=deque)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(PARALLEL, thread_name_prefix="backup")
    )

    def add(self, chunk: bytes) -> str:
        """Take in a chunk; return its id."""
        chunk_id = self.repository.chunk_id(chunk)
        self._seen += 1
        if chunk_id not in self.content.where and chunk_id not in self._gathered:
            self._gathered[chunk_id] = chunk
            self._bytes += len(chunk)
            self.new += 1
            if self._bytes >= PACK_BYTES:
                self._send()
        if self._seen % 64 == 0:
            self.watch.step("Reading the store", self._seen)
        return chunk_id

    def finish(self) -> list[PackEntry]:
        """Upload the rest; return all packs that were written."""
        if self._gathered:
            self._send()
        while self._under_way:
            self._collect()
        return self._written

    def stop(self) -> None:
        """End the uploads; harmless when they are done."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _send(self) -> None:
        while len(self._under_way) > PARALLEL:
            self._collect()
        chunks, self._gathered, self._bytes = self._gathered, {}, 0
        # Known from now on, so that the same chunk is not gathered twice.
        for chunk_id in chunks:
            self.content.where[chunk_id] = ""
        self._under_way.append(self._threads.submit(self.repository.put_pack, chunks))

    def _collect(self) -> None:
        pack = self._under_way.popleft().result()
        for chunk_id in pack.chunks:
            self.content.where[chunk_id] = pack.name
        self.content.packs[pack.name] = pack
        self._written.append(pack)
        self.uploaded += pack.size
        self.watch.step("Uploading", len(self._written))
