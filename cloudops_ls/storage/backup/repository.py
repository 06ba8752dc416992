"""The objects of one user's backups, read only when proven and written in the right form."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from cloudops_ls.storage.backup.documents import Index, Manifest, PackEntry, Part
from cloudops_ls.storage.backup.envelope import mac, seal, unseal
from cloudops_ls.storage.backup.errors import BackupDamagedError, ObjectMissingError
from cloudops_ls.storage.backup.layout import ObjectKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from cloudops_ls.storage.backup.backup_key import BackupKey
    from cloudops_ls.storage.backup.layout import Layout
    from cloudops_ls.storage.backup.object_store import ObjectStore, StoredObject

D = TypeVar("D", bound=BaseModel)
_DOCUMENT = "document.json"
_LINES = ".ndjson"
PARALLEL = 4
"""Requests under way at once."""


@dataclass(frozen=True, slots=True)
class FoundManifest:
    """One manifest in the bucket.

    Attributes
    ----------
    name
        Its date.
    modified
        When it was written, by the server's clock.
    manifest
        What it says; None when it cannot be read.
    problem
        Why not.
    """

    name: str
    modified: datetime
    manifest: Manifest | None
    problem: BackupDamagedError | None = None


@dataclass(slots=True)
class ContentMap:
    """Which content object holds which chunk, as far as the objects are really there.

    Attributes
    ----------
    packs
        By name.
    where
        The name of a pack that holds a chunk, by chunk.
    indexes
        Names of the index objects that were read.
    unindexed
        Packs that no index names as they are: left by an interrupted backup, overwritten since,
        or their index is damaged.
    problems
        Indexes that cannot be read, and packs that are gone or damaged.
    """

    packs: dict[str, PackEntry] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    indexes: list[str] = field(default_factory=list)
    unindexed: list[str] = field(default_factory=list)
    problems: list[BackupDamagedError] = field(default_factory=list)

    def add(self, pack: PackEntry) -> None:
        """Take in one pack."""
        self.packs[pack.name] = pack
        for chunk in pack.chunks:
            self.where.setdefault(chunk, pack.name)


class Repository:
    """One user's folder in a bucket, with the key that opens it.

    Parameters
    ----------
    store, layout, key
        Where, under which names, and sealed with what.
    """

    def __init__(self, store: ObjectStore, layout: Layout, key: BackupKey) -> None:
        self.store = store
        self.layout = layout
        self.key = key

    # Content

    def chunk_id(self, chunk: bytes) -> str:
        """Return the name of a chunk: its keyed digest."""
        digest = self.key.digest()
        digest.update(b"chunk\0")
        digest.update(chunk)
        return digest.hexdigest()

    def put_pack(self, chunks: Mapping[str, bytes]) -> PackEntry:
        """Seal and write chunks as one content object.

        The same chunks make the same name, so a repeated upload repairs and never doubles.
        """
        digest = self.key.digest()
        digest.update(b"pack\0" + "".join(chunks).encode())
        name = digest.hexdigest()[:32]
        members = {chunk + _LINES: content for chunk, content in chunks.items()}
        sealed = seal(self.key, ObjectKind.CONTENT, name, members)
        etag = self.store.put(self.layout.key(ObjectKind.CONTENT, name), sealed, locked=True)
        return PackEntry(
            name=name,
            size=len(sealed),
            etag=etag,
            chunks=tuple(chunks),
            raw=tuple(len(content) for content in chunks.values()),
        )

    def get_pack(self, name: str) -> dict[str, bytes]:
        """Return the chunks of a content object.

        Raises
        ------
        BackupDamagedError
            It is missing, changed, or another one.
        """
        key = self.layout.key(ObjectKind.CONTENT, name)
        members = unseal(self.key, ObjectKind.CONTENT, name, self.store.get(key), where=key)
        chunks = {member.removesuffix(_LINES): content for member, content in members.items()}
        for chunk, content in chunks.items():
            if self.chunk_id(chunk=content) != chunk:
                raise BackupDamagedError("Content is not what its name says", key)
        return chunks

    def content_objects(self) -> dict[str, StoredObject]:
        """Return every content object in the bucket, by name."""
        found = {}
        for each in self.store.list(self.layout.folder(ObjectKind.CONTENT)):
            name = self.layout.name(ObjectKind.CONTENT, each.key)
            if name is not None:
                found[name] = each
        return found

    def content_map(self) -> ContentMap:
        """Read every index, and hold it against the bucket's listing.

        An index that cannot be read is put among the problems; its packs count as unindexed, and
        so do packs that are not as they were when they were indexed.
        """
        found = ContentMap()
        there = self.content_objects()
        indexed: set[str] = set()
        for name, index in self._each_index(found):
            found.indexes.append(name)
            for pack in index.packs:
                stored = there.get(pack.name)
                if stored is None:
                    key = self.layout.key(ObjectKind.CONTENT, pack.name)
                    found.problems.append(ObjectMissingError(key))
                elif (stored.size, stored.etag) == (pack.size, pack.etag):
                    indexed.add(pack.name)
                    found.add(pack)
        found.unindexed = sorted(there.keys() - indexed)
        return found

    def adopt(self, found: ContentMap) -> list[PackEntry]:
        """Read the unindexed packs of ``found`` and take in those that are whole.

        Returns
        -------
        list
            What was taken in, for an index. Packs that are damaged are left out, and named among
            the problems.
        """
        adopted = []
        there = self.content_objects() if found.unindexed else {}
        for name in found.unindexed:
            try:
                chunks = self.get_pack(name)
            except BackupDamagedError as error:
                found.problems.append(error)
                continue
            pack = PackEntry(
                name=name,
                size=there[name].size if name in there else 0,
                etag=there[name].etag if name in there else "",
                chunks=tuple(chunks),
                raw=tuple(len(content) for content in chunks.values()),
            )
            found.add(pack)
            adopted.append(pack)
        found.unindexed = [name for name in found.unindexed if name not in found.packs]
        return adopted

    # Documents

    def put_index(self, packs: Iterable[PackEntry]) -> str:
        """Write an index of ``packs``; return its name."""
        name = secrets.token_hex(16)
        self._put(ObjectKind.INDEX, name, Index(packs=tuple(packs)))
        return name

    def put_part(self, kind: ObjectKind, name: str, part: Part) -> str:
        """Write half a backup; return the digest that its manifest holds."""
        return self._put(kind, name, part)

    def get_part(self, kind: ObjectKind, name: str, manifest: Manifest) -> Part:
        """Return half a backup, as its manifest means it.

        Raises
        ------
        BackupDamagedError
            It is missing, changed, or another one.
        """
        part, found = self._get(kind, name, Part)
        if found != manifest.parts[kind.value].mac:  # type: ignore[index]
            raise BackupDamagedError(
                "Half of a backup is not the one that was written with it",
                self.layout.key(kind, name),
            )
        return part

    def put_manifest(self, name: str, manifest: Manifest) -> None:
        """Write a manifest: from here on the backup exists."""
        self._put(ObjectKind.MANIFEST, name, manifest)

    def get_manifest(self, name: str) -> Manifest:
        """Return a manifest.

        Raises
        ------
        BackupDamagedError
            It is missing, changed, or another one.
        """
        return self._get(ObjectKind.MANIFEST, name, Manifest)[0]

    def manifest_names(self) -> dict[str, datetime]:
        """Return the names of all manifests, and when they were written by the server's clock."""
        found = {}
        for each in self.store.list(self.layout.folder(ObjectKind.MANIFEST)):
            name = self.layout.name(ObjectKind.MANIFEST, each.key)
            if name is not None:
                found[name] = each.modified
        return found

    def manifests(self) -> list[FoundManifest]:
        """Return all manifests, oldest first, those that cannot be read among them."""

        def read(entry: tuple[str, datetime]) -> FoundManifest | None:
            name, modified = entry
            try:
                return FoundManifest(name, modified, self.get_manifest(name))
            except ObjectMissingError:
                # Pruned since it was listed.
                return None
            except BackupDamagedError as error:
                return FoundManifest(name, modified, None, error)

        with ThreadPoolExecutor(PARALLEL) as threads:
            found = threads.map(read, sorted(self.manifest_names().items()))
        return [each for each in found if each is not None]

    def delete(self, kind: ObjectKind, name: str) -> None:
        """Delete a sealed object."""
        self.store.delete(self.layout.key(kind, name))

    def names(self, kind: ObjectKind) -> list[str]:
        """Return the names of all sealed objects of a kind."""
        listed = self.store.list(self.layout.folder(kind))
        found = (self.layout.name(kind, each.key) for each in listed)
        return [name for name in found if name is not None]

    def _each_index(self, found: ContentMap) -> list[tuple[str, Index]]:
        def read(name: str) -> tuple[str, Index] | BackupDamagedError:
            try:
                return name, self._get(ObjectKind.INDEX, name, Index)[0]
            except BackupDamagedError as error:
                return error

        indexes = []
        with ThreadPoolExecutor(PARALLEL) as threads:
            for each in threads.map(read, self.names(ObjectKind.INDEX)):
                if isinstance(each, BackupDamagedError):
                    found.problems.append(each)
                else:
                    indexes.append(each)
        return indexes

    def _put(self, kind: ObjectKind, name: str, document: BaseModel) -> str:
        members = {_DOCUMENT: document.model_dump_json().encode()}
        sealed = seal(self.key, kind, name, members)
        self.store.put(self.layout.key(kind, name), sealed, locked=True)
        return mac(self.key, kind, name, members)

    def _get(self, kind: ObjectKind, name: str, model: type[D]) -> tuple[D, str]:
        key = self.layout.key(kind, name)
        members = unseal(self.key, kind, name, self.store.get(key), where=key)
        try:
            document = model.model_validate_json(members.get(_DOCUMENT, b""))
        except ValidationError:
            # Without its context: a validation error quotes what it read.
            raise BackupDamagedError(
                "An object of a backup was written by a newer version, or is damaged",
                key,
                fix="Update cloudops-ls",
            ) from None
        return document, mac(self.key, kind, name, members)
