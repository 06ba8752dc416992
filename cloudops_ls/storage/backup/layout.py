"""Where the objects of backups are: the seed's layout, and what incremental backups add to it.

::

    {prefix}{user_id}/
      keys/{key_id}-{recipient}.age               the backup key, sealed for one recovery key
      content/{xx}/{name}.encrypted.tar.gz        rows, shared by all backups that hold them
      index/{name}.encrypted.tar.gz               which content object holds which rows
      chat_history/{date}.encrypted.tar.gz        what conversations and executions were then
      aws_estate/{date}.encrypted.tar.gz          what the estate was then
      manifests/{date}.encrypted.tar.gz           written last: the backup exists
      locks/{kind}-{owner}-{id}.json              who is at work
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from datetime import datetime

_SEALED = ".encrypted.tar.gz"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}\.\d{6}Z-[0-9a-f]{8}")
_NAME = re.compile(r"[0-9a-f]{32}")
_WRAPPED = re.compile(r"([0-9a-f]{16})(?:-[0-9a-f]{8})?\.age")
_SAFE_USER = re.compile(r"[\w.@+=,-]{1,128}")


class ObjectKind(StrEnum):
    """Kinds of sealed objects; the value is the folder."""

    CONTENT = "content"
    INDEX = "index"
    CHAT_HISTORY = "chat_history"
    AWS_ESTATE = "aws_estate"
    MANIFEST = "manifests"


PARTS = (ObjectKind.CHAT_HISTORY, ObjectKind.AWS_ESTATE)
"""The two halves of a backup, as the seed names them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Keys of one user's backups in a bucket.

    Attributes
    ----------
    prefix
        What goes before the user's folder: empty, or ending in ``/``.
    user_id
        The user's folder.
    """

    prefix: str
    user_id: str

    def __post_init__(self) -> None:
        if not _SAFE_USER.fullmatch(self.user_id) or self.user_id in (".", ".."):
            raise CloudOpsError(
                "The user id cannot be a folder's name in S3",
                where="setting cloudops.backup.user_id",
                fix="Use letters, digits and any of . @ + = , _ -",
            )

    @property
    def root(self) -> str:
        """The folder of everything, ending in ``/``."""
        return f"{self.prefix}{self.user_id}/"

    def folder(self, kind: ObjectKind) -> str:
        """Return the folder of a kind, ending in ``/``."""
        return f"{self.root}{kind.value}/"

    def key(self, kind: ObjectKind, name: str) -> str:
        """Return the key of a sealed object."""
        shelf = f"{name[:2]}/" if kind is ObjectKind.CONTENT else ""
        return f"{self.folder(kind)}{shelf}{name}{_SEALED}"

    def name(self, kind: ObjectKind, key: str) -> str | None:
        """Return the name of the sealed object with this key, None if it is none of ours."""
        name = key.rpartition("/")[2].removesuffix(_SEALED)
        pattern = _NAME if kind in (ObjectKind.CONTENT, ObjectKind.INDEX) else _DATE
        if pattern.fullmatch(name) and self.key(kind, name) == key:
            return name
        return None

    @property
    def keys(self) -> str:
        """The folder of wrapped backup keys."""
        return f"{self.root}keys/"

    def wrapped_key(self, key_id: str, recipient: str) -> str:
        """Return the key of a wrapped backup key.

        Parameters
        ----------
        recipient
            The public half of the recovery key that opens it. Each has an object of its own, so
            that machines with different ones do not lock each other's operators out.
        """
        digest = hashlib.sha256(recipient.encode()).hexdigest()
        return f"{self.keys}{key_id}-{digest[:8]}.age"

    def wrapped_key_id(self, key: str) -> str | None:
        """Return whose wrapped backup key this is, by its id; None if it is none of ours.

        The first backups named no recipient.
        """
        found = _WRAPPED.fullmatch(key.removeprefix(self.keys))
        return None if found is None else found[1]

    @property
    def locks(self) -> str:
        """The folder of locks."""
        return f"{self.root}locks/"


def date_name(moment: datetime, suffix: str) -> str:
    """Return the name of a backup made at ``moment``; names sort by time.

    Parameters
    ----------
    suffix
        Eight random hexadecimal digits: two backups of one moment are two.
    """
    return f"{moment:%Y-%m-%dT%H%M%S.%fZ}-{suffix}"
