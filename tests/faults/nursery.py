"""The process whose children are killed: everything is imported once, each child is a fork.

Reads jobs from stdin, one JSON object a line, and runs one child at a time. Lines on stdout:
``{"pid"}``, then what the child tells (``done``, ``calls``, ``error``), then ``{"end"}``.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import random
import sys
import traceback
from pathlib import Path
from typing import Any

from cloudops_ls.home import Home

from .workload import CLOCK_JUMPS, Child, tell


def main() -> None:
    """Serve jobs until stdin ends."""
    for line in sys.stdin:
        job = json.loads(line)
        # Before the fork, so that every later child finds it imported.
        module, _, name = job["workload"].partition(":")
        workload = getattr(importlib.import_module(module), name)()
        pid = os.fork()
        if pid == 0:
            _be_the_child(workload, job)
        tell(pid=pid)
        _, status = os.waitpid(pid, 0)
        tell(end=os.waitstatus_to_exitcode(status))


def _be_the_child(workload: Any, job: dict[str, Any]) -> None:
    os.close(0)
    code = 1
    try:
        child = Child(
            Home(Path(job["home"])),
            job["attempt"],
            random.Random(f"{job['seed']} {job['attempt']}"),
            job["switches"],
            spared=job["seed"] == 0,
        )
        shim = ctypes.CDLL(None) if "LD_PRELOAD" in os.environ else None
        if shim is not None and CLOCK_JUMPS in child.switches:
            shim.crash_clock()
        if shim is not None and workload.talks:
            shim.crash_sends()
        if shim is not None:
            shim.crash_arm(ctypes.c_long(job["at"]), ctypes.c_int(job["manner"]))
        workload.work(child)
        if shim is not None:
            tell(calls=shim.crash_calls())
        code = 0
    except BaseException:
        tell(error=traceback.format_exc(limit=-6)[-3000:])
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
