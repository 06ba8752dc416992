"""The form of every sealed object: age( gzip( tar ) ), with its kind and name bound inside.

``age --decrypt -i backup.key OBJECT | tar -xz`` opens any of them. The first member of the tar,
``object.json``, says what the object is and carries an HMAC-SHA256 over kind, name and all other
members. An object put in another's place, renamed, or sealed by someone without the key is told
from a true one, though age itself knows no associated data.
"""

from __future__ import annotations

import gzip
import hmac
import io
import json
import tarfile
import zlib
from typing import TYPE_CHECKING

from cloudops_ls.storage.backup.errors import BackupDamagedError
from cloudops_ls.storage.recovery_key import NotSealedForThisKeyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cloudops_ls.storage.backup.backup_key import BackupKey
    from cloudops_ls.storage.backup.layout import ObjectKind

FORMAT = 1
HEADER = "object.json"
MOST_UNPACKED = 512 * 2**20
"""Bytes; nothing that this program seals comes near."""
COMPRESSION = 4
"""gzip's level: twice as fast as the default 9 at almost its size."""

Members = dict[str, bytes]
"""Contents by member name, in order."""


def mac(key: BackupKey, kind: ObjectKind, name: str, members: Mapping[str, bytes]) -> str:
    """Return the keyed digest that binds members to a kind and a name, in hexadecimal."""
    digest = key.digest()
    for field in (kind.value.encode(), name.encode()):
        digest.update(len(field).to_bytes(8, "big") + field)
    for member, content in members.items():
        label = member.encode()
        digest.update(len(label).to_bytes(8, "big") + label)
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()


def seal(key: BackupKey, kind: ObjectKind, name: str, members: Mapping[str, bytes]) -> bytes:
    """Return the sealed object."""
    header = {"format": FORMAT, "kind": kind.value, "name": name}
    header["mac"] = mac(key, kind, name, members)
    packed = pack({HEADER: json.dumps(header).encode(), **members})
    return key.age.recipient.seal(packed)


def unseal(key: BackupKey, kind: ObjectKind, name: str, sealed: bytes, *, where: str) -> Members:
    """Return the members of a sealed object, once it is proven to be what its name says.

    Parameters
    ----------
    where
        The object's key in the bucket, for messages.

    Raises
    ------
    BackupDamagedError
        It is cut short or changed, sealed with another key, another object, or from a newer
        version of this program.
    """
    try:
        members = unpack(key.age.open(sealed))
    except NotSealedForThisKeyError:
        raise BackupDamagedError(
            "An object cannot be decrypted: it is damaged, or sealed with another key", where
        ) from None
    except ValueError:
        raise BackupDamagedError("An object is not what this program seals", where) from None
    try:
        header = json.loads(members.pop(HEADER))
        found = (header["format"], header["kind"], header["name"], header["mac"])
    except (KeyError, TypeError, ValueError):
        raise BackupDamagedError("An object does not say what it is", where) from None
    if found[0] != FORMAT:
        raise BackupDamagedError(
            f"An object has format {found[0]!r}, this program knows {FORMAT}",
            where,
            fix="Update cloudops-ls",
        )
    if not hmac.compare_digest(str(found[3]), mac(key, kind, name, members)):
        said = f"{found[1]}/{found[2]}"
        if said != f"{kind.value}/{name}":
            raise BackupDamagedError("An object is in another object's place", where)
        raise BackupDamagedError("An object was not sealed by a holder of the backup key", where)
    return members


def pack(members: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    """Return a tar.gz; the same members give the same bytes."""
    buffer = io.BytesIO()
    entries = members.items() if hasattr(members, "items") else members
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o600
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getbuffer(), COMPRESSION, mtime=0)


def unpack(packed: bytes) -> Members:
    """Return the members of a tar.gz.

    Raises
    ------
    ValueError
        It is none, holds other things than plain files, or is larger than `MOST_UNPACKED`.
    """
    inflater = zlib.decompressobj(wbits=31)
    try:
        raw = inflater.decompress(packed, MOST_UNPACKED)
    except zlib.error as error:
        raise ValueError("not gzip") from error
    if inflater.unconsumed_tail or not inflater.eof or inflater.unused_data:
        raise ValueError("too large, cut short, or more than one thing")
    members: Members = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            for entry in archive:
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is None or entry.name in members:
                    raise ValueError("not a plain file, or twice")
                members[entry.name] = content.read()
    except tarfile.TarError as error:
        raise ValueError("not tar") from error
    return members
