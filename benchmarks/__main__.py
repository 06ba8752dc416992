"""``python -m benchmarks``: run all benchmarks, or those that are named."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks import (
    bench_ask,
    bench_backup,
    bench_commands,
    bench_identify,
    bench_keystroke,
    bench_markdown,
    bench_memory,
    bench_requests,
    bench_scan,
    bench_search,
    bench_startup,
    bench_storage,
    bench_vectors,
    machine,
)
from benchmarks.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: dict[str, Callable[[Console, Options], None]] = {
    "startup": bench_startup.run,
    "requests": bench_requests.run,
    "search": bench_search.run,
    "identify": bench_identify.run,
    "ask": bench_ask.run,
    "keystroke": bench_keystroke.run,
    "commands": bench_commands.run,
    "vectors": bench_vectors.run,
    "memory": bench_memory.run,
    "storage": bench_storage.run,
    "scan": bench_scan.run,
    "backup": bench_backup.run,
    "markdown": bench_markdown.run,
}
USUAL = [name for name in BENCHMARKS if name != "markdown"]
"""Choosing between parsers is not everybody's benchmark."""


def main() -> int:
    """Run them; the exit code is about errors, never about speed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the samples")
    parser.add_argument("--resources", type=int, default=10_000, help="size of the estate")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    options = Options(quick=arguments.quick, resources=arguments.resources)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(machine.describe())
    failed = 0
    for name in arguments.names or USUAL:
        try:
            BENCHMARKS[name](console, options)
        except Exception:
            failed += 1
            console.print_exception()
        console.print(f"[dim]{name} done · load {machine.load()}[/dim]")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
