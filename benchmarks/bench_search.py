"""Search by name in memory: what each way costs, and what other structures would.

In processor time of the thread: nothing here waits, and a shared machine would drown it.
"""

from __future__ import annotations

import gc
import json
import random
import re
import sqlite3
import tracemalloc
from bisect import bisect_left
from time import process_time, thread_time
from typing import TYPE_CHECKING, TypeVar

from benchmarks.estate import resources
from benchmarks.figures import Row, show
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.search.finder import Finder, Where
from cloudops_ls.estate.search.names import NameIndex
from cloudops_ls.estate.search.query import SearchQuery
from cloudops_ls.estate.search.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from benchmarks.options import Options
    from cloudops_ls.storage.resource import Resource

T = TypeVar("T")

ROUNDS = 1000
LIMIT = 100
_PART = re.compile(r"(?<=[-_./: ])(?=[^-_./: ])")
FILTERS = (
    "type:rds", "state:running", "region:ireland", "tag:env=prod", "account:444455556666",
    "type:ec2 region:eu-west-1 tag:app=payments", "-type:ec2 tag:team=team-*",
)  # fmt: skip


def run(console: Console, options: Options) -> None:
    estate = list(resources(options.resources))
    finder, seconds, megabytes = _built(lambda: _finder(estate))
    rows = []
    queries = _queries(estate, options.samples(ROUNDS))
    where = Where("111122223333", "us-west-2", [one.name for one in estate[:20]])
    for what, texts in queries.items():
        samples = _times(lambda text: finder.find(SearchQuery.parse(text), LIMIT, where), texts)
        rows.append(Row(what, samples))
    show(console, f"Search by name and filters, {len(estate):,} resources, processor time", rows)
    console.print(f"built in {seconds:.2f} s of processor time; {megabytes:.1f} MB")
    _structures(console, estate, queries["the start of a name"])


def _finder(estate: Sequence[Resource]) -> Finder:
    index = NameIndex.build(
        (
            one.name,
            one.identifier,
            one.arn,
            one.resource_type,
            one.account_id,
            one.region,
            one.state,
        )
        for one in estate
    )
    tags = (
        (
            one.arn,
            json.dumps({key: value for key, value in one.tags.items() if key != "Name"}),
            one.engine,
        )
        for one in estate
    )
    return Finder(index.with_details(tags), Vocabulary(Catalog.load())).prepare()


def _queries(estate: Sequence[Resource], count: int) -> dict[str, list[str]]:
    chance = random.Random(11)
    names = [chance.choice(estate).name for _ in range(count)]
    identifiers = [chance.choice(estate).identifier for _ in range(count)]

    def cut(text: str, shortest: int = 2) -> str:
        return text[: chance.randint(min(shortest, len(text)), len(text))]

    def misspelt(text: str) -> str:
        letters = [place for place, each in enumerate(text) if each.isalpha()]
        for place in chance.sample(letters, 2):
            text = f"{text[:place]}{chance.choice('qxzj')}{text[place + 1 :]}"
        return text

    def within(text: str) -> str:
        start = chance.randint(1, 4)
        return text[start : start + chance.randint(4, 9)]

    return {
        "the whole name": names,
        "the start of a name": [cut(name) for name in names],
        "two letters": [name[:2] for name in names],
        "the start of an identifier": [cut(text, 3) for text in identifiers],
        "the start of a word inside": [
            cut(chance.choice(name.split("-")[1:])) for name in names if "-" in name
        ],
        "letters inside a word": [within(name) for name in names],
        "two words, turned round": [
            " ".join(reversed(name.split("-")[:2])) for name in names if "-" in name
        ],
        "two letters wrong": [misspelt(name) for name in names],
        "filters alone": [chance.choice(FILTERS) for _ in names],
        "filters and the start of a name": [f"{chance.choice(FILTERS)} {cut(n)}" for n in names],
        "nothing like it": ["zzqqxx-" + name[::-1] for name in names],
    }


