"""What the exit code of a command says; listed for users in ``docs/estate.md``."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Beyond these, 2 is a command line that is not understood."""

    OK = 0
    FAILED = 1
    """Nothing was done, or nothing was found."""
    INCOMPLETE = 3
    """Done in part: something could not be listed. What was found is stored."""
    INTERRUPTED = 130
    """Cancelled with Ctrl-C. What was found is stored."""
