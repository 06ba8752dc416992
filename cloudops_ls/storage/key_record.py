"""``key.json``: the data key wrapped by AES key wrap (RFC 3394), and what unwraps it."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage import durable_files
from cloudops_ls.storage.records import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRAPPED_BYTES = 40
SALT_BYTES = 16


class KeyKind(StrEnum):
    """What wraps the data key."""

    KEYCHAIN = "keychain"
    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not a secret
    KEY_FILE = "key-file"


def _base64(length: int) -> AfterValidator:
    def check(text: str) -> str:
        try:
            decoded = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError("not base64") from error
        if len(decoded) != length:
            raise ValueError(f"{length} bytes expected")
        return text

    return AfterValidator(check)


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError("a power of two expected")
    return value


class ScryptParameters(BaseModel):
    """Cost of scrypt (RFC 7914); the default needs 128 MiB and about a third of a second.

    The upper bounds keep a damaged or planted file from exhausting the machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["scrypt"] = "scrypt"
    n: Annotated[int, Field(ge=2, le=2**20), AfterValidator(_power_of_two)] = 2**17
    r: Annotated[int, Field(ge=1, le=16)] = 8
    p: Annotated[int, Field(ge=1, le=16)] = 1
    salt: Annotated[str, _base64(SALT_BYTES)] = base64.b64encode(bytes(SALT_BYTES)).decode()

    def salted(self) -> Self:
        """Return the same cost with a fresh random salt."""
        salt = base64.b64encode(secrets.token_bytes(SALT_BYTES)).decode()
        return self.model_copy(update={"salt": salt})


class RecoverySlot(BaseModel):
    """The data key sealed for the recovery key: an age file (https://age-encryption.org/v1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipient: Annotated[str, Field(pattern=r"^age1[0-9a-z]+$", max_length=100)]
    """Public half of the recovery key, so that a new data key can be sealed for it as well."""
    sealed: Annotated[str, Field(max_length=4096)]
    """Base64."""


class WrappedKey(BaseModel):
    """The contents of ``key.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    kind: KeyKind
    wrap: Literal["aes-256-kw-rfc3394"] = "aes-256-kw-rfc3394"
    wrapped: Annotated[str, _base64(WRAPPED_BYTES)]
    kdf: ScryptParameters | None = None
    """Only for a passphrase."""
    entry: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    """Name of the keychain's entry; the key's id where this is None."""
    created_at: datetime
    """Of the data key."""
    store_created: bool = False
    """The database has its tables: from then on it cannot be missing without being lost."""
    recovery: RecoverySlot | None = None

    @classmethod
    def of(
        cls, key_id: str, kind: KeyKind, wrapped: bytes, kdf: ScryptParameters | None
    ) -> WrappedKey:
        """Build the record of a freshly wrapped key."""
        return cls(
            key_id=key_id,
            kind=kind,
            wrapped=base64.b64encode(wrapped).decode(),
            kdf=kdf,
            created_at=now(),
        )

    @property
    def keychain_entry(self) -> str:
        """Name of the entry in the keychain that holds the wrapping key."""
        return self.entry or self.key_id

    @classmethod
    def read(cls, path: Path) -> WrappedKey:
        """Read ``path``.

        Raises
        ------
        CloudOpsError
            The file cannot be read, is damaged, or comes from a newer program.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise CloudOpsError(
                f"Cannot read the wrapped key: {error.strerror}",
                where=str(path),
                fix="Make the file readable for you alone",
            ) from error
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            # Without its context: a validation error quotes what it read.
            raise CloudOpsError(
                "The wrapped key is damaged, or written by a newer version",
                where=str(path),
                fix="Update cloudops-ls, or put the file back from a copy; it was left as it is",
            ) from None

    @model_validator(mode="after")
    def _kdf_belongs_to_a_passphrase(self) -> Self:
        if (self.kind is KeyKind.PASSPHRASE) != (self.kdf is not None):
            raise ValueError("kdf belongs to a passphrase, and only there")
        return self

    def scrypt(self) -> ScryptParameters:
        """Return the parameters of a passphrase key."""
        if self.kdf is None:
            raise ValueError("not a passphrase key")
        return self.kdf

    def wrapped_bytes(self) -> bytes:
        """Return the wrapped key as bytes."""
        return base64.b64decode(self.wrapped)

    def write_new(self, path: Path) -> None:
        """Write ``path`` whole, durably, or not at all; an existing file is never replaced.

        Raises
        ------
        CloudOpsError
            The file exists already or cannot be written.
        """
        self._write(path, durable_files.write_new)

    def replace(self, path: Path) -> None:
        """Write ``path`` whole, durably, or not at all, instead of what is there.

        Raises
        ------
        CloudOpsError
            The file cannot be written.
        """
        self._write(path, durable_files.replace)

    def _write(self, path: Path, write: Callable[[Path, bytes], None]) -> None:
        try:
            write(path, self.model_dump_json(indent=2).encode() + b"\n")
        except OSError as error:
            raise CloudOpsError(
                f"Cannot write the wrapped key: {error.strerror}",
                where=str(path),
                fix="Make the directory writable and free some space",
            ) from error
