"""The machine, and how busy it was: figures mean nothing without."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def describe() -> str:
    """One line for the head of a run."""
    parts = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"Python {platform.python_version()}",
        f"{platform.system()} {platform.machine()}",
        f"{os.cpu_count()} cores{_model()}",
        f"load {load()}",
    )
    return " · ".join(parts)


def load() -> str:
    """The load averages of the last 1 and 5 minutes."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg()[:2])


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((f" ({line.split(':')[1].strip()})" for line in lines if "model name" in line), "")


def resident(pid: int) -> tuple[float, float]:
    """Resident memory of a process in MB (10⁶ bytes): now, and at its highest (Linux)."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    now, highest = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return now, highest


def processor_seconds(pid: int) -> float | None:
    """Processor time of all threads of a process so far (Linux): other work hardly moves it."""
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.exists():
        return None
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
