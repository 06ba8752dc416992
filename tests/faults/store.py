"""The store in the fault tests: scripted work on it, and what must be true of it afterwards."""

from __future__ import annotations

import contextlib
import copy
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine, event

from cloudops_ls.storage.service import StorageService
from tests.storage.samples import ring

from .workload import ATTEMPTS, IN_THE_CLEAR, Child, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cloudops_ls.home import Home

SYNCHRONOUS_OFF = "synchronous off"
"""Switch: nothing is made durable, so a power cut loses what was acknowledged."""


class Operation(NamedTuple):
    """One step: what it does to the store, and the same to a plain model of the store."""

    real: Callable[[StorageService], object]
    model: Callable[[Any], object]


class ScriptedWorkload(Workload):
    """Steps whose outcome is known: afterwards the store is as after the acknowledged ones.

    The step under way when the process ended may have happened or not, but not in part.
    """

    def prepare(self, home: Home) -> None:
        with self.open(home) as service:
            self.fill(service)

    def open(self, home: Home) -> StorageService:
        """Open the store of ``home``."""
        return StorageService.open(home, keys=ring(home))

    def assert_whole(self, service: StorageService) -> None:
        """Have the store check itself."""
        assert_whole(service)

    def fill(self, service: StorageService) -> None:
        """Write what is there before the first step."""

    @abstractmethod
    def initial(self) -> Any:
        """Return the model of what `fill` wrote."""

    @abstractmethod
    def operations(self, attempt: int) -> Sequence[Operation]:
        """Return the steps of an attempt; always the same ones."""

    @abstractmethod
    def state(self, service: StorageService) -> Any:
        """Return the model of what is stored; bring the books in order first."""

    def work(self, child: Child) -> None:
        if SYNCHRONOUS_OFF in child.switches:
            _never_sync()
        if IN_THE_CLEAR in child.switches:
            (child.home.data / "spilt").write_text(self.planted[0])
        with self.open(child.home) as service:
            for number, operation in enumerate(self.operations(child.attempt)):
                child.step([child.attempt, number], lambda: operation.real(service))  # noqa: B023

    def check(self, home: Home, acknowledged: Sequence[Any]) -> None:
        with self.open(home) as service:
            self.assert_whole(service)
            found = self.state(service)
        possible = [self.initial()]
        for attempt in range(ATTEMPTS):
            steps = self.operations(attempt)
            done = sum(each[0] == attempt for each in acknowledged)
            possible = [
                after
                for before in possible
                for after in (_after(before, steps[:done]), _after(before, steps[: done + 1]))
            ]
        assert found in possible, (
            f"after {len(acknowledged)} acknowledged steps the store is another one: "
            + _difference(found, possible[0])
        )


@contextlib.contextmanager
def checked(home: Home) -> Iterator[StorageService]:
    """Open the store of ``home`` as the next process would, and have it check itself."""
    with StorageService.open(home, keys=ring(home)) as service:
        assert_whole(service)
        yield service


def assert_whole(service: StorageService) -> None:
    """Check every page's authentication code, the structure, and every reference."""
    with service._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    # It reads the file alone, where a page may be torn whose whole copy is in the log.
    raw = service._database._engine.raw_connection()
    raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    with service._database.read() as connection:
        bad = connection.exec_driver_sql("PRAGMA cipher_integrity_check").all()
        assert bad == [], f"pages that cannot be decrypted: {bad}"


def _after(before: Any, steps: Sequence[Operation]) -> Any:
    state = copy.deepcopy(before)
    for step in steps:
        step.model(state)
    return state


def _difference(found: Any, expected: Any) -> str:
    if isinstance(found, dict) and isinstance(expected, dict):
        missing = sorted(map(str, expected.keys() - found.keys()))[:5]
        more = sorted(map(str, found.keys() - expected.keys()))[:5]
        other = sorted(str(key) for key in found.keys() & expected if found[key] != expected[key])
        return f"missing {missing}, unexpected {more}, different {other[:5]}"
    return str(found)[:300]


def _never_sync() -> None:
    @event.listens_for(Engine, "before_cursor_execute", retval=True)
    def off(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> tuple[str, Any]:
        if statement.startswith("PRAGMA synchronous"):
            return "PRAGMA synchronous = OFF", parameters
        return statement, parameters