def _structures(console: Console, estate: Sequence[Resource], prefixes: Sequence[str]) -> None:
    """Compare structures that find names by the start of any word in them."""
    names = [one.name.lower() for one in estate]
    rows: list[Row] = []
    costs: list[str] = []
    makers: dict[str, Callable[[], Callable[[str], object]]] = {
        "keys in order (this one), no account or region preferred": lambda: _ours(estate),
        "all words' ends in one sorted list": lambda: _sorted_suffixes(names),
        "trigrams in a dictionary": lambda: _trigrams(names),
        "SQLite FTS5 with trigrams, in memory": lambda: _fts(names),
        "looking at every name": lambda: _linear(names),
        "rapidfuzz over every name, two misspellings": lambda: _fuzzy(names),
    }
    for what, make in makers.items():
        find, seconds, megabytes = _built(make)
        few = prefixes if len(rows) < 4 else prefixes[: max(10, len(prefixes) // 20)]
        samples = _times(find, few)
        rows.append(Row(what, samples, rows[0].samples if rows else None))
        costs.append(f"{what}: built in {seconds:.2f} s, {megabytes:.1f} MB")
    show(console, "Structures for the start of any word, 100 results at most, processor time", rows)
    for cost in costs:
        console.print(cost)


def _ours(estate: Sequence[Resource]) -> Callable[[str], object]:
    finder = _finder(estate)
    return lambda text: finder.find(SearchQuery(text), LIMIT)


def _sorted_suffixes(names: Sequence[str]) -> Callable[[str], object]:
    pairs = sorted(
        (name[start:], number)
        for number, name in enumerate(names)
        for start in (0, *(match.start() for match in _PART.finditer(name, 1)))
    )
    texts, numbers = [text for text, _ in pairs], [number for _, number in pairs]

    def find(prefix: str) -> list[int]:
        found = []
        for place in range(bisect_left(texts, prefix), len(texts)):
            if not texts[place].startswith(prefix) or len(found) == LIMIT:
                break
            found.append(numbers[place])
        return found

    return find


def _trigrams(names: Sequence[str]) -> Callable[[str], object]:
    grams: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        for gram in {name[at : at + 3] for at in range(len(name) - 2)}:
            grams.setdefault(gram, []).append(number)

    def find(text: str) -> list[int]:
        if len(text) < 3:
            return [n for n, name in enumerate(names) if text in name][:LIMIT]
        lists = [grams.get(text[at : at + 3], []) for at in range(len(text) - 2)]
        return [n for n in min(lists, key=len) if text in names[n]][:LIMIT]

    return find


def _fts(names: Sequence[str]) -> Callable[[str], object]:
    base = sqlite3.connect(":memory:")
    base.execute("CREATE VIRTUAL TABLE n USING fts5(name, tokenize='trigram', detail='none')")
    base.executemany("INSERT INTO n VALUES (?)", ((name,) for name in names))
    query = f"SELECT rowid FROM n WHERE name LIKE ? LIMIT {LIMIT}"
    return lambda text: base.execute(query, (f"%{text}%",)).fetchall()


def _linear(names: Sequence[str]) -> Callable[[str], object]:
    return lambda text: [n for n, name in enumerate(names) if text in name][:LIMIT]


def _fuzzy(names: Sequence[str]) -> Callable[[str], object]:
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import extract

    return lambda text: extract(text, names, scorer=OSA.distance, score_cutoff=2, limit=LIMIT)


def _built(make: Callable[[], T]) -> tuple[T, float, float]:
    """Build something twice: once for the time, once for the memory."""
    started = process_time()
    make()
    seconds = process_time() - started
    gc.collect()
    tracemalloc.start()
    built = make()
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return built, seconds, used / 1e6


def _times(find: Callable[[str], object], texts: Sequence[str]) -> list[float]:
    samples = []
    for text in texts:
        started = thread_time()
        find(text)
        samples.append((thread_time() - started) * 1000)
    return samples
