"""One encrypted file with everything in it: export and import without a bucket.

The file is age( gzip( tar ) ) as every object in the bucket is, so ``age --decrypt FILE | tar -xz``
opens it with the recovery key, the backup key, or the passphrase it was made with. Its members are
the chunks, by SHA-256, and last ``document.json``, which says what they are.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import PRIVATE_FILE
from cloudops_ls.storage import durable_files
from cloudops_ls.storage.backup.documents import Stream
from cloudops_ls.storage.backup.envelope import COMPRESSION
from cloudops_ls.storage.backup.errors import BackupDamagedError
from cloudops_ls.storage.backup.pipes import pulling, pushing
from cloudops_ls.storage.backup.streams import cut, sources
from cloudops_ls.storage.records import now
from cloudops_ls.storage.recovery_key import NotSealedForThisKeyError
from cloudops_ls.storage.schema import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudops_ls.storage.backup.progress import Watch
    from cloudops_ls.storage.backup.sealers import Sealer
    from cloudops_ls.storage.backup.writing import Origin
    from cloudops_ls.storage.database import Database

_DOCUMENT = "document.json"
_LINES = ".ndjson"
_CHUNK_BYTES = 2**20


class Export(BaseModel):
    """``document.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    kind: Literal["export"] = "export"
    created_at: datetime
    host: str
    program: str
    schema_revision: str
    streams: tuple[Stream, ...]


def export_file(
    database: Database, path: Path, sealer: Sealer, origin: Origin, watch: Watch
) -> Export:
    """Write everything into ``path``, whole and durable or not at all.

    Raises
    ------
    CloudOpsError
        The file exists already, or cannot be written.
    """
    if path.exists():
        raise _exists(path)
    written: list[Export] = []

    def write(target: BinaryIO) -> None:
        with pushing(lambda plain: sealer.seal(plain, target)) as packed:
            written.append(_pack(database, packed, origin, watch))

    try:
        durable_files.write_new_by(path, write)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise CloudOpsError(
            f"Cannot write the exported file: {error.strerror}",
            where=str(path),
            fix="Choose another place, or free some space",
        ) from error
    return written[0]


def _pack(database: Database, target: BinaryIO, origin: Origin, watch: Watch) -> Export:
    """Write the tar.gz of everything."""
    with (
        gzip.GzipFile(fileobj=target, mode="wb", compresslevel=COMPRESSION, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w|", format=tarfile.USTAR_FORMAT) as archive,
        database.read() as connection,
    ):
        created = now()
        streams = []
        seen: set[str] = set()
        for source in sources():
            chunks: list[str] = []
            rows = 0
            for chunk, count in cut(source.lines(connection), lambda _key: False):
                watch.step("Reading the store", len(seen))
                name = hashlib.sha256(chunk).hexdigest()
                if name not in seen:
                    seen.add(name)
                    _add(archive, name + _LINES, chunk)
                chunks.append(name)
                rows += count
            streams.append(
                Stream(
                    table=source.table.name,
                    columns=source.columns,
                    rows=rows,
                    chunks=tuple(chunks),
                )
            )
        export = Export(
            created_at=created,
            host=origin.host,
            program=origin.program,
            schema_revision=HEAD,
            streams=tuple(streams),
        )
        _add(archive, _DOCUMENT, export.model_dump_json().encode())
    return export


class ImportedFile:
    """An exported file, proven whole.

    Parameters
    ----------
    path
        The file.
    sealer
        What opens it.

    Raises
    ------
    CloudOpsError
        It cannot be read, or is sealed for another key.
    BackupDamagedError
        It was opened, and is not what `export_file` writes.
    """

    def __init__(self, path: Path, sealer: Sealer) -> None:
        self._path = path
        self._sealer = sealer
        self.export = self._read_document()

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield every chunk once."""
        for name, content in self._members():
            if name != _DOCUMENT:
                digest = name.removesuffix(_LINES)
                if hashlib.sha256(content).hexdigest() != digest:
                    raise self._damaged()
                yield digest, content

    def _read_document(self) -> Export:
        # To the end of the file: what is cut short is told before anything else is done.
        found = [content for name, content in self._members() if name == _DOCUMENT]
        if not found:
            raise self._damaged()
        try:
            return Export.model_validate_json(found[0])
        except ValidationError:
            # Without its context: a validation error quotes what it read.
            raise BackupDamagedError(
                "The exported file was written by a newer version, or is damaged",
                str(self._path),
                fix="Update cloudops-ls",
            ) from None

    def _members(self) -> Iterator[tuple[str, bytes]]:
        try:
            sealed = self._path.open("rb")
        except OSError as error:
            raise CloudOpsError(
                f"Cannot read the exported file: {error.strerror}", where=str(self._path)
            ) from error
        try:
            with (
                sealed,
                pulling(lambda plain: self._sealer.open(sealed, plain)) as packed,
                tarfile.open(fileobj=packed, mode="r|gz") as archive,
            ):
                for entry in archive:
                    content = archive.extractfile(entry) if entry.isreg() else None
                    if content is None:
                        raise self._damaged()
                    yield entry.name, content.read()
        except NotSealedForThisKeyError:
            raise CloudOpsError(
                "The exported file cannot be decrypted: another key or passphrase is needed, or "
                "the file is damaged",
                where=str(self._path),
                fix="Give the recovery key or the passphrase that it was exported with",
            ) from None
        except (tarfile.TarError, EOFError, OSError):
            raise self._damaged() from None

    def _damaged(self) -> BackupDamagedError:
        return BackupDamagedError(
            "The file is none that cloudops-ls exported", str(self._path), fix="Use another copy"
        )


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = PRIVATE_FILE
    archive.addfile(entry, io.BytesIO(content))


def _exists(path: Path) -> CloudOpsError:
    return CloudOpsError(
        "The file exists already, and is never overwritten",
        where=str(path),
        fix="Choose another name",
    )
