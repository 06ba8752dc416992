from __future__ import annotations

import os
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# On CI the same examples every time, so that a red run can be repeated; everywhere else
# hypothesis goes on looking for new ones.
settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# A suite that a script started in the background ignores Ctrl-C, and so would every program that
# is tested here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def runtime_directory() -> Iterator[None]:
    """Sockets and locks of every home go into one directory, gone with the session."""
    with (
        # Short, for a socket's path has little room.
        tempfile.TemporaryDirectory(prefix="cloudops-", ignore_cleanup_errors=True) as directory,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("XDG_RUNTIME_DIR", directory)
        yield
