"""Supervise one command: a small program that outlives neither its command nor its server.

``run.py`` starts this file with an isolated interpreter, so it imports nothing but the standard
library. It reads one JSON line from standard input, starts the command in a session of its own,
and relays its output in frames. It ends the whole process group when told to, when the time is
up, and when standard input closes, which is what happens when the server dies in whatever way. On
Linux it also inherits, and ends, what left that group (``PR_SET_CHILD_SUBREAPER``).

Frames on standard output: one byte of kind, four bytes of length (big endian), then the content:

======  ==================================================================
``S``   JSON ``{"pid": …}``: the command runs
``O``   bytes of its standard output
``E``   bytes of its standard error
``F``   JSON, see ``Finish``: it ended; always the last one
``X``   JSON ``{"error": …}``: it could not be started; then nothing follows
======  ==================================================================
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

HEADER = struct.Struct(">cI")
CHUNK = 64 * 1024
GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""
_POSIX = os.name == "posix"
_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_STRAY_ROUNDS = 200

Event = tuple[str, Any]
Events = queue.SimpleQueue[Event]


class Frames:
    """Writes frames to the server; when it is gone, says so once and swallows the rest."""

    def __init__(self, descriptor: int, events: Events) -> None:
        self._descriptor = descriptor
        self._events = events
        self._lock = threading.Lock()
        self._gone = False

    def send(self, kind: bytes, content: bytes) -> None:
        """Write one frame; blocks while the server is slow, and so slows the command down."""
        with self._lock:
            if self._gone:
                return
            view = memoryview(HEADER.pack(kind, len(content)) + content)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError:
                self._gone = True
                self._events.put(("orphaned", None))

    def send_json(self, kind: bytes, content: dict[str, Any]) -> None:
        """Write one frame of JSON."""
        self.send(kind, json.dumps(content).encode("ascii"))


class Relay:
    """Passes output on until a number of bytes is reached, and then only counts it."""

    def __init__(self, frames: Frames, limit: int) -> None:
        self._frames = frames
        self._left = limit
        self._lock = threading.Lock()
        self.truncated = False

    def pump(self, kind: bytes, descriptor: int) -> None:
        """Relay one stream to its end."""
        while chunk := _read(descriptor):
            with self._lock:
                kept = chunk[: self._left]
                self._left -= len(kept)
                self.truncated = self.truncated or len(kept) < len(chunk)
            if kept:
                self._frames.send(kind, kept)
        os.close(descriptor)


class Group:
    """The command and every process it starts in its process group."""

    def __init__(self, request: dict[str, Any]) -> None:
        options: dict[str, Any] = {}
        if _POSIX:
            options = {"start_new_session": True, "preexec_fn": _dying_with_parent()}
        else:
            options = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        self._lock = threading.Lock()
        self._reaped = False
        self.process = subprocess.Popen(
            request["argv"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=request["environment"],
            cwd=request.get("cwd"),
            **options,
        )

    def wait(self) -> int:
        """Wait for the command, end what it left behind, and return its exit status."""
        if not hasattr(os, "waitid"):
            return self.process.wait()
        # Not reaped yet, so the group's number cannot belong to anyone else.
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        self.signal("SIGKILL")
        with self._lock:
            self._reaped = True
            status = self.process.wait()
        _end_strays()
        return status

    def signal(self, name: str) -> None:
        """Send a signal to the whole group."""
        with self._lock:
            if self._reaped:
                return
            try:
                if _POSIX:
                    os.killpg(self.process.pid, getattr(signal, name))
                elif name == "SIGKILL":
                    self.process.kill()
                else:
                    self.process.terminate()
            except (ProcessLookupError, PermissionError):
                return  # it has ended; macOS says EPERM for a group of zombies


def _dying_with_parent() -> Any:
    """Return a function for the new process: the kernel kills it when the supervisor dies.

    Set between fork and exec, then checked, so that there is no moment without it. Linux only;
    elsewhere the server ends the group when it sees the supervisor gone.
    """
    if not _LINUX:
        return None
    libc = _libc()
    supervisor = os.getpid()

    def bind() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(127)

    return bind


def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends. Linux only."""
    if _LINUX:
        _libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_strays() -> None:
    """End what the command started and let go of: it was handed to this process.

    Ending one hands its own children over in turn, so until there are none.
    """
    for _ in range(_STRAY_ROUNDS):
        strays = _children()
        if not strays:
            return
        for pid in strays:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError, PermissionError):
                continue


