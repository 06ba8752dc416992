"""The finder against an oracle that looks at every resource, by the rules of its docstring."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.search.finder import Finder, Quality, Where
from cloudops_ls.estate.search.fuzzy import edits_allowed
from cloudops_ls.estate.search.names import NameIndex
from cloudops_ls.estate.search.query import Filter, FilterKey, SearchQuery
from cloudops_ls.estate.search.vocabulary import Vocabulary
from cloudops_ls.storage.records import AccountRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROD, DEV = "123456789012", "210987654321"


class One(NamedTuple):
    name: str
    identifier: str
    account: str = PROD
    region: str = "us-west-2"
    kind: str = "ec2_instance"
    state: str | None = "running"
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def arn(self) -> str:
        return f"arn:aws:x:{self.region}:{self.account}:{self.kind}/{self.identifier}"


def finder_of(estate: Sequence[One]) -> Finder:
    index = NameIndex.build(
        (one.name, one.identifier, one.arn, one.kind, one.account, one.region, one.state)
        for one in estate
    )
    tags = [(one.arn, json.dumps(dict(one.tags)), None) for one in estate]
    accounts = [AccountRecord(account_id=PROD, alias="acme-production", profiles=("production",))]
    vocabulary = Vocabulary(Catalog.load(), accounts=lambda: accounts)
    return Finder(index.with_details(tags), vocabulary)


def find(finder: Finder, text: str, **where: object) -> list[str]:
    found = finder.find(SearchQuery.parse(text), 1000, Where(**where))  # type: ignore[arg-type]
    return [hit.entry.identifier for hit in found.hits]


# The oracle


def oracle_quality(one: One, text: str) -> Quality | None:
    texts = [one.name.lower(), one.identifier.lower()]
    if text in texts:
        return Quality.EXACT
    if any(each.startswith(text) for each in texts):
        return Quality.PREFIX
    words = text.split()
    if any(part.startswith(text) for part in parts(one)):
        return Quality.WORD
    if len(words) > 1 and all(
        any(part.startswith(word) for part in (*texts, *parts(one))) for word in words
    ):
        return Quality.WORD
    if len(text) >= 3 and any(text in each for each in texts):
        return Quality.ANYWHERE
    return None


def parts(one: One) -> Iterator[str]:
    for text in (one.name, one.identifier):
        for at in range(1, len(text)):
            before, here = text[at - 1], text[at]
            after_separator = before in "-_./: " and here not in "-_./: "
            hump = (
                before.isascii() and (before.islower() or before.isdigit()) and "A" <= here <= "Z"
            )
            if after_separator or hump:
                yield text[at:].lower()


def near(text: str, name: str) -> bool:
    total = 0
    words = split(text)
    if not any(len(word) >= 3 for word in words):
        return False
    for word in words:
        costs = [
            0 if part.startswith(word) else distance(word, part)
            for part in split(name)
            if part.startswith(word)
            or (
                distance(word, part) <= edits_allowed(word)
                and not part.isdigit()
                and len(part) >= 3
            )
        ]
        total += min(costs, default=9)
    return total <= 2


def split(text: str) -> list[str]:
    for separator in "_./: ":
        text = text.replace(separator, "-")
    return [word for word in text.split("-") if word]


def distance(a: str, b: str) -> int:
    """Optimal string alignment, by the textbook."""
    rows = [
        [j if i == 0 else i if j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)
    ]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            rows[i][j] = min(
                rows[i - 1][j] + 1,
                rows[i][j - 1] + 1,
                rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


def oracle(estate: Sequence[One], text: str) -> dict[str, Quality]:
    qualities = {
        one.arn: quality for one in estate if (quality := oracle_quality(one, text)) is not None
    }
    # What stands anywhere counts only when nothing begins so; a misspelling only after that.
    for group in ((Quality.EXACT, Quality.PREFIX, Quality.WORD), (Quality.ANYWHERE,)):
        kept = {arn: quality for arn, quality in qualities.items() if quality in group}
        if kept:
            return kept
    for near_enough in (near, lambda text, name: distance(text, name) <= edits_allowed(text)):
        kept = {
            one.arn: Quality.MISSPELLED
            for one in estate
            if edits_allowed(text) and near_enough(text, one.name.lower())
        }
        if kept:
            return kept
    return {}


WORDS = st.sampled_from(["web", "pay", "payments", "paymnets", "main1", "db", "Api", "1", "12"])
NAMES = st.one_of(
    st.lists(WORDS, min_size=1, max_size=3).map("-".join),
    st.text(st.sampled_from("abAB-_.19é "), min_size=1, max_size=9),
)
ESTATES = st.lists(
    st.builds(
        One,
        name=NAMES,
        identifier=st.just("?"),
        account=st.sampled_from([PROD, DEV]),
        region=st.sampled_from(["us-west-2", "eu-west-1"]),
        kind=st.sampled_from(["ec2_instance", "rds_instance"]),
        state=st.sampled_from(["running", "stopped", None]),
        tags=st.sampled_from([(), (("env", "prod"),), (("env", "dev"), ("Cost Centre", "4 2"))]),
    ),
    max_size=25,
).map(lambda estate: [one._replace(identifier=f"id-{n}") for n, one in enumerate(estate)])
TEXTS = st.one_of(NAMES, st.text(st.sampled_from("abpwy-_1 "), min_size=1, max_size=5))


@settings(max_examples=120, deadline=None)
@given(ESTATES, TEXTS)
def test_it_finds_what_looking_at_every_name_finds(estate: list[One], text: str) -> None:
    query = SearchQuery.parse(text)
    if not query.text:
        return
    found = finder_of(estate).find(
        query, 1000, Where(PROD, "us-west-2", recent=[one.arn for one in estate[:3]])
    )
    expected = oracle(estate, query.text.lower())
    assert {hit.entry.arn: hit.quality for hit in found.hits} == expected
    # Better ways come first; within one, the runbook's place does, then what was just mentioned.
    recent = [one.arn for one in estate[:3]]
    ranks = [
        (
            hit.quality,
            hit.edits,
            _level(hit.entry.account_id, hit.entry.region),
            recent.index(hit.entry.arn) if hit.entry.arn in recent else len(recent),
        )
        for hit in found.hits
        if hit.quality != Quality.MISSPELLED and len(query.text.split()) == 1
    ]
    assert ranks == sorted(ranks)


def _level(account: str, region: str) -> int:
    return (
        (0 if region == "us-west-2" else 1)
        if account == PROD
        else 2
        if region == "us-west-2"
        else 3
    )


FILTERS: list[tuple[str, object]] = [
    ("type:rds", lambda one: one.kind == "rds_instance"),
    ("type:database,server", lambda one: True),
    ("-type:ec2_*", lambda one: one.kind != "ec2_instance"),
    ("region:ireland", lambda one: one.region == "eu-west-1"),
    ("region:us-*", lambda one: one.region == "us-west-2"),
    ("state:stopped", lambda one: one.state == "stopped"),
    ("-state:Running", lambda one: one.state != "running"),
    ("account:acme-production", lambda one: one.account == PROD),
    ("account:production", lambda one: one.account == PROD),
    ("-account:" + PROD, lambda one: one.account == DEV),
    ("tag:env=prod", lambda one: ("env", "prod") in one.tags),
    ("tag:env", lambda one: bool(one.tags)),
    ('tag:"cost centre"="4 2"', lambda one: len(one.tags) == 2),
    ("tag:ENV=p*,x", lambda one: ("env", "prod") in one.tags),
    ("-tag:env=dev", lambda one: ("env", "dev") not in one.tags),
]


@settings(max_examples=80, deadline=None)
@given(ESTATES, TEXTS, st.lists(st.sampled_from(FILTERS), min_size=1, max_size=2))
def test_filters_take_away_what_does_not_pass(
    estate: list[One], text: str, filters: list[tuple[str, object]]
) -> None:
    finder = finder_of(estate)
    typed = " ".join([*(one for one, _ in filters), text])
    passing = [one for one in estate if all(test(one) for _, test in filters)]  # type: ignore[operator]
    assert set(find(finder, " ".join(one for one, _ in filters))) == {
        one.identifier for one in passing
    }
    words = SearchQuery.parse(typed).text.lower()
    if words:
        expected = oracle(passing, words)
        found = finder.find(SearchQuery.parse(typed), 1000)
        assert {hit.entry.arn: hit.quality for hit in found.hits} == expected


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("pg-instnace-main1", "pg-instance-main1"),
        ("pg-instnace-ma", "pg-instance-main1"),
        ("pginstancemain1", "pg-instance-main1"),
        ("pg_instance_main1", "pg-instance-main1"),
        ("pg-nstance-mian1", "pg-instance-main1"),
        ("chekcout", "checkout-api"),
        ("INSTNCE", "pg-instance-main1"),
        ("stance", "pg-instance-main1"),
        ("main1 pg", "pg-instance-main1"),
    ],
)
def test_misspelt_cut_and_turned_names_are_found(typed: str, name: str) -> None:
    estate = [One(text, text) for text in ("pg-instance-main1", "checkout-api", "web-1", "web-2")]
    assert find(finder_of(estate), typed) == [name]


def test_another_number_is_the_worse_misspelling() -> None:
    estate = [One(name, name) for name in ("main-2", "mani-1", "moon-7")]
    assert find(finder_of(estate), "main-1")[0] == "mani-1"


def test_filters_that_nothing_fulfils_are_told() -> None:
    finder = finder_of([One("web", "w"), One("db", "d", kind="rds_instance", state="available")])
    found = finder.find(SearchQuery.parse("type:rds state:stoped tag:env=prod"))
    assert found.hits == []
    assert [str(one) for one in found.unmatched] == ["state:stoped", "tag:env=prod"]
    # Each exists, only not together.
    found = finder.find(SearchQuery.parse("type:rds state:running"))
    assert (found.hits, found.unmatched) == ([], ())


def test_a_query_is_taken_apart_as_it_is_typed() -> None:
    parse = SearchQuery.parse
    assert parse("  web   1 ") == SearchQuery("web 1")
    assert parse("web type: 1") == SearchQuery("web 1"), "a filter without a value does not count"
    assert parse('a Type:rds,ec2 tag:"k x"="v, =w" -state:stopped b') == SearchQuery(
        "a b",
        (
            Filter(FilterKey.TYPE, ("rds", "ec2")),
            Filter(FilterKey.TAG, ("v, =w",), "k x"),
            Filter(FilterKey.STATE, ("stopped",), excluded=True),
        ),
    )
    assert parse("tag:env=").filters == (Filter(FilterKey.TAG, (), "env"),)
    assert parse('state:"still typ').filters == (Filter(FilterKey.STATE, ("still typ",)),)
    assert parse("arn:aws:rds:us-west-2:1:db:x").filters == ()
    assert parse("mytype:rds").filters == ()


@given(st.text(st.sampled_from('ab:=,"- *typegtag')))
def test_printing_a_query_and_reading_it_again_changes_nothing(text: str) -> None:
    query = SearchQuery.parse(text)
    if not any('"' in value for one in query.filters for value in (*one.values, one.tag or "")):
        again = SearchQuery.parse(" ".join([*map(str, query.filters), query.text]))
        assert again.filters == query.filters


def test_names_that_are_gone_are_not_found() -> None:
    estate = [One(f"web-{n}", f"i-{n}") for n in range(3)]
    finder = finder_of(estate)
    over = finder.over(finder.index.updated({}, [estate[1].arn]))
    for text in ("web", "web-1", "eb-", "wbe-1", "type:ec2", ""):
        assert "i-1" not in find(over, text), text
    assert "i-1" in find(finder, "web")
