"""What a workload is: something done step by step, and how to tell what is left of it."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Sequence

    from cloudops_ls.home import Home

ACKNOWLEDGE_FIRST = "acknowledge before the work is done"
"""Switch that every workload understands: it turns each of them red."""
IN_THE_CLEAR = "written in the clear"
"""Switch: something of what is stored lies in a file of its own."""
CLOCK_JUMPS = "clock jumps"
"""Switch that turns nothing red: the time of day jumps by years from call to call (Linux)."""
ATTEMPTS = 2
"""How often a point is run at most: what a killed run leaves is where the next one begins."""


class Workload(ABC):
    """One kind of work that may be killed at any point.

    Subclasses live in a module of their own and are built without arguments: the process that is
    killed imports them anew. `work` runs there, everything else in the process that watches.
    """

    name: ClassVar[str]
    """As it stands in the table."""
    planted: ClassVar[tuple[str, ...]] = ()
    """Texts within what is stored: no file may ever hold them, wherever the process ended."""
    talks: ClassVar[bool] = False
    """Whether what it sends to a server counts among the calls at which it may end."""

    @abstractmethod
    def prepare(self, home: Home) -> None:
        """Make the home that every attempt starts with a copy of; called once a campaign."""

    @abstractmethod
    def work(self, child: Child) -> None:
        """Do the work, a few dozen steps in well under a second, by `Child.step`.

        It may be started again on what a killed one left behind (then with another
        ``child.attempt``), and must then end well.
        """

    @abstractmethod
    def check(self, home: Home, acknowledged: Sequence[Any]) -> None:
        """Open what a killed attempt left and compare it with what was acknowledged.

        Raises
        ------
        AssertionError
            Something acknowledged is missing, or something is there that nobody wrote.
        CloudOpsError
            The store cannot be used.
        """


@dataclass
class Child:
    """The process that will be killed, as its workload sees it.

    Attributes
    ----------
    home
        To work in.
    attempt
        0, then 1, … when the work goes on after a kill.
    dice
        The same for the same point.
    switches
        Faults of the tests themselves that are turned on, to see that they are noticed.
    spared
        This run is to come to its end: workloads that kill themselves must not.
    """

    home: Home
    attempt: int
    dice: random.Random
    switches: Collection[str] = field(default=())
    spared: bool = False

    def step(self, value: Any, action: Callable[[], object]) -> None:
        """Do ``action`` and acknowledge it: from here on ``value`` must survive anything.

        Parameters
        ----------
        value
            What `Workload.check` needs to know of it; short, JSON.
        """
        if ACKNOWLEDGE_FIRST in self.switches:
            self.acknowledge(value)
            action()
        else:
            action()
            self.acknowledge(value)

    def acknowledge(self, value: Any) -> None:
        """Tell the watching process that ``value`` is durable."""
        tell(done=value)


def tell(**message: Any) -> None:
    """Send one line to the watching process, whole or not at all."""
    line = json.dumps(message).encode() + b"\n"
    if len(line) > 4096:
        raise ValueError("a longer line could be torn")
    os.write(1, line)
