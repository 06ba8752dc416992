"""Markdown parsers on a 1 MB runbook: full parse and keystrokes.

Times are CPU time, so that other work on the machine counts little. Run it with
``python -m benchmarks markdown``. The tree-sitter rows appear when ``tree-sitter`` and
``tree-sitter-markdown`` are installed; the project does not depend on them.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from cloudops_ls.runbook.parser import parse, reparse
from cloudops_ls.runbook.text import Span, TextEdit

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from benchmarks.options import Options

SIZE = 1_000_000
SECTION = """\
## Section {n}

Stop pg-instance-main{n} before the migration, then check that `web-{n}` is *healthy* and
that the load balancer answers. See [the runbook](https://example.com/{n}).

> **CloudOps:** `pg-instance-main{n}` is an RDS PostgreSQL 14.7 instance in us-west-2.
> Stopping it takes the `main` app down.

```aws
aws rds stop-db-instance --db-instance-identifier pg-instance-main{n} \\
  --region us-west-2
```

```json output=01JD3W{n} status=success
{{ "DBInstance": {{ "DBInstanceStatus": "stopping",
   "DBInstanceIdentifier": "pg-instance-main{n}" }} }}
```

- first item {n}
- second item
  - nested

| host | state |
|------|-------|
| {n}  | up    |

"""


def runbook_text() -> str:
    sections: list[str] = []
    size = 0
    while size < SIZE:
        sections.append(SECTION.format(n=len(sections)))
        size += len(sections[-1])
    return "".join(sections)


def milliseconds(work: Callable[[], object], repeat: int = 3) -> float:
    times = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times) * 1000


Keystrokes = list[tuple[int, int, str]]  # (offset, characters removed, characters typed)


def typing_at(text: str, mark: str, where: float, typed: str) -> Keystrokes:
    """Type `typed` after `mark` and take it back, key by key."""
    offset = text.index(mark, int(len(text) * where)) + len(mark)
    there = [(offset + n, 0, key) for n, key in enumerate(typed)]
    return there + [(offset + n, 1, "") for n in reversed(range(len(typed)))]


def scenarios(text: str) -> dict[str, Keystrokes]:
    found: dict[str, Keystrokes] = {}
    for where in (0.01, 0.5, 0.97):
        at = f"at {where:.0%}"
        found[f"in a paragraph, {at}"] = typing_at(text, "before the", where, " next one")
        found[f"in a fence, {at}"] = typing_at(text, "aws rds", where, " --no-x")
        found[f"new line in a paragraph, {at}"] = typing_at(text, "healthy* and", where, "\n\n")
        found[f"opening a fence, {at}"] = typing_at(text, "up    |\n\n", where, "```\n")
        found[f"opening a comment, {at}"] = typing_at(text, "up    |\n\n", where, "<!--\n")
    return found


def report(name: str, times: list[float]) -> None:
    middle, worst = statistics.median(times) * 1000, max(times) * 1000
    print(f"  {name:<38} median {middle:8.2f} ms   worst {worst:8.2f} ms")


def measure_ours(text: str) -> None:
    print("markdown-it-py, block rules, blocks reread around the edit (cloudops_ls.runbook)")
    print(f"  full parse {milliseconds(lambda: parse(text)):.0f} ms")
    runbook = parse(text)
    print(f"  all turns and commands {milliseconds(lambda: parse_all(text)):.0f} ms with the parse")
    for name, keys in scenarios(text).items():
        times = []
        for offset, removed, typed in keys:
            start = time.process_time()
            runbook = reparse(runbook, TextEdit(Span(offset, offset + removed), typed))
            runbook.user_turn_at(offset)
            runbook.command_at(offset)
            times.append(time.process_time() - start)
        report(name, times)
    if runbook != parse(text):
        raise SystemExit("typing and taking back did not lead back to the same runbook")


def parse_all(text: str) -> None:
    runbook = parse(text)
    len(runbook.turns), len(runbook.commands)


def measure_markdown_it(text: str) -> None:
    print("markdown-it-py as it is")
    whole = MarkdownIt("commonmark").enable("table")
    blocks = MarkdownIt("commonmark").enable("table")
    blocks.core.ruler.enableOnly(["normalize", "block"])
    print(f"  full parse {milliseconds(lambda: whole.parse(text), 2):.0f} ms")
    print(f"  full parse, block rules only {milliseconds(lambda: blocks.parse(text)):.0f} ms")


def measure_tree_sitter(text: str) -> None:
    try:
        import tree_sitter
        import tree_sitter_markdown
    except ImportError:
        print("tree-sitter-markdown is not installed")
        return
    print("tree-sitter-markdown, block grammar, incremental")
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_markdown.language()))
    source = text.encode()
    print(f"  full parse {milliseconds(lambda: parser.parse(source)):.0f} ms")
    tree = parser.parse(source)

    def point(data: bytes, offset: int) -> tuple[int, int]:
        line_start = data.rfind(b"\n", 0, offset) + 1
        return data.count(b"\n", 0, line_start), offset - line_start

    for name, keys in scenarios(text).items():
        times = []
        for offset, removed, typed in keys:
            new = source[:offset] + typed.encode() + source[offset + removed :]
            begin, old_end = point(source, offset), point(source, offset + removed)
            new_end = point(new, offset + len(typed))
            start = time.process_time()
            tree.edit(offset, offset + removed, offset + len(typed), begin, old_end, new_end)
            tree = parser.parse(new, tree)
            times.append(time.process_time() - start)
            source = new
        report(name, times)


def run(_console: Console, _options: Options) -> None:
    text = runbook_text()
    print(f"{len(text):,} characters, {text.count(chr(10)):,} lines")
    measure_ours(text)
    measure_markdown_it(text)
    measure_tree_sitter(text)
