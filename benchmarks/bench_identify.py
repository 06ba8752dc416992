"""Identification: what labelled requests mean, and how long it takes at any size."""

from __future__ import annotations

import json
import random
import tomllib
from pathlib import Path
from time import thread_time
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.table import Table

from benchmarks import estate as generated
from benchmarks import operators_estate
from benchmarks.figures import Budget, Row, show
from cloudops_ls.assistant.request import enrich
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.identify.identifier import Identifier
from cloudops_ls.estate.identify.lexicon import Lexicon
from cloudops_ls.estate.identify.model import Named
from cloudops_ls.estate.identify.relations import Relations
from cloudops_ls.estate.search.finder import Finder, Where
from cloudops_ls.estate.search.names import NameIndex
from cloudops_ls.estate.search.places import Places
from cloudops_ls.estate.search.vocabulary import Vocabulary
from cloudops_ls.home import Home
from cloudops_ls.runbook.mentions import find_mentions
from cloudops_ls.storage.service import StorageService

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from benchmarks.options import Options
    from cloudops_ls.storage.resource import Resource

ROUNDS = 4
BUDGET_P95 = 150.0
MOST_SENT = 100


class Request(NamedTuple):
    kind: str
    text: str
    meaning: str
    before: str = ""


class Outcome(NamedTuple):
    request: Request
    expected: frozenset[str]
    found: frozenset[str]

    @property
    def precision(self) -> float:
        if not self.found:
            return 1.0
        return len(self.found & self.expected) / len(self.found)

    @property
    def recall(self) -> float:
        if not self.expected:
            return 1.0 if not self.found else 0.0
        return len(self.found & self.expected) / len(self.expected)


def requests() -> list[Request]:
    data = tomllib.loads((Path(__file__).parent / "requests.toml").read_text())
    return [Request(kind, *entry) for kind, entries in data.items() for entry in entries]


def meant(estate: Sequence[Resource], meaning: str) -> frozenset[str]:
    """The ARNs of what a label means; independent of everything it is to judge."""
    found: set[str] = set()
    for alternative in filter(None, meaning.split(" or ")):
        conditions = [one.split("=", 1) for one in alternative.split(" ")]
        found.update(
            one.arn
            for one in estate
            if all(_value(one, key) in values.split("|") for key, values in conditions)
        )
    return frozenset(found)


def _value(one: Resource, key: str) -> str:
    columns = {
        "type": one.resource_type,
        "name": one.name,
        "region": one.region,
        "state": one.state or "",
        "engine": one.engine or "",
    }
    return columns[key] if key in columns else one.tags.get(key, "")


def identifier_of(estate: Sequence[Resource]) -> tuple[Finder, Identifier]:
    catalog, places = Catalog.load(), Places.load()
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
    ).with_details(
        (
            one.arn,
            json.dumps({key: value for key, value in one.tags.items() if key != "Name"}),
            one.engine,
        )
        for one in estate
    )
    accounts = operators_estate.accounts()
    finder = Finder(index, Vocabulary(catalog, places, lambda: accounts))
    finder.prepare()
    relations = Relations(index, catalog, ((one.arn, json.dumps(one.metadata)) for one in estate))
    return finder, Identifier(finder, Lexicon(catalog, places), relations, accounts)


def identified(
    finder: Finder, identifier: Identifier, text: str, before: Sequence[str], where: Where
) -> frozenset[str]:
    """Everything that would go along with a request, named or found."""
    named = [
        Named(mention.text, tuple(entry.arn for entry in finder.index.find(mention.target)))
        for mention in find_mentions(text, finder.index)
    ]
    found = identifier.identify(text, named, previous=before, where=where)
    return frozenset([*(arn for one in named for arn in one.arns), *(one.arn for one in found)])


def outcomes() -> list[Outcome]:
    estate = operators_estate.estate()
    finder, identifier = identifier_of(estate)
    where = Where("111122223333", "us-west-2")
    return [
        Outcome(
            one,
            meant(estate, one.meaning),
            identified(finder, identifier, one.text, sorted(meant(estate, one.before)), where),
        )
        for one in requests()
    ]


def run(console: Console, options: Options) -> None:
    _quality(console, outcomes())
    _speed(console, options)


def _quality(console: Console, results: Sequence[Outcome]) -> None:
    table = Table(box=box.ROUNDED if console.is_terminal else box.MARKDOWN)
    for name in ("kind", "requests", "precision", "recall", "exactly right"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    kinds = list(dict.fromkeys(one.request.kind for one in results))
    for kind in (*kinds, "all of them"):
        some = [one for one in results if kind in (one.request.kind, "all of them")]
        table.add_row(
            kind,
            str(len(some)),
            f"{sum(one.precision for one in some) / len(some):.3f}",
            f"{sum(one.recall for one in some) / len(some):.3f}",
            f"{sum(one.found == one.expected for one in some)}",
        )
    console.print(f"\n### Identification, {len(results)} requests, 2,000 resources")
    console.print(table)
    for one in results:
        if one.found != one.expected:
            console.print(
                f"{one.request.kind}: {one.request.text!r}: {len(one.found & one.expected)} right, "
                f"{len(one.found - one.expected)} too many, "
                f"{len(one.expected - one.found)} missing",
                markup=False,
            )


def _speed(console: Console, options: Options) -> None:
    """Everything but the model call: from the paragraph to the records that are sent."""
    estate = operators_estate.estate()
    estate += generated.resources(max(options.resources - len(estate), 0))
    finder, identifier = identifier_of(estate)
    where = Where("111122223333", "us-west-2")
    texts = requests()
    random.Random(3).shuffle(texts)
    samples: list[float] = []
    with (
        generated.environment(None) as variables,
        generated.inside(variables),
        StorageService.open(Home.locate()) as storage,
    ):
        storage.estate.bulk_upsert(estate)
        for one in texts * (1 if options.quick else ROUNDS):
            before = sorted(meant(estate[: operators_estate.COUNT], one.before))
            started = thread_time()
            found = identified(finder, identifier, one.text, before, where)
            for record in storage.estate.load(list(found)[:MOST_SENT]):
                enrich(record)
            samples.append((thread_time() - started) * 1000)
    show(
        console,
        f"Identify and enrich, {len(estate):,} resources, processor time",
        [Row("all requests", samples, budget=Budget(p95=BUDGET_P95))],
    )