def _children() -> list[int]:
    """Return the children of this process, as far as the kernel tells."""
    found: list[int] = []
    try:
        for thread in Path("/proc/self/task").iterdir():
            found += map(int, (thread / "children").read_text(encoding="ascii").split())
    except OSError:
        return found
    return found


def supervise(group: Group, frames: Frames, events: Events, request: dict[str, Any]) -> None:
    """Relay and watch one running command to its end."""
    frames.send_json(b"S", {"pid": group.process.pid})
    relay = Relay(frames, request["output_limit"])
    streams = [
        threading.Thread(target=relay.pump, args=(kind, os.dup(stream.fileno())), daemon=True)
        for kind, stream in ((b"O", group.process.stdout), (b"E", group.process.stderr))
        if stream is not None
    ]
    for thread in (
        *streams,
        threading.Thread(target=_await_end, args=(group, events), daemon=True),
        threading.Thread(target=_listen, args=(events,), daemon=True),
    ):
        thread.start()
    for stream in (group.process.stdout, group.process.stderr):
        if stream is not None:
            stream.close()
    reason, status = _watch(group, events, request["timeout"])
    if reason == "orphaned":
        return
    for thread in streams:
        # A slow server may take its time: the command has ended, the rest is only output.
        thread.join()
    frames.send_json(
        b"F",
        {
            "exit_status": status,
            "cancelled": reason == "cancel",
            "timed_out": reason == "timeout",
            "truncated": relay.truncated,
        },
    )


def _watch(group: Group, events: Events, timeout: float | None) -> tuple[str | None, int]:
    """Wait for the end, and bring it about when asked; return the first reason and the status."""
    reason: str | None = None
    deadline = None if timeout is None else time.monotonic() + timeout
    killed = False
    while True:
        try:
            wait = None if deadline is None else max(0.0, deadline - time.monotonic())
            what, value = events.get(timeout=wait)
        except queue.Empty:
            what, value = ("kill" if reason else "timeout"), None
        if what == "ended":
            return reason, value
        if what == "kill" and not killed:
            killed, deadline = True, None
            group.signal("SIGKILL")
        elif reason is None:
            reason = what
            deadline = time.monotonic() + GRACE
            group.signal("SIGTERM")
        elif what == "orphaned" and reason != "orphaned":
            reason = what


def _await_end(group: Group, events: Events) -> None:
    events.put(("ended", group.wait()))


def _listen(events: Events) -> None:
    """Report what the server says, and its silence."""
    while data := _read(0):
        if b"cancel" in data:
            events.put(("cancel", None))
    events.put(("orphaned", None))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError:
        return b""


def _request() -> dict[str, Any] | None:
    """Read the JSON line one byte at a time: what follows it belongs to the listener."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return None
        line += byte
    request: dict[str, Any] = json.loads(line)
    return request


def main() -> None:
    """Supervise the command that standard input describes."""
    events: Events = queue.SimpleQueue()
    frames = Frames(1, events)
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: events.put(("cancel", None)))
    request = _request()
    if request is None:
        return
    _adopt_orphans()
    try:
        group = Group(request)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        frames.send_json(b"X", {"error": getattr(error, "strerror", None) or str(error)})
        return
    supervise(group, frames, events, request)


if __name__ == "__main__":
    main()
    # Threads may sit in reads that never end; there is nothing left to clean up.
    os._exit(0)
