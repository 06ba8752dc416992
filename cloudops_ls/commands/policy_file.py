"""The operator's ``policy.toml``, read again whenever it is asked."""

from __future__ import annotations

import hashlib
import os
import threading
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cloudops_ls.commands.policy import Policy
from cloudops_ls.commands.verdict import Decision, Verdict
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.storage.resource import Resource

MISSING = "There is no policy file, so every command is asked about"


class PolicyError(CloudOpsError):
    """The policy file cannot be used; until it is mended it denies everything."""

    def __init__(self, what: str, path: Path) -> None:
        super().__init__(
            what, where=str(path), fix="Mend it; cloudops-ls policy check says when it is right"
        )


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """What a policy file held at one moment.

    Attributes
    ----------
    policy
        None where there is no file.
    source
        Digest of the file's bytes; empty where there is no file.
    """

    policy: Policy | None
    source: str


class PolicyFile:
    """Decides by the file as it is now; thread-safe.

    Parameters
    ----------
    path
        ``policy.toml`` of the home. It need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._last: ReadPolicy | None = None

    def read(self) -> ReadPolicy:
        """Read the file; its rules are parsed only when it has changed.

        Raises
        ------
        PolicyError
            It is there, and cannot be read or understood.
        """
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            if os.path.lexists(self.path):
                # Somebody wants a policy, and it is lost.
                raise PolicyError("The policy file is a link to nowhere", self.path) from None
            return ReadPolicy(None, "")
        except NotADirectoryError:
            return ReadPolicy(None, "")
        except OSError as error:
            raise PolicyError(
                f"The policy file cannot be read: {error.strerror}", self.path
            ) from None
        source = hashlib.sha256(raw).hexdigest()
        with self._lock:
            if self._last is None or self._last.source != source:
                self._last = ReadPolicy(parse_policy(raw, self.path), source)
            return self._last

    def decide(
        self,
        checked: CheckedCommand,
        resources: Sequence[Resource],
        now: datetime | None = None,
    ) -> Verdict:
        """Decide on a command by the file as it is now. Blocking, though short.

        A broken file denies everything; a missing one asks, and nothing more.

        Parameters
        ----------
        resources
            Those that the command touches, as the estate knows them.
        now
            With its time zone; the present where it is left out.
        """
        try:
            read = self.read()
        except PolicyError as error:
            return Verdict(
                decision=Decision.DENY,
                reason=f"The policy file is broken, and a broken one denies everything: {error}",
                source="broken",
            )
        if read.policy is None:
            return Verdict(decision=Decision.ASK, reason=MISSING)
        return read.policy.decide(checked, resources, now or datetime.now(UTC), source=read.source)


def parse_policy(raw: bytes, path: Path) -> Policy:
    """Parse the bytes of a policy file.

    Raises
    ------
    PolicyError
        They are not valid; every fault is named.
    """
    try:
        content = tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise PolicyError("The policy file is not UTF-8", path) from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"The policy file is not valid TOML: {error}", path) from None
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{_place(detail['loc'])}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False, include_input=False)
        )
        raise PolicyError(f"The policy file does not hold valid rules: {faults}", path) from None


def _place(path: tuple[int | str, ...]) -> str:
    """Return where a fault is, with rules counted from 1 as a reader counts them."""
    steps = [str(step + 1) if isinstance(step, int) else str(step) for step in path]
    return " ".join(steps) if steps else "the file"
