from __future__ import annotations

import pytest

from cloudops_ls.storage.search_text import name_parts, search_text

from .samples import resource


def test_everything_an_operator_may_call_it_is_in_the_text() -> None:
    text = search_text(
        resource("pg-instance-main1"), words=("RDS database instance", "db", "postgresql")
    )
    for word in ("pg-instance-main1", "main", "RDS database instance", "postgresql", "postgres"):
        assert word in text
    for word in ("available", "us-west-2", "env production", "app main", "14.7"):
        assert word in text


def test_each_piece_stands_there_once() -> None:
    text = search_text(resource("db", identifier="db"), words=("db",))
    assert text.split().count("db") == 1


def test_it_does_not_depend_on_the_order_of_tags_or_on_when_it_was_seen() -> None:
    one = resource("db", tags={"a": "1", "b": "2"})
    two = resource("db", tags={"b": "2", "a": "1"}, last_synced="2030-01-01T00:00:00Z")
    assert search_text(one) == search_text(two)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("pg-instance-main1", ["main", "1"]),
        ("orderService", ["order", "Service"]),
        ("HTTPServer2", ["HTTP", "Server", "2"]),
        ("web", []),
        ("snake_case-kebab", []),
        ("i-0abc12de34ff56a78", []),
        ("", []),
        ("größe-日本", []),
    ],
)
def test_words_hidden_in_names(name: str, parts: list[str]) -> None:
    assert name_parts(name) == parts
