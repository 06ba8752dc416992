"""What requests mean, in the estate that the labelled set of the benchmarks is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.bench_identify import Outcome, identifier_of, outcomes
from benchmarks.operators_estate import estate
from cloudops_ls.estate.identify.model import How, Named
from cloudops_ls.estate.search.finder import Finder, Where

if TYPE_CHECKING:
    from cloudops_ls.estate.identify.identifier import Identifier
    from cloudops_ls.estate.identify.model import Candidate


@pytest.fixture(scope="module")
def known() -> tuple[Finder, Identifier]:
    return identifier_of(estate())


@pytest.fixture(scope="module")
def judged() -> list[Outcome]:
    return outcomes()


def identify(
    known: tuple[Finder, Identifier], text: str, *names: str, previous: tuple[str, ...] = ()
) -> list[Candidate]:
    finder, identifier = known
    named = [Named(name, tuple(entry.arn for entry in finder.index.find(name))) for name in names]
    arns = [entry.arn for name in previous for entry in finder.index.find(name)]
    where = Where("111122223333", "us-west-2")
    return identifier.identify(text, named, previous=arns, where=where)


def names(known: tuple[Finder, Identifier], found: list[Candidate]) -> list[str]:
    return [entry.name for one in found for entry in known[0].index.find(one.arn)]


@pytest.mark.parametrize("kind", ["exact", "ambiguous", "nothing"])
def test_names_are_never_missed_and_nothing_is_never_something(
    judged: list[Outcome], kind: str
) -> None:
    wrong = [
        one.request.text for one in judged if one.request.kind == kind and one.found != one.expected
    ]
    assert wrong == []


def test_the_labelled_requests_are_understood(judged: list[Outcome]) -> None:
    assert len(judged) >= 150
    assert sum(one.precision for one in judged) / len(judged) > 0.95
    assert sum(one.recall for one in judged) / len(judged) > 0.95


def test_each_candidate_says_how_it_was_found(known: tuple[Finder, Identifier]) -> None:
    (one,) = identify(known, "Stop pg-paymnets-prod.")
    assert (one.how, one.words) == (How.MISSPELLED, "pg-paymnets-prod")
    described = identify(known, "stop the production payments database")
    assert {one.how for one in described} == {How.DESCRIPTION}
    assert described[0].words == "database production payments"
    # The runbook's own account and region come first.
    assert names(known, described) == ["pg-payments-prod", "pg-payments-prod-eu"]
    behind = identify(known, "web servers behind shop-alb", "shop-alb")
    assert {one.how for one in behind} == {How.RELATION}
    (again,) = identify(known, "restart it", previous=("pg-audit-dev",))
    assert (again.how, again.words) == (How.PREVIOUS, "it")
    several = identify(known, "restart it", previous=("pg-audit-dev", "pg-ledger-dev"))
    assert [one.how for one in several] == [How.AMBIGUOUS, How.AMBIGUOUS]
    both = identify(known, "restart them", previous=("pg-audit-dev", "pg-ledger-dev"))
    assert [one.how for one in both] == [How.PREVIOUS, How.PREVIOUS]
    assert all(0 < one.score < 1 for one in [*described, *behind, again, *several])


def test_another_number_is_no_misspelling(known: tuple[Finder, Identifier]) -> None:
    assert identify(known, "reboot shop-web-dev-9") == []


def test_a_name_alone_is_what_is_meant(known: tuple[Finder, Identifier]) -> None:
    assert identify(known, "Stop the database pg-audit-dev now.", "pg-audit-dev") == []
    # What is asked for beside it in so many words is meant, too.
    more = identify(
        known, "Stop pg-audit-dev and all running api servers of mail in staging", "pg-audit-dev"
    )
    assert names(known, more) == ["mail-api-staging-1"]


def test_rubbish_is_nothing(known: tuple[Finder, Identifier]) -> None:
    for text in ("", " ", "\n", "?!", "\ufffc", "a" * 5000, "- - -", "the", "🙂 of 🙂", "behind"):
        assert identify(known, text) == [], text
