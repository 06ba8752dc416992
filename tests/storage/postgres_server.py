"""A real PostgreSQL of the tests' own: in a temporary directory, on a socket, gone afterwards."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

START_TIMEOUT = 60.0
ROOM = 4 * 2**30
USER = "cloudops"


class PostgresServer:
    """One cluster; use it as a context manager."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        # A socket's path must be short; and dozens of databases are dozens of megabytes of small
        # files, which memory takes more kindly than a disk.
        memory = Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
        self._root = Path(tempfile.mkdtemp(prefix="pg-", dir=memory if roomy else None))
        self._numbers = itertools.count(1)
        # PostgreSQL does not start as root.
        self._account = None if os.getuid() else _somebody()
        if self._account is not None:
            os.chown(self._root, pwd.getpwnam(self._account).pw_uid, -1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        data = self._root / "data"
        # Not "C": text must sort by code point whatever the administrator chose.
        locale = ("-E", "UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US")
        self._run("initdb", "-D", str(data), "-U", USER, "-A", "trust", "--no-sync", *locale)
        self.start()
        self._run("psql", "-c", "CREATE DATABASE template")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._process = subprocess.Popen(
            [
                *(self._binaries / "postgres", "-D", self._root / "data", "-k", self._root),
                *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"),
            ],
            user=self._account,
            cwd=self._root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_TIMEOUT
        while self._call("psql", "-c", "SELECT 1").returncode:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server at once, as a crash would."""
        if self._process is not None:
            subprocess.run(
                [self._binaries / "pg_ctl", "-D", self._root / "data", "-m", "immediate", "stop"],
                user=self._account,
                cwd=self._root,
                stdout=subprocess.DEVNULL,
                timeout=START_TIMEOUT,
                check=False,
            )
            self._process.wait(START_TIMEOUT)
            self._process = None

    def new_database(self) -> str:
        """Create a database like the one called ``template``, and return its URL."""
        name = f"store{next(self._numbers)}"
        self._run("psql", "-c", f"CREATE DATABASE {name} TEMPLATE template")
        return self.url(name)

    def empty_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"empty{next(self._numbers)}"
        self._run("psql", "-c", f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}@/{name}?host={self._root}"

    def _run(self, program: str, *arguments: str) -> None:
        done = self._call(program, *arguments)
        assert done.returncode == 0, done.stderr.decode()

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        connection = (
            ("-X", "-q", "-h", str(self._root), "-U", USER, "-d", "postgres")
            if program == "psql"
            else ()
        )
        return subprocess.run(
            [self._binaries / program, *connection, *arguments],
            user=self._account,
            cwd=self._root,
            capture_output=True,
            timeout=START_TIMEOUT,
            check=False,
        )


def find_binaries() -> Path | None:
    """Return the directory of PostgreSQL's programs, where it is installed."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def _somebody() -> str:
    """Return an account that is not root's."""
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
