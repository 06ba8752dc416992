"""Kill a workload at random points, look at what is left, and count.

A campaign is one workload killed at so many points. A point is one of three kinds: before, within
or at a power cut in the n-th call that changes a file (by ``crash_shim.c``); after a random time;
right after a random acknowledgement. One point in three is killed twice: the second time while
it starts again on what the first one left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from tests.storage.needles import assert_nothing_readable, encodings, files_below

from .workload import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .workload import Workload

POINTS = int(os.environ.get("CLOUDOPS_FAULT_POINTS", "0"))
"""Points in all, shared out between the workloads; 0 is the small number of ``make test``."""
FEW = 4
"""Points of one workload in ``make test``."""
PATIENCE = 120.0
KILL, TORN, POWER_CUT = range(3)
_ROOT = Path(__file__).parents[2]
_SHIM = Path(__file__).with_name("crash_shim.c")


def points(share: int) -> int:
    """Return how many points a workload gets that is to have ``share`` of 200."""
    return max(FEW, round(POINTS * share / 200)) if POINTS else FEW


@dataclass
class Tally:
    """What a campaign, or another fault test, found; one line of the table."""

    what: str
    points: int = 0
    hit: int = 0
    """Points at which the work was still going on."""
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    """One line for each point at which something acknowledged was missing or wrong."""
    unnamed: list[str] = field(default_factory=list)
    """Failures without a clear message: tracebacks, checks that the database itself fails."""

    @property
    def red(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.lost or self.unnamed)

    def as_line(self) -> dict[str, Any]:
        """Return what the table prints."""
        return {
            "what": self.what,
            "points": self.points,
            "hit": self.hit,
            "acknowledged": self.acknowledged,
            "lost": len(self.lost),
            "unnamed": len(self.unnamed),
        }

    def __str__(self) -> str:
        return "\n".join((f"{self.what}: {self.points} points", *self.lost, *self.unnamed))


@dataclass(frozen=True)
class Run:
    """How one child ended."""

    acknowledged: list[Any]
    code: int
    seconds: float
    calls: int | None
    error: str | None

    @property
    def killed(self) -> bool:
        """Whether it was still at work."""
        return self.code == -signal.SIGKILL


class Nursery:
    """A process of its own that forks the children; close it to end them all."""

    def __init__(self) -> None:
        shim = _build_shim()
        environment = {
            name: value
            for name, value in os.environ.items()
            # Coverage would write files of its own at every fork.
            if not name.startswith(("COVERAGE", "COV_"))
        }
        self.syscalls = shim is not None
        if shim is not None:
            environment["LD_PRELOAD"] = str(shim)
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=_ROOT,
        )
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)

    def run(
        self,
        workload: Workload,
        home: Home,
        *,
        attempt: int = 0,
        seed: int = 0,
        switches: Collection[str] = (),
        at: int = 0,
        manner: int = KILL,
        after: float | None = None,
        at_step: int | None = None,
    ) -> Run:
        """Run one child to its end, or kill it.

        Parameters
        ----------
        at, manner
            The call that changes a file in which it ends, and how; 0 for never.
        after
            Seconds after which it is killed.
        at_step
            Killed when it acknowledged so many steps.
        """
        job = {
            "workload": f"{type(workload).__module__}:{type(workload).__name__}",
            "home": str(home.root),
            "attempt": attempt,
            "seed": seed,
            "switches": list(switches),
            "at": at,
            "manner": manner,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        pid = 0
        told: dict[str, Any] = {}
        acknowledged: list[Any] = []
        began = time.monotonic()
        while "end" not in told:
            wait = PATIENCE if after is None or pid == 0 else after
            try:
                line = self._lines.get(timeout=max(0.0, began + wait - time.monotonic()))
            except queue.Empty:
                if after is None:
                    raise TimeoutError(f"{workload.name} did not end") from None
                _kill(pid)
                after = None
                continue
            if line is None:
                raise RuntimeError("the nursery ended")
            if "done" in line:
                acknowledged.append(line["done"])
            elif "pid" in line:
                pid, began = line["pid"], time.monotonic()
            else:
                told |= line
            if at_step is not None and pid and len(acknowledged) >= at_step:
                _kill(pid)
                at_step = None
        return Run(
            acknowledged,
            told["end"],
            time.monotonic() - began,
            told.get("calls"),
            told.get("error"),
        )

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)


def campaign(
    workload: Workload,
    where: Path,
    count: int,
    *,
    seed: int = 1,
    switches: Collection[str] = (),
    until_red: bool = False,
) -> Tally:
    """Kill ``workload`` at ``count`` points below the empty directory ``where``.

    Parameters
    ----------
    switches
        Faults put in on purpose.
    until_red
        Stop at the first point that lost something.

    Returns
    -------
    Tally
        What was lost; the homes of points that lost something are left in ``where``.
    """
    tally = Tally(f"kill: {workload.name}" + "".join(f" [{each}]" for each in switches))
    dice = random.Random(f"{workload.name} {seed}")
    needles = [coded for text in workload.planted for coded in encodings(text)]
    template = Home(where / "template")
    workload.prepare(template)
    with Nursery() as nursery:
        whole = _copy(template, where / "whole")
        calm = nursery.run(workload, whole, switches=switches)
        assert calm.code == 0, calm.error
        assert calm.acknowledged, "a workload that acknowledges nothing proves nothing"
        workload.check(whole, calm.acknowledged)
        for number in range(count):
            if until_red and tally.red:
                break
            tally.points += 1
            home = _copy(template, where / f"point-{number}")
            runs = []
            for attempt in range(ATTEMPTS if dice.random() < 1 / 3 else 1):
                runs.append(
                    nursery.run(
                        workload,
                        home,
                        attempt=attempt,
                        seed=seed + number,
                        switches=switches,
                        **_fate(dice, calm, nursery),
                    )
                )
                if runs[-1].error is not None:
                    break
            acknowledged = [value for run in runs for value in run.acknowledged]
            tally.hit += any(run.killed for run in runs)
            tally.acknowledged += len(acknowledged)
            point = f"  point {number} of seed {seed}"
            for run in runs:
                if run.error is not None:
                    tally.unnamed.append(f"{point}: the work itself failed\n{run.error}")
            before = len(tally.lost) + len(tally.unnamed)
            if needles:
                left = files_below(home.root)
                judge(tally, point, lambda: assert_nothing_readable(left, needles))  # noqa: B023
            judge(tally, point, lambda: workload.check(home, acknowledged))  # noqa: B023
            if len(tally.lost) + len(tally.unnamed) == before:
                shutil.rmtree(home.root)
    return tally


def judge(tally: Tally, point: str, check: Callable[[], None]) -> None:
    """Run ``check`` and put down what it finds."""
    try:
        check()
    except (AssertionError, CloudOpsError) as error:
        tally.lost.append(f"{point}: {str(error)[:600]}")
    except Exception as error:
        tally.unnamed.append(f"{point}: {type(error).__name__}: {str(error)[:600]}")


def _fate(dice: random.Random, calm: Run, nursery: Nursery) -> dict[str, Any]:
    """Choose where a child ends."""
    kinds = ["time", "step"] + ["call"] * 4 * nursery.syscalls
    match dice.choice(kinds):
        case "time":
            return {"after": dice.uniform(0, calm.seconds)}
        case "step":
            return {"at_step": dice.randint(1, len(calm.acknowledged))}
        case _:
            manner = dice.choice((KILL, TORN, POWER_CUT, POWER_CUT))
            return {"at": dice.randint(1, calm.calls or 1), "manner": manner}


def _copy(template: Home, to: Path) -> Home:
    if template.root.exists():
        shutil.copytree(template.root, to)
    return Home(to)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@cache
def _build_shim() -> Path | None:
    """Compile the shim once; None where there is no compiler or no ``LD_PRELOAD``."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        return None
    digest = hashlib.sha256(_SHIM.read_bytes()).hexdigest()[:16]
    built = _ROOT / ".pytest_cache" / f"crash_shim.{digest}.so"
    if not built.exists():
        built.parent.mkdir(exist_ok=True)
        own = built.with_suffix(f".{os.getpid()}")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", own, _SHIM, "-ldl"],
            check=True,
            timeout=PATIENCE,
        )
        own.replace(built)
    return built
