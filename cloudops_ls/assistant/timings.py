"""How patient the client of a CloudOps server is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpTimings:
    """How long to wait, and how often to try; in seconds.

    Attributes
    ----------
    connect
        For a connection, TLS included.
    silence
        Between two pieces of an answer; servers send comments to stay within it.
    total
        For the whole reply, attempts and pauses included.
    attempts
        How often one request is sent at most.
    first_pause, longest_pause
        Bounds of the random, growing pause between attempts. A ``Retry-After`` longer than
        ``longest_pause`` is reported instead of waited for.
    """

    connect: float = 10
    silence: float = 60
    total: float = 120
    attempts: int = 4
    first_pause: float = 0.5
    longest_pause: float = 20
