"""Where this user's CloudOps data lives on disk (design: "Storage and processes")."""

from __future__ import annotations

import getpass
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cloudops_ls.errors import CloudOpsError

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600
_LONGEST_RUNTIME = 85
"""Bytes; with the socket's name it stays below the 104 of ``sockaddr_un`` on macOS."""


@dataclass(frozen=True, slots=True)
class Home:
    """The layout of one CloudOps home directory.

    Attributes
    ----------
    root
        ``~/.cloudops``, or the directory named by ``CLOUDOPS_HOME``.
    """

    root: Path

    @classmethod
    def locate(cls) -> Home:
        """Return the home named by ``CLOUDOPS_HOME``, or the default under the user's home."""
        override = os.environ.get("CLOUDOPS_HOME")
        return cls(Path(override).expanduser() if override else Path.home() / ".cloudops")

    @property
    def config(self) -> Path:
        """User settings; the editor's settings win over them."""
        return self.root / "config.toml"

    @property
    def policy(self) -> Path:
        """Rules on what may run; missing for most users."""
        return self.root / "policy.toml"

    @property
    def data(self) -> Path:
        """Directory of everything encrypted."""
        return self.root / "data"

    @property
    def database(self) -> Path:
        """The SQLCipher database: the truth of estate, conversations and executions."""
        return self.data / "cloudops.db"

    @property
    def wrapped_key(self) -> Path:
        """The data key, wrapped; never in the clear."""
        return self.data / "key.json"

    @property
    def open_lock(self) -> Path:
        """Shared by all who have the store open; see ``storage.opening``."""
        return self.data / "open.lock"

    @property
    def sync_status(self) -> Path:
        """Counts and times of the last sync; holds no estate data."""
        return self.data / "metadata" / "sync_status.json"

    @property
    def audit_head(self) -> Path:
        """Number and digest of the audit log's last entry, signed; no estate data."""
        return self.data / "metadata" / "audit_head.json"

    @property
    def keychain_register(self) -> Path:
        """Names of the AWS profiles whose keys were copied into the OS keychain."""
        return self.data / "metadata" / "keychain.json"

    @property
    def log(self) -> Path:
        """The worker's log; holds no estate data (see ``logs``)."""
        return self.root / "worker.log"

    @property
    def models(self) -> Path:
        """Embedding models installed for fastembed."""
        return self.root / "models"

    @property
    def runtime(self) -> Path:
        """Per-home directory for sockets and locks, short enough for a socket's path.

        Below ``XDG_RUNTIME_DIR`` where there is one, else below the temporary directory;
        one per user and home.
        """
        key = hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:16]
        uid = os.getuid() if hasattr(os, "getuid") else 0
        places = [Path(tempfile.gettempdir()) / f"cloudops-{uid}-{key}"]
        if os.name == "posix":
            places.append(Path("/tmp") / f"cloudops-{uid}-{key}")  # noqa: S108 -- mode 0700
        base = os.environ.get("XDG_RUNTIME_DIR")
        if base and Path(base).is_dir():
            places.insert(0, Path(base) / f"cloudops-{key}")
        fitting = (place for place in places if len(os.fsencode(place)) <= _LONGEST_RUNTIME)
        return next(fitting, places[-1])

    def create(self) -> None:
        """Create the directories with mode 0700.

        Raises
        ------
        CloudOpsError
            The directory cannot be created, or belongs to somebody else.
        """
        for directory in (self.root, self.data, self.sync_status.parent, self.runtime):
            make_private(directory)


def make_private(directory: Path) -> None:
    """Create ``directory`` with mode 0700, or check that it is this user's alone."""
    try:
        directory.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        status = directory.lstat()
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            raise CloudOpsError(
                "The directory belongs to another user",
                where=str(directory),
                fix="Remove it, or set CLOUDOPS_HOME to a directory of your own",
            )
        if status.st_mode & 0o077:
            directory.chmod(PRIVATE_DIR)
    except OSError as error:
        raise CloudOpsError(
            f"Cannot prepare the directory: {error.strerror}",
            where=str(directory),
            fix="Make it writable, or set CLOUDOPS_HOME to another directory",
        ) from error


def user_name() -> str:
    """Return who runs this process, by name where there is one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # In a container there may be a number alone.
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"
