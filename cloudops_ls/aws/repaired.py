"""The healthy part of damaged AWS files, for programs that refuse the whole file.

The AWS SDK and the AWS CLI reject ``~/.aws`` altogether when one line is malformed. What is left
after removing the damaged sections holds credentials, so it is kept in anonymous memory where the
system has that (Linux), and in a private directory that is removed on close elsewhere.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


class RepairedFiles:
    """Two files that can be opened by path, by this process and its children, until ``close``.

    Parameters
    ----------
    config, credentials
        The texts of the two files.
    """

    def __init__(self, config: str, credentials: str) -> None:
        self._descriptors: list[int] = []
        self._directory: Path | None = None
        self.config = self._write("config", config)
        self.credentials = self._write("credentials", credentials)

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to read these files."""
        return {
            "AWS_CONFIG_FILE": self.config,
            "AWS_SHARED_CREDENTIALS_FILE": self.credentials,
        }

    def close(self) -> None:
        """Make the texts unreachable; calling it again does nothing."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def _write(self, name: str, text: str) -> str:
        data = text.encode()
        memory_file = getattr(os, "memfd_create", None)
        if memory_file is not None:
            descriptor: int = memory_file(f"aws-{name}")
            self._descriptors.append(descriptor)
            with os.fdopen(os.dup(descriptor), "wb") as stream:
                stream.write(data)
            return f"/proc/{os.getpid()}/fd/{descriptor}"
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="cloudops-aws-"))
        path = self._directory / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        return str(path)
