"""What the operator of the benchmarks chose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one run.

    Attributes
    ----------
    quick
        A tenth of the samples: to see that everything works, not to claim figures.
    resources
        Size of the estate.
    """

    quick: bool = False
    resources: int = 10_000

    def samples(self, full: int) -> int:
        """How many samples to take where a full run takes ``full``."""
        return max(3, full // 10) if self.quick else full
